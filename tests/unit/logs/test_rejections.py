"""Refused messages: counted by reason, told at a bounded rate, strangers remembered (rule V5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from camwatch.core.model import Instant
from camwatch.errors import RejectReason
from camwatch.rejections import (
    IDS_KEPT,
    LINES_PER_PERIOD,
    LOG_EVERY_S,
    RejectedMessages,
    RejectionCount,
    Rejections,
)


def at(second: float) -> Instant:
    """Return an instant on both clocks."""
    return Instant(second, round(second * 1000))


def test_every_reason_counts_from_zero() -> None:
    rejections = Rejections()
    assert rejections.counts == dict.fromkeys(RejectReason, 0)
    rejections.record(RejectReason.LATE, "cam-1", at(0.0))
    assert rejections.counts == dict.fromkeys(RejectReason, 0) | {RejectReason.LATE: 1}


def test_strangers_are_counted_by_id_the_latest_last() -> None:
    rejections = Rejections()
    for who in ("a", "b", "a"):
        rejections.record(RejectReason.UNREGISTERED, who, at(0.0))
    rejections.record(RejectReason.WRONG_OPERATOR, "cam-1", at(0.0))
    assert list(rejections.unregistered.items()) == [("b", 1), ("a", 2)]


def test_the_last_thousand_strangers_are_kept() -> None:
    """Rule V5."""
    rejections = Rejections()
    for number in range(IDS_KEPT + 500):
        rejections.record(RejectReason.UNREGISTERED, f"stranger-{number}", at(0.0))
        rejections.record(RejectReason.UNREGISTERED, "steady", at(0.0))
    assert len(rejections.unregistered) == IDS_KEPT
    assert rejections.unregistered["steady"] == IDS_KEPT + 500
    assert "stranger-500" not in rejections.unregistered
    assert f"stranger-{IDS_KEPT + 499}" in rejections.unregistered


def test_a_stranger_that_was_registered_is_forgotten() -> None:
    rejections = Rejections()
    for who in ("a", "b"):
        rejections.record(RejectReason.UNREGISTERED, who, at(0.0))
    rejections.adopt({"a": "ville", "cam-1": "ville"})
    assert list(rejections.unregistered) == ["b"]


def test_rejections_of_a_camera_are_counted_by_reason_with_a_time() -> None:
    """L10; what belongs to no camera of the inventory is kept for none."""
    rejections = Rejections()
    rejections.adopt({"cam-1": "ville"})
    for second in range(3):
        rejections.record(RejectReason.LATE, "cam-1", at(second))
    rejections.record(RejectReason.DUPLICATE, "cam-1", at(9))
    rejections.record(RejectReason.UNREGISTERED, "stranger", at(9))
    rejections.record(RejectReason.UNKNOWN_TOPIC, "camwatch/v1/x", at(9))
    assert rejections.refused == {
        "cam-1": {"late": RejectionCount(3, 2_000), "duplicate": RejectionCount(1, 9_000)}
    }
    rejections.adopt({"cam-2": "ville"})
    assert rejections.refused == {}


def stored(rejections: Rejections, *cameras: str) -> list[tuple[str, str, int]]:
    """Store what is new of these cameras; return what was."""
    found = list(rejections.news(cameras))
    rejections.stored(found)
    return [(each.operator, each.reason, each.messages) for each in found]


def test_new_rejections_are_stored_and_continue_in_the_next_process() -> None:
    first = Rejections()
    first.adopt({"cam-1": "ville", "cam-2": "ville"})
    first.record(RejectReason.LATE, "cam-1", at(1))
    assert stored(first, "cam-1", "cam-2") == [("ville", "late", 1)]
    assert stored(first, "cam-1", "cam-2") == []
    first.record(RejectReason.LATE, "cam-1", at(2))
    first.record(RejectReason.DUPLICATE, "cam-1", at(2))
    assert list(first.all_stored()) == [RejectedMessages("cam-1", "ville", "late", 1)]
    second = Rejections()
    second.resume(first.all_stored())
    second.adopt({"cam-1": "ville"})
    assert stored(second, "cam-1") == []
    second.record(RejectReason.LATE, "cam-1", at(3))
    assert stored(second, "cam-1") == [("ville", "late", 2)]


def test_a_returning_camera_keeps_its_rejections_unless_of_a_new_operator() -> None:
    rejections = Rejections()
    rejections.adopt({"cam-1": "ville"})
    rejections.record(RejectReason.LATE, "cam-1", at(1))
    assert stored(rejections, "cam-1") == [("ville", "late", 1)]
    rejections.adopt({})
    rejections.adopt({"cam-1": "bailleur"})
    rejections.record(RejectReason.LATE, "cam-1", at(2))
    assert stored(rejections, "cam-1") == [("bailleur", "late", 1)]
    assert [each.operator for each in rejections.all_stored()] == ["bailleur", "ville"]
    rejections.adopt({"cam-1": "ville"})
    rejections.record(RejectReason.LATE, "cam-1", at(3))
    assert stored(rejections, "cam-1") == [("ville", "late", 2)]


def test_dropped_fields_are_counted_by_name_and_by_camera() -> None:
    """C4."""
    rejections = Rejections()
    with capture_logs() as lines:
        for second in range(3):
            rejections.record_dropped_field("cam-1", ("fps", "firmware"), at(second))
        rejections.record_dropped_field("cam-2", ("fps",), at(9))
    assert {field: count for field, count in rejections.fields.items() if count} == {"fps": 4, "firmware": 3}
    assert rejections.dropped["cam-1"] == {
        "fps": RejectionCount(3, 2_000),
        "firmware": RejectionCount(3, 2_000),
    }
    assert [(line["camera"], line["field"]) for line in lines] == [
        ("cam-1", "fps"),
        ("cam-1", "firmware"),
        ("cam-2", "fps"),
    ]


def test_each_reason_of_a_camera_is_told_of_by_itself() -> None:
    """That a camera's heartbeats are late must not hide that they are malformed since."""
    rejections = Rejections()
    with capture_logs() as lines:
        for second in range(30):
            rejections.record(RejectReason.LATE, "cam-1", at(second))
            rejections.record(RejectReason.MALFORMED, "cam-1", at(second))
    assert [line["reason"] for line in lines] == ["late", "malformed"]


