"""Objectives and error budgets (rule A7)."""

from __future__ import annotations

import pytest

from camwatch.accounting.objectives import error_budget_ms, objective_met


def test_an_error_budget_is_exact_where_a_float_is_not() -> None:
    """1 - 0.999 is a little more than 0.001 as a float."""
    assert error_budget_ms(0.999, 86_400_000) == 86_400
    assert error_budget_ms(0.9, 9) == 0


@pytest.mark.parametrize(
    ("part", "whole", "met"), [(999, 1000, True), (998, 1000, False), (0, 0, None), (1000, 1000, True)]
)
def test_an_objective_is_met_from_its_ratio_on(part: int, whole: int, met: bool | None) -> None:
    assert objective_met(0.999, part, whole) is met
