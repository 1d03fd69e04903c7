"""Objectives and error budgets, exactly (rule A7)."""

from __future__ import annotations

from fractions import Fraction


def error_budget_ms(objective: float, covered_ms: int) -> int:
    """Return (1 - objective) x covered time in whole milliseconds, rounded down."""
    return int((1 - Fraction(str(objective))) * covered_ms)


def objective_met(objective: float, part: int, whole: int) -> bool | None:
    """Return whether a ratio reaches the objective; None without a whole."""
    return part >= Fraction(str(objective)) * whole if whole > 0 else None