def test_a_camera_is_told_of_once_a_minute() -> None:
    rejections = Rejections()
    with capture_logs() as lines:
        for second in range(180):
            rejections.record(RejectReason.LATE, "cam-1", at(float(second)), topic="t")
    assert len(lines) == 3
    expected = {"event": "message rejected", "camera": "cam-1", "reason": "late", "topic": "t"}
    assert lines[0] == expected | {"log_level": "warning"}
    assert rejections.counts[RejectReason.LATE] == 180


def test_a_flood_of_rejections_is_sixty_lines_a_minute_and_a_count() -> None:
    rejections = Rejections()
    with capture_logs() as lines:
        for number in range(1000):
            rejections.record(RejectReason.MALFORMED, f"cam-{number}", at(0.0))
        assert len(lines) == LINES_PER_PERIOD
        rejections.record(RejectReason.MALFORMED, "cam-0", at(LOG_EVERY_S))
    assert len(lines) == LINES_PER_PERIOD + 2
    assert lines[-2]["event"] == "rejection log rate-limited"
    assert lines[-2]["withheld"] == 1000 - LINES_PER_PERIOD
    assert rejections.counts[RejectReason.MALFORMED] == 1001


def test_what_was_withheld_is_told_once() -> None:
    rejections = Rejections()
    with capture_logs() as lines:
        for number in range(LINES_PER_PERIOD + 5):
            rejections.record(RejectReason.LATE, f"cam-{number}", at(0.0))
        rejections.record(RejectReason.LATE, "cam-0", at(LOG_EVERY_S))
        rejections.record(RejectReason.LATE, "cam-0", at(2 * LOG_EVERY_S))
    assert [line["withheld"] for line in lines if "withheld" in line] == [5]


def test_whom_it_told_of_is_remembered_for_the_last_thousand() -> None:
    rejections = Rejections()
    with capture_logs() as lines:
        for second in range(IDS_KEPT + 100):
            rejections.record(RejectReason.LATE, f"cam-{second}", at(float(second)))
    assert len(lines) == IDS_KEPT + 100
    assert len(rejections._logged) == IDS_KEPT


def test_a_camera_that_was_withheld_is_told_of_later() -> None:
    rejections = Rejections()
    with capture_logs() as lines:
        for number in range(LINES_PER_PERIOD + 1):
            rejections.record(RejectReason.LATE, f"cam-{number}", at(0.0))
        rejections.record(RejectReason.LATE, f"cam-{LINES_PER_PERIOD}", at(LOG_EVERY_S))
    assert lines[-1]["camera"] == f"cam-{LINES_PER_PERIOD}"


@given(st.lists(st.tuples(st.integers(0, 3000), st.floats(0, 100)), max_size=400), st.floats(0, 1e6))
def test_lines_and_memory_are_bounded_whatever_comes(storm: list[tuple[int, float]], begin: float) -> None:
    rejections = Rejections()
    now = begin
    with capture_logs() as lines:
        for who, pause in storm:
            now += pause / 100
            rejections.record(RejectReason.UNREGISTERED, f"id-{who}", at(now))
    minutes = (now - begin) // LOG_EVERY_S + 1
    assert len(lines) <= minutes * (LINES_PER_PERIOD + 1)
    assert len(rejections.unregistered) <= IDS_KEPT
    assert len(rejections._logged) <= IDS_KEPT
    assert rejections.counts[RejectReason.UNREGISTERED] == len(storm)
    assert sum(rejections.unregistered.values()) == len(storm)


@pytest.mark.parametrize("reason", RejectReason)
def test_every_reason_is_told_by_its_public_name(reason: RejectReason) -> None:
    with capture_logs() as lines:
        Rejections().record(reason, "cam-1", at(0.0), detail="why")
    assert (lines[0]["reason"], lines[0]["detail"]) == (reason.value, "why")
