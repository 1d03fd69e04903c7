"""Messages beyond a camera's budget of an interval are rejected."""

from __future__ import annotations

from camwatch.core.message_budget import MessageBudget
from tests.support.fleet import World


def test_a_run_lasts_an_interval_or_as_many_messages() -> None:
    """A proof raises `heartbeats`, any other message lowers `budget`: a run is over when they meet."""
    camera, budget = World().camera(), MessageBudget(3)
    budget.renew(camera)
    assert camera.budget == camera.heartbeats
    assert not budget.is_over(camera, 100.0, kept=False)
    assert camera.budget - camera.heartbeats == 3
    budget.charge(camera)
    assert camera.budget - camera.heartbeats == 2
    assert budget.is_over(camera, 109.9, kept=False)
    assert not budget.is_over(camera, 110.0, kept=False)


def test_a_backlog_exceeds_no_budget_and_starts_a_run_that_may_end_at_once() -> None:
    camera, budget = World().camera(), MessageBudget(3)
    assert not budget.is_over(camera, 100.0, kept=True)
    assert not budget.is_over(camera, 100.0, kept=False)


def test_a_late_heartbeat_that_added_to_the_record_is_not_counted() -> None:
    camera, budget = World().camera(), MessageBudget(3)
    budget.renew(camera)
    camera.late_proved_more = True
    budget.charge(camera)
    assert camera.budget == camera.heartbeats
    budget.charge(camera)
    assert camera.budget == camera.heartbeats - 1
