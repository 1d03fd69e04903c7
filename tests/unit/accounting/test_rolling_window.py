"""The windows of a group, kept up change by change, held against a naive computation (rules A1, A4, A5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import OPEN_ENDED
from camwatch.accounting.rolling_window import WINDOWS, RollingWindow
from camwatch.accounting.timeline import StatusInterval, status_time_between
from camwatch.core.model import Status
from camwatch.core.status_time import StatusTime, sum_status_times

UP, DOWN, UNKNOWN, MAINTENANCE = Status.UP, Status.DOWN, Status.UNKNOWN, Status.MAINTENANCE
PARIS = ZoneInfo("Europe/Paris")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

_FIRSTS: dict[str, Callable[[date], date]] = {
    "day": lambda today: today,
    "week": lambda today: today - timedelta(today.weekday()),
    "month": lambda today: today.replace(day=1),
    "year": lambda today: today.replace(month=1, day=1),
}
_LENGTHS = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "365d": 365 * DAY}


def paris(text: str) -> int:
    """Return the UTC milliseconds of a time in Paris."""
    return round(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp() * 1000)


def start_of(window: str, now: int) -> int:
    """Return when a window that ends now began, with nothing of the code under test (Paris has midnights)."""
    if window in _LENGTHS:
        return now - _LENGTHS[window]
    first = _FIRSTS[window](datetime.fromtimestamp(now // 1000, PARIS).date())
    return round(datetime.combine(first, time.min, PARIS).timestamp() * 1000)


def life_of(changes: list[tuple[int, Status | None]]) -> list[StatusInterval]:
    """Return the stretches that changes in order make."""
    ends = [at for at, _ in changes[1:]] + [OPEN_ENDED]
    return [
        StatusInterval(at, end, status)
        for (at, status), end in zip(changes, ends, strict=False)
        if status is not None and at < end
    ]


def naive(lives: list[list[StatusInterval]], now: int) -> dict[str, StatusTime]:
    """Return the accounts of the windows, each summed from the beginning."""
    return {
        name: sum_status_times(status_time_between(life, start_of(name, now), now) for life in lives)
        for name in WINDOWS
    }


def test_the_windows_are_those_that_are_published() -> None:
    """A5."""
    assert " ".join(WINDOWS) == "1h 24h 7d 30d 365d day week month year"


def test_a_group_of_nobody_has_empty_accounts() -> None:
    """A2."""
    now = paris("2026-07-01T12:00")
    assert RollingWindow(Calendar(PARIS), now).status_times(now) == dict.fromkeys(WINDOWS, StatusTime())


def test_what_a_camera_is_it_stays_until_told_otherwise() -> None:
    """A1: Wednesday noon, up since ten, down since half past eleven."""
    noon = paris("2026-07-01T12:00")
    tally = RollingWindow(Calendar(PARIS), noon, [life_of([(noon - 2 * HOUR, UP), (noon - HOUR // 2, DOWN)])])
    found = tally.status_times(noon)
    assert found["1h"] == StatusTime(up=HOUR // 2, down=HOUR // 2)
    assert found["day"] == found["year"] == StatusTime(up=3 * HOUR // 2, down=HOUR // 2)
    assert tally.status_times(noon + HOUR)["1h"] == StatusTime(down=HOUR)
    assert tally.status_times(noon + 13 * HOUR)["day"] == StatusTime(down=HOUR)
    assert tally.status_times(noon + 13 * HOUR)["24h"] == StatusTime(
        up=3 * HOUR // 2, down=13 * HOUR + HOUR // 2
    )


def test_a_change_that_became_true_a_while_ago_corrects_every_window() -> None:
    """L3: a conviction is noticed late; three quarters of an hour are more than some windows hold."""
    now = paris("2026-07-01T00:10")
    tally = RollingWindow(Calendar(PARIS), now, [life_of([(now - 10 * DAY, UP)])])
    assert tally.status_times(now)["1h"] == StatusTime(up=HOUR)
    tally.apply(now - 45 * MINUTE, UP, DOWN)
    found = tally.status_times(now)
    assert found["1h"] == StatusTime(up=15 * MINUTE, down=45 * MINUTE)
    assert found["day"] == found["month"] == StatusTime(down=10 * MINUTE)
    assert found["24h"] == StatusTime(up=DAY - 45 * MINUTE, down=45 * MINUTE)
    tally.apply(now - 20 * DAY, None, UNKNOWN)
    assert tally.status_times(now)["30d"] == StatusTime(
        up=10 * DAY - 45 * MINUTE, down=45 * MINUTE, unknown=20 * DAY
    )


def test_a_change_to_come_counts_when_it_has_come() -> None:
    """V3: maintenance that a correction planned."""
    now = paris("2026-07-01T12:00")
    tally = RollingWindow(Calendar(PARIS), now, [life_of([(now - HOUR, UP), (now + HOUR, MAINTENANCE)])])
    tally.apply(now + 90 * MINUTE, MAINTENANCE, UP)
    assert tally.status_times(now)["day"] == StatusTime(up=HOUR)
    assert tally.status_times(now + 3 * HOUR)["day"] == StatusTime(up=210 * MINUTE, maintenance=30 * MINUTE)


def test_time_does_not_run_backwards() -> None:
    """T2: the last figures again."""
    now = paris("2026-07-01T12:00")
    tally = RollingWindow(Calendar(PARIS), now, [life_of([(now - HOUR, UP)])])
    last = tally.status_times(now + HOUR)
    assert tally.status_times(now - DAY) == last
    assert tally.status_times(now + HOUR) == last


@pytest.mark.parametrize(
    ("now", "whole"), [("2026-03-29T23:59:59", 23), ("2026-10-25T23:59:59", 25), ("2026-06-30T23:59:59", 24)]
)
def test_a_day_with_a_change_of_summer_time_is_shorter_or_longer(now: str, whole: int) -> None:
    """A5."""
    tally = RollingWindow(Calendar(PARIS), paris("2026-01-01T00:00"), [life_of([(0, UP)])])
    found = tally.status_times(paris(now))
    assert found["day"] == StatusTime(up=whole * HOUR - 1000)
    assert found["24h"] == StatusTime(up=DAY)


def test_at_midnight_of_new_year_everything_begins_anew() -> None:
    """A5."""
    midnight = paris("2024-01-01T00:00")  # a Monday
    tally = RollingWindow(Calendar(PARIS), midnight - 1, [life_of([(midnight - 2 * DAY, UP)])])
    assert tally.status_times(midnight - 1)["month"] == StatusTime(up=2 * DAY - 1)
    found = tally.status_times(midnight)
    assert [found[name] for name in ("day", "week", "month", "year")] == [StatusTime()] * 4
    assert tally.status_times(midnight + 1)["week"] == StatusTime(up=1)


def test_what_every_window_has_left_behind_is_forgotten() -> None:
    """A long life does not fill the memory, nor does a change to the forgotten spoil it."""
    begin = paris("2026-01-01T00:00")
    tally = RollingWindow(Calendar(PARIS), begin)
    changes: list[tuple[int, Status | None]] = []
    old: Status | None = None
    for number in range(12_000):
        at, new = begin + number * 10 * MINUTE, (UP, DOWN, UNKNOWN)[number % 3]
        tally.apply(at, old, new)
        changes.append((at, new))
        old = new
    now = begin + 400 * DAY
    assert tally.status_times(now) == naive([life_of(changes)], now)
    assert len(tally._log) < 12_000 - 4096
    tally.apply(begin + 5 * DAY, None, UP)
    lives = [life_of(changes), life_of([(begin + 5 * DAY, UP)])]
    for days in (401, 402, 430, 500):
        assert tally.status_times(begin + days * DAY) == naive(lives, begin + days * DAY)


# --- any story

_BEGINNINGS = st.sampled_from(
    [
        paris("2026-03-28T22:00"),
        paris("2026-10-24T23:30"),
        paris("2026-12-31T23:00"),
        paris("2025-12-28T23:59:59.999"),
        paris("2028-02-28T12:00"),
    ]
)
_SPELLS = st.one_of(
    st.sampled_from([0, 1, 15_000, MINUTE, HOUR - 1, HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY]),
    st.integers(0, 3 * HOUR),
    st.integers(0, 60 * DAY),
)
_STATUSES = st.sampled_from([UP, DOWN, UNKNOWN, MAINTENANCE, None])
_LIVES = st.lists(st.lists(st.tuples(_SPELLS, _STATUSES), max_size=8), min_size=1, max_size=4)
_DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), _SPELLS),
        st.tuples(st.just("change"), st.integers(0, 3), _SPELLS, _STATUSES),
    ),
    max_size=25,
)


def _past(begin: int, spells: list[tuple[int, Status | None]]) -> list[tuple[int, Status | None]]:
    changes: list[tuple[int, Status | None]] = []
    for back, status in spells:
        begin -= back
        changes.insert(0, (begin, status))
    return changes


@given(_BEGINNINGS, _LIVES, _DEEDS)
def test_every_window_is_what_a_naive_computation_says(
    begin: int,
    spells: list[list[tuple[int, Status | None]]],
    deeds: list[tuple[str, int] | tuple[str, int, int, Status | None]],
) -> None:
    """A1, A4, A5: to the millisecond, with late news, planned changes, boundaries and summer time."""
    lives = [_past(begin, each) for each in spells]
    tally = RollingWindow(Calendar(PARIS), begin, [life_of(life) for life in lives])
    now = begin
    for deed in deeds:
        if len(deed) == 2:
            now += deed[1]
            assert tally.status_times(now) == naive([life_of(life) for life in lives], now)
        else:
            _, who, back, new = deed
            life = lives[who % len(lives)]
            at = max(now - back, life[-1][0] if life else 0)
            tally.apply(at, life[-1][1] if life else None, new)
            life.append((at, new))
    assert tally.status_times(now) == naive([life_of(life) for life in lives], now)


@given(_BEGINNINGS, st.lists(st.tuples(_SPELLS, _STATUSES), max_size=12), st.lists(_SPELLS, max_size=6))
def test_the_order_in_which_changes_are_told_does_not_matter(
    begin: int, spells: list[tuple[int, Status | None]], looks: list[int]
) -> None:
    """A1: told at once, or from the last to the first with looks between them."""
    changes = [(begin - 5_000 * DAY, None), *_past(begin, spells)]
    changes.sort(key=lambda change: change[0])
    now = begin + sum(looks)
    at_once = RollingWindow(Calendar(PARIS), now, [life_of(changes)])
    tally = RollingWindow(Calendar(PARIS), begin)
    for old, new in reversed(list(pairwise(changes))):
        tally.apply(new[0], old[1], new[1])
        begin += looks.pop() if looks else 0
        tally.status_times(begin)
    assert tally.status_times(now) == at_once.status_times(now)


def test_the_beginnings_are_what_they_are_meant_to_be() -> None:
    """The naive starts of windows are right where the clocks change."""
    noon = paris("2026-03-29T12:00")
    assert start_of("day", noon) == round(datetime(2026, 3, 28, 23, tzinfo=UTC).timestamp() * 1000)
    assert start_of("week", noon) == paris("2026-03-23T00:00")
