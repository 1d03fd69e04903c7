"""How operators stand, told event by event, held against the record that the same events leave (A)."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.accounting.records import (
    OPEN_ENDED,
    CameraHistory,
    DailyRollup,
    GapRecord,
    History,
    MaintenanceRecord,
    StatusChange,
)
from camwatch.accounting.rolling import KEPT_MS, RollingAccounts
from camwatch.accounting.rolling_window import WINDOWS
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.events import Backfill, Event, MonitoringGap, Reboot, ServicePeriodEvent, Transition
from camwatch.core.model import GapCause, Instant, Purpose, Scope, Status
from camwatch.core.status_time import Interval, Proven, StatusTime, sum_status_times
from tests.support.examples import examples
from tests.unit.accounting.test_rolling_window import start_of

PARIS = ZoneInfo("Europe/Paris")
NOW = 1_782_900_000_000  # a Wednesday in July, 12:00 in Paris
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
UP, DOWN, UNKNOWN, MAINTENANCE = Status.UP, Status.DOWN, Status.UNKNOWN, Status.MAINTENANCE


def instant(at: int) -> Instant:
    """Return an instant so many milliseconds after NOW."""
    return Instant(at / 1000, NOW + at)


def moved(at: int, new: Status, camera: str = "cam-1", operator: str = "ville") -> Transition:
    """Return a transition; what it was before is not looked at."""
    return Transition(camera, operator, f"site of {camera}", UNKNOWN, new, instant(at), instant(at))


def entered(at: int, camera: str = "cam-1", operator: str = "ville") -> ServicePeriodEvent:
    """Return that a ledger began."""
    return ServicePeriodEvent(camera, operator, True, instant(at), UNKNOWN)


def left(at: int, camera: str = "cam-1", operator: str = "ville") -> ServicePeriodEvent:
    """Return that a ledger ended."""
    return ServicePeriodEvent(camera, operator, False, instant(at), UP)


def skipped(began: int, ended: int) -> MonitoringGap:
    """Return that the wall clock was set ahead."""
    return MonitoringGap((), (), GapCause.CLOCK_STEP, instant(began), instant(ended))


def recorded(
    events: Sequence[Event],
    windows: Sequence[MaintenanceRecord] = (),
    folded: dict[str, DailyRollup] | None = None,
) -> History:
    """Return what the store would give back of these events."""
    cameras: dict[tuple[str, str], CameraHistory] = {}
    record = History([], [], list(windows), NOW, 0, 0, "")
    for event in events:
        if isinstance(event, MonitoringGap):
            record.gaps.append(GapRecord((), (), event.cause, event.began.utc_ms, event.ended.utc_ms))
        if not isinstance(event, Transition | ServicePeriodEvent | Backfill):
            continue
        camera = cameras.setdefault(
            (event.operator, event.camera),
            CameraHistory(event.camera, event.operator, "", "centre", Purpose.TRAFFIC, ""),
        )
        if isinstance(event, Backfill):
            camera.backfills.append(Proven.of(*event[2:]))
        elif isinstance(event, Transition):
            camera.site = event.site
            status = None if event.new in (Status.PLANNED, Status.RETIRED) else event.new
            camera.changes.append(StatusChange(event.at.utc_ms, status))
            camera.changes.sort(key=lambda change: change.at_ms)
        elif event.started:
            camera.service_periods.append(Interval(event.at.utc_ms, OPEN_ENDED))
            if all(change.at_ms != event.at.utc_ms for change in camera.changes):
                camera.changes.append(StatusChange(event.at.utc_ms, event.status))
                camera.changes.sort(key=lambda change: change.at_ms)
        else:
            camera.service_periods[-1] = Interval(camera.service_periods[-1].start, event.at.utc_ms)
    record.cameras.extend(cameras.values())
    for camera in record.cameras:
        camera.days = folded or {}
    return record


def naive(record: History, operator: str, now: int) -> dict[str, StatusTime]:
    """Return the accounts of all windows, read from a record."""
    overlays = TimelineOverlays(record)
    lives = [overlays.dated(camera, now) for camera in record.cameras if camera.operator == operator]
    return {
        name: sum_status_times(status_time_between(life, start_of(name, now), now) for life in lives)
        for name in WINDOWS
    }


def day(standing: RollingAccounts, at: int, operator: str = "ville") -> StatusTime:
    """Return the account of the last 24 hours, so long after NOW."""
    return standing.status_times(operator, NOW + at)["24h"]


def told(*events: Event) -> RollingAccounts:
    """Return a standing that heard these events one at a time."""
    standing = RollingAccounts(PARIS)
    for event in events:
        standing.apply([event])
    return standing


def test_nobody_stands_anywhere_before_the_first_event() -> None:
    """A2."""
    assert RollingAccounts(PARIS).status_times("ville", NOW) == dict.fromkeys(WINDOWS, StatusTime())


@pytest.mark.parametrize("swapped", [False, True])
def test_a_ledger_begins_with_the_transition_of_the_same_instant(swapped: bool) -> None:
    """V1: whichever is told first."""
    events = [entered(0), moved(0, UP)]
    standing = told(*(reversed(events) if swapped else events))
    assert day(standing, HOUR) == StatusTime(up=HOUR)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_ledger_ends_with_the_transition_of_the_same_instant(swapped: bool) -> None:
    """V2: whichever is told first."""
    events = [left(HOUR), moved(HOUR, Status.RETIRED)]
    standing = told(entered(0), moved(0, UP), *(reversed(events) if swapped else events))
    assert day(standing, 2 * HOUR) == StatusTime(up=HOUR)


def test_transitions_out_of_service_do_not_count() -> None:
    """V1, V2."""
    standing = told(moved(0, UP), moved(HOUR, DOWN))
    assert day(standing, 2 * HOUR) == StatusTime()
    standing.apply([entered(2 * HOUR), left(3 * HOUR), moved(4 * HOUR, UP)])
    assert day(standing, 5 * HOUR).in_service == HOUR


def test_a_ledger_that_has_ended_does_not_end_again() -> None:
    """V2: whatever instant is told for it the second time."""
    standing = told(entered(0), moved(0, UP), left(HOUR), left(2 * HOUR))
    assert day(standing, 3 * HOUR) == StatusTime(up=HOUR)


def test_a_camera_that_comes_back_is_unknown_until_it_is_seen() -> None:
    """V6, S6."""
    standing = told(entered(0), moved(0, UP), left(HOUR), entered(2 * HOUR), moved(150 * MINUTE, UP))
    assert day(standing, 3 * HOUR) == StatusTime(up=90 * MINUTE, unknown=30 * MINUTE)


def test_what_is_noticed_after_a_ledger_ended_counts_to_its_end() -> None:
    """V2."""
    standing = told(entered(0), left(HOUR), moved(0, UP), moved(HOUR // 2, DOWN))
    assert day(standing, 2 * HOUR) == StatusTime(up=HOUR // 2, down=HOUR // 2)


def test_a_camera_that_changes_hands_counts_for_each_in_its_time() -> None:
    """A4."""
    standing = told(entered(0), moved(0, UP), left(HOUR), entered(HOUR, operator="sacogiva"))
    standing.apply([moved(HOUR, DOWN, operator="sacogiva")])
    assert day(standing, 3 * HOUR) == StatusTime(up=HOUR)
    assert day(standing, 3 * HOUR, "sacogiva") == StatusTime(down=2 * HOUR)


def test_what_is_told_twice_counts_once() -> None:
    """A batch that was stored and not confirmed is in the record, and told again."""
    events: list[Event] = [
        entered(0),
        moved(0, UP),
        moved(HOUR, UNKNOWN),
        Backfill("cam-1", "ville", NOW + HOUR, NOW + 2 * HOUR),
        moved(3 * HOUR, DOWN),
        skipped(4 * HOUR, 5 * HOUR),
        left(6 * HOUR),
        entered(7 * HOUR),
        moved(8 * HOUR, UP),
        left(9 * HOUR),
        entered(9 * HOUR + 1),
    ]
    once = told(*events)
    assert day(told(*events, *events), 10 * HOUR) == day(once, 10 * HOUR)
    built = RollingAccounts.from_record(PARIS, recorded(events), NOW)
    built.apply(events)
    assert day(built, 10 * HOUR) == day(once, 10 * HOUR)


def test_an_end_that_is_told_again_does_not_end_the_next_ledger() -> None:
    standing = told(entered(0), moved(0, UP), left(HOUR), entered(2 * HOUR), moved(2 * HOUR, UP), left(HOUR))
    assert day(standing, 3 * HOUR) == StatusTime(up=2 * HOUR)


def test_a_ledger_begins_with_the_status_that_it_is_told_of() -> None:
    standing = told(entered(0)._replace(status=DOWN), moved(HOUR, UP))
    assert day(standing, 3 * HOUR) == StatusTime(up=2 * HOUR, down=HOUR)


def test_late_heartbeats_count_before_and_after_the_time_became_unknown() -> None:
    """L8, S9: the broker may deliver what it kept before the blindness is in the record."""
    fill = Backfill("cam-1", "ville", NOW + HOUR, NOW + 2 * HOUR)
    blind = moved(HOUR // 2, UNKNOWN)
    expected = StatusTime(up=90 * MINUTE, unknown=90 * MINUTE)
    for order in ((fill, blind), (blind, fill)):
        assert day(told(entered(0), moved(0, UP), *order), 3 * HOUR) == expected


def test_an_hour_that_never_was_is_unknown_for_every_operator() -> None:
    """T2."""
    standing = told(
        entered(0), moved(0, UP), entered(0, "cam-2", "sacogiva"), moved(0, DOWN, "cam-2", "sacogiva")
    )
    standing.apply([skipped(HOUR, 2 * HOUR), Reboot("cam-1", "ville", instant(0))])
    assert day(standing, 3 * HOUR) == StatusTime(up=2 * HOUR, unknown=HOUR)
    assert day(standing, 3 * HOUR, "sacogiva") == StatusTime(down=2 * HOUR, unknown=HOUR)


def test_other_blindness_tells_nothing_by_itself() -> None:
    """S4."""
    standing = told(entered(0), moved(0, UP), skipped(HOUR, 2 * HOUR)._replace(cause=GapCause.LINK))
    assert day(standing, 3 * HOUR) == StatusTime(up=3 * HOUR)


def test_corrected_maintenance_covers_past_and_later_detections() -> None:
    """V3: the daemon takes a window over from now on; it began an hour ago, and ends in an hour."""
    window = MaintenanceRecord(7, Scope.SITE, "site of cam-1", NOW - HOUR, NOW + HOUR, "works")
    before: list[Event] = [entered(-2 * HOUR), moved(-2 * HOUR, UP)]
    standing = RollingAccounts.from_record(PARIS, recorded(before, [window]), NOW)
    standing.apply([moved(-MINUTE, DOWN), moved(0, MAINTENANCE), moved(HOUR, DOWN)])
    assert day(standing, 2 * HOUR) == StatusTime(up=HOUR, maintenance=2 * HOUR, down=HOUR)


def test_a_window_lies_over_a_camera_that_is_new_at_its_site() -> None:
    """V3: its site is known with its first transition."""
    window = MaintenanceRecord(7, Scope.SITE, "site of cam-1", NOW, NOW + HOUR, "works")
    standing = RollingAccounts.from_record(PARIS, recorded([], [window]), NOW)
    standing.apply([entered(0), moved(HOUR // 2, UP)])
    assert day(standing, 2 * HOUR) == StatusTime(up=HOUR, maintenance=HOUR)


def test_windows_of_a_site_lie_over_a_camera_since_it_was_moved_there() -> None:
    """V7: what it was where it stood before stays; an event of before that is told again moves nothing."""
    windows = [MaintenanceRecord(7, Scope.SITE, "gare", NOW - 2 * HOUR, NOW + HOUR, "works")]
    before: list[Event] = [entered(-4 * HOUR), moved(-4 * HOUR, UP)]
    standing = RollingAccounts.from_record(PARIS, recorded(before, windows), NOW)
    noticed = moved(-MINUTE, DOWN)._replace(site="gare", detected_at=instant(0))
    standing.apply([*before, noticed, *before])
    assert day(standing, 2 * HOUR) == StatusTime(up=4 * HOUR - MINUTE, down=HOUR + MINUTE, maintenance=HOUR)
    standing.apply([moved(2 * HOUR, UP)])
    assert day(standing, 2 * HOUR) == StatusTime(up=4 * HOUR - MINUTE, down=HOUR + MINUTE, maintenance=HOUR)


def test_folded_days_count_in_their_day() -> None:
    """What retention dropped still adds up: a year is more than is kept."""
    account = StatusTime(up=20 * HOUR, down=3 * HOUR, unknown=HOUR // 2, maintenance=HOUR // 2)
    days = {"2026-02-28": DailyRollup(account), "2026-03-01": DailyRollup(StatusTime(up=HOUR))}
    record = recorded([entered(-HOUR), moved(-HOUR, UP)], folded=days)
    found = RollingAccounts.from_record(PARIS, record, NOW).status_times("ville", NOW)
    assert found["year"] == found["365d"] == sum_status_times([account, StatusTime(up=2 * HOUR)])
    assert found["month"] == StatusTime(up=HOUR)


def test_a_record_is_left_as_it_was() -> None:
    events: list[Event] = [entered(-DAY), *(moved(number - HOUR, UP) for number in range(100))]
    record = recorded(events)
    copy = deepcopy(record)
    standing = RollingAccounts.from_record(PARIS, record, NOW)
    standing.apply([moved(0, DOWN), skipped(0, HOUR), left(2 * HOUR)])
    assert record == copy


def test_only_the_last_days_of_a_camera_are_kept() -> None:
    """10,000 cameras of a year must fit; what reaches further back waits for the next build."""
    past = [moved(number * HOUR, (UP, DOWN)[number % 2]) for number in range(2_000)]
    events: list[Event] = [entered(0), *past]
    now = NOW + 2_000 * HOUR
    standing = told(*events)
    built = RollingAccounts.from_record(PARIS, recorded(events), now)
    for each in (standing, built):
        (camera,) = each._cameras.values()
        assert KEPT_MS // HOUR - 1 <= len(camera.changes) <= KEPT_MS // HOUR + 2
        before = each.status_times("ville", now)
        each.apply([moved(5 * HOUR + 1, DOWN), Backfill("cam-1", "ville", NOW, NOW + 9 * HOUR)])
        assert each.status_times("ville", now) == before
        each.apply([skipped(5 * HOUR, 1_990 * HOUR)])
        assert day(each, 2_000 * HOUR) == StatusTime(up=5 * HOUR, down=5 * HOUR, unknown=14 * HOUR)


# --- any story

_MOMENTS = st.one_of(st.sampled_from([0, 1, MINUTE, HOUR, DAY]), st.integers(0, 3 * DAY))
_CAMERAS = st.sampled_from([("cam-1", "ville"), ("cam-2", "ville"), ("cam-3", "sacogiva")])
_DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), _MOMENTS),
        st.tuples(
            st.just("move"),
            _CAMERAS,
            st.integers(0, 2 * HOUR),
            st.sampled_from([UP, DOWN, UNKNOWN, MAINTENANCE, Status.RETIRED]),
        ),
        st.tuples(st.just("serve"), _CAMERAS, st.integers(0, 2 * HOUR)),
        st.tuples(st.just("fill"), _CAMERAS, st.integers(0, DAY), st.integers(1, DAY)),
        st.tuples(st.just("skip"), st.integers(1, 2 * HOUR)),
    ),
    max_size=30,
)
_WINDOWS = st.lists(
    st.builds(
        lambda scope, start, length: MaintenanceRecord(
            1, scope[0], scope[1], NOW + start, NOW + start + length, "works"
        ),
        st.sampled_from([(Scope.CAMERA, "cam-1"), (Scope.SITE, "site of cam-2"), (Scope.OPERATOR, "ville")]),
        st.integers(-DAY, 5 * DAY),
        st.integers(1, 2 * DAY),
    ),
    max_size=3,
)


def _story(deeds: list[tuple[object, ...]]) -> list[tuple[int, list[Event]]]:
    """Return what is told and when; service changes alternate and do not run backwards, as the core's do."""
    now = 0
    everyone = [("cam-1", "ville"), ("cam-2", "ville"), ("cam-3", "sacogiva")]
    story: list[tuple[int, list[Event]]] = [(NOW, [entered(-2 * HOUR, *who) for who in everyone])]
    serving: dict[object, bool] = dict.fromkeys(everyone, True)
    last: dict[object, int] = dict.fromkeys(everyone, -2 * HOUR)
    for deed in deeds:
        events: list[Event] = []
        match deed:
            case ("pass", int(spell)):
                now += spell
            case ("move", (str(camera), str(operator)), int(back), Status() as new):
                events = [moved(now - back, new, camera, operator)]
            case ("serve", (str(camera), str(operator)) as who, int(back)):
                at = last[who] = max(now - back, last[who] + 1)
                serving[who] = not serving[who]
                events = [(entered if serving[who] else left)(at, camera, operator)]
            case ("fill", (str(camera), str(operator)), int(back), int(length)):
                span = NOW + now - back, NOW + now - back + length
                sure = span[0] + length // 3, span[1] - length // 4
                events = [Backfill(camera, operator, *span, *sure)]
            case ("skip", int(spell)):
                now += spell
                events = [skipped(now - spell, now)]
        story.append((NOW + now, events))
    return story


@given(_DEEDS, _WINDOWS, st.integers(0, 30), st.integers(1, 9))
@examples(250)
def test_told_or_built_it_is_what_the_record_says(
    deeds: list[tuple[object, ...]], windows: list[MaintenanceRecord], stored: int, again: int
) -> None:
    """A1, A4, A5: built when some of the story was stored, told the rest, and looked at all along."""
    story = _story(deeds)
    events = [event for _, heard in story[:stored] for event in heard]
    now = story[:stored][-1][0] if story[:stored] else NOW
    standing = RollingAccounts.from_record(PARIS, recorded(events, windows), now)
    for now, heard in story[stored:]:
        standing.apply(heard)
        events += heard
        for operator in ("ville", "sacogiva"):
            truth = naive(recorded(events, windows), operator, now)
            assert standing.status_times(operator, now) == truth
    rebuilt = RollingAccounts.from_record(PARIS, recorded(events, windows), now)
    rebuilt.apply(events[-again:])  # the last batch was stored, and not confirmed
    for operator in ("ville", "sacogiva", "nobody"):
        for later in (now, now + HOUR, now + 40 * DAY):
            truth = naive(recorded(events, windows), operator, later)
            assert standing.status_times(operator, later) == rebuilt.status_times(operator, later) == truth
