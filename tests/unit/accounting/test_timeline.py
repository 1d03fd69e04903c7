"""What a camera was when, after all corrections, held against a millisecond-by-millisecond reading (A)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from camwatch.accounting.records import (
    OPEN_ENDED,
    CameraHistory,
    GapRecord,
    History,
    MaintenanceRecord,
    Place,
    StatusChange,
)
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.model import GapCause, Purpose, Scope, Status
from camwatch.core.status_time import Interval, Proven, StatusTime

UP, DOWN, UNKNOWN, MAINTENANCE = Status.UP, Status.DOWN, Status.UNKNOWN, Status.MAINTENANCE
END = 40  # milliseconds that are looked at


def camera(
    *changes: tuple[int, Status | None],
    service: tuple[tuple[int, int], ...] = ((0, OPEN_ENDED),),
    fills: tuple[tuple[int, int], ...] = (),
) -> CameraHistory:
    """Return the record of `cam-1` of `ville` at `mairie`."""
    return CameraHistory(
        "cam-1",
        "ville",
        "mairie",
        "centre",
        Purpose.TRAFFIC,
        "",
        changes=[StatusChange(*change) for change in changes],
        service_periods=[Interval(*span) for span in service],
        backfills=[Proven.of(*span) for span in fills],
    )


def window(
    starts: int, ends: int, scope: Scope = Scope.CAMERA, scope_id: str = "cam-1", **other: Any
) -> MaintenanceRecord:
    """Return a window that a correction added."""
    return MaintenanceRecord(1, scope, scope_id, starts, ends, "works")._replace(**other)


def gap(began: int, ended: int | None, cause: GapCause = GapCause.CLOCK_STEP) -> GapRecord:
    """Return a blindness of all."""
    return GapRecord((), (), cause, began, ended)


def over(*lying: MaintenanceRecord | GapRecord) -> TimelineOverlays:
    """Return the overlays of a record that holds these."""
    windows = [each for each in lying if isinstance(each, MaintenanceRecord)]
    blind = [each for each in lying if isinstance(each, GapRecord)]
    return TimelineOverlays(History([], blind, windows, 0, 0, 0, ""))


def read(
    record: CameraHistory, *lying: MaintenanceRecord | GapRecord, until: int = END
) -> list[tuple[int, int, Status]]:
    """Return the stretches of a record."""
    found = over(*lying).intervals(record, until)
    return [(each.start, each.end, each.status) for each in found]


def test_changes_are_read_from_one_to_the_next() -> None:
    assert read(camera((0, UP), (10, DOWN), (15, UP))) == [(0, 10, UP), (10, 15, DOWN), (15, END, UP)]


def test_what_stays_the_same_is_one_stretch() -> None:
    assert read(camera((0, UP), (10, UP), (10, DOWN), (10, UP))) == [(0, END, UP)]


def test_the_last_of_two_changes_at_one_instant_holds() -> None:
    assert read(camera((0, UP), (10, DOWN), (10, UNKNOWN))) == [(0, 10, UP), (10, END, UNKNOWN)]


def test_without_a_change_a_camera_in_service_is_unknown() -> None:
    """S6."""
    assert read(camera()) == [(0, END, UNKNOWN)]
    assert read(camera((10, UP))) == [(0, 10, UNKNOWN), (10, END, UP)]


def test_nothing_counts_out_of_service() -> None:
    """V1, V2: whatever was noted of it."""
    told = camera((0, UP), (5, DOWN), (12, UP), (20, UP), service=((3, 10), (20, 30)))
    assert read(told) == [(3, 5, UP), (5, 10, DOWN), (20, 30, UP)]
    assert read(camera((0, UP), service=())) == []


def test_a_camera_that_comes_back_is_not_what_it_was_when_it_left() -> None:
    """V6, S6: unknown until something is seen of it."""
    told = camera((0, UP), (25, UP), service=((0, 10), (20, OPEN_ENDED)))
    assert read(told) == [(0, 10, UP), (20, 25, UNKNOWN), (25, END, UP)]
    assert read(camera((0, UP), (10, DOWN), service=((0, 10), (10, OPEN_ENDED)))) == [
        (0, 10, UP),
        (10, END, DOWN),
    ]


def test_late_heartbeats_fill_what_was_unknown_or_down() -> None:
    """E4."""
    told = camera((0, UP), (10, UNKNOWN), (20, DOWN), fills=((5, 12), (15, 17), (16, 22)))
    assert read(told) == [(0, 12, UP), (12, 15, UNKNOWN), (15, 22, UP), (22, END, DOWN)]


def test_an_hour_that_never_was_is_unknown_but_for_maintenance() -> None:
    """T2: the clock was set ahead; nobody was up or down in it, not even by a late heartbeat."""
    told = camera((0, UP), (10, UNKNOWN), (12, MAINTENANCE), (14, DOWN), fills=((10, 12),))
    assert read(told, gap(8, 16)) == [
        (0, 8, UP),
        (8, 12, UNKNOWN),
        (12, 14, MAINTENANCE),
        (14, 16, UNKNOWN),
        (16, END, DOWN),
    ]


def test_other_blindness_and_one_that_is_not_over_change_nothing() -> None:
    """S4: short blindness changes no status; long blindness is in the changes."""
    told = camera((0, UP))
    assert read(told, gap(8, 16, GapCause.LINK), gap(20, None)) == [(0, END, UP)]


def test_corrected_maintenance_covers_whatever_the_camera_was() -> None:
    """V3: also what was filled, and an hour that never was."""
    told = camera((0, UP), (10, UNKNOWN), (20, DOWN), fills=((10, 12),))
    assert read(told, gap(2, 6), window(4, 14), window(12, 25)) == [
        (0, 2, UP),
        (2, 4, UNKNOWN),
        (4, 25, MAINTENANCE),
        (25, END, DOWN),
    ]


def test_a_window_covers_the_cameras_of_its_scope() -> None:
    """V3."""
    told = camera((0, UP))
    covered = [(0, 5, UP), (5, 10, MAINTENANCE), (10, END, UP)]
    for scope, mine in ((Scope.CAMERA, "cam-1"), (Scope.SITE, "mairie"), (Scope.OPERATOR, "ville")):
        assert read(told, window(5, 10, scope, mine)) == covered
        assert read(told, window(5, 10, scope, "another")) == [(0, END, UP)]
    assert read(told, window(5, 10, Scope.SITE, "ville")) == [(0, END, UP)]


def test_a_window_of_a_site_covers_a_camera_while_it_stands_there() -> None:
    """V7: the first place holds before it was noted, too."""
    told = camera((0, UP))
    told.earlier = [
        Place("gare", Purpose.TRAFFIC, -OPEN_ENDED, 10),
        Place("port", Purpose.TRAFFIC, 10, 20),
    ]
    covered = {site: read(told, window(5, 25, Scope.SITE, site)) for site in ("gare", "port", "mairie")}
    assert covered["gare"] == [(0, 5, UP), (5, 10, MAINTENANCE), (10, END, UP)]
    assert covered["port"] == [(0, 10, UP), (10, 20, MAINTENANCE), (20, END, UP)]
    assert covered["mairie"] == [(0, 20, UP), (20, 25, MAINTENANCE), (25, END, UP)]
    assert read(told, window(2, 4, Scope.SITE, "mairie")) == [(0, END, UP)]
    assert [told.place_at(at).site for at in (-1, 9, 10, 20)] == ["gare", "gare", "port", "mairie"]


def test_inventory_windows_and_cancelled_ones_cover_nothing() -> None:
    """V3: the former are in the changes already."""
    assert read(camera((0, UP)), window(5, 10, id=None), window(5, 10, cancelled=True)) == [(0, END, UP)]


def test_an_account_is_cut_at_both_ends() -> None:
    """A1."""
    told = over().intervals(camera((0, UP), (10, DOWN), (20, UNKNOWN), (30, MAINTENANCE)), END)
    assert status_time_between(told, 5, 32) == StatusTime(up=5, down=10, unknown=10, maintenance=2)
    assert status_time_between(told, 10, 20) == StatusTime(down=10)
    assert status_time_between(told, 12, 13) == StatusTime(down=1)
    assert status_time_between(told, 12, 12) == status_time_between([], 0, END) == StatusTime()


# --- against a naive reading

_edge = st.integers(0, END)
_spans = st.lists(st.tuples(_edge, _edge).map(lambda pair: tuple(sorted(pair))), max_size=4)
_statuses = st.sampled_from([UP, DOWN, UNKNOWN, MAINTENANCE, None])
_changes = st.lists(st.tuples(_edge, _statuses), max_size=12).map(
    lambda changes: sorted(changes, key=lambda change: change[0])
)


@st.composite
def _services(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Return spans that do not overlap; the last one may be open."""
    edges = sorted(draw(st.sets(_edge, max_size=6)))
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    return [*spans, (edges[-1], OPEN_ENDED)] if len(edges) % 2 else spans


def naive(
    instant: int,
    changes: list[tuple[int, Status | None]],
    service: list[tuple[int, int]],
    fills: list[tuple[int, int]],
    gaps: list[tuple[int, int]],
    windows: list[tuple[int, int]],
) -> Status | None:
    """Return what the camera was in one millisecond, as the rules say it."""

    def within(spans: list[tuple[int, int]]) -> bool:
        return any(start <= instant < end for start, end in spans)

    for start, end in service:
        if start <= instant < end:
            left = [ends for _, ends in service if ends <= start]
            heard = [
                status
                for at, status in changes
                if at <= instant and (at >= start or not left or at > max(left))
            ]
            status = (heard[-1] if heard else None) or UNKNOWN
            if status in (UNKNOWN, DOWN) and within(fills):
                status = UP
            if status in (UP, DOWN) and within(gaps):
                status = UNKNOWN
            return MAINTENANCE if within(windows) else status
    return None


@given(_changes, _services(), _spans, _spans, _spans, _edge, _edge)
def test_every_millisecond_is_what_the_rules_say(
    changes: list[tuple[int, Status | None]],
    service: list[tuple[int, int]],
    fills: list[tuple[int, int]],
    gaps: list[tuple[int, int]],
    windows: list[tuple[int, int]],
    start: int,
    end: int,
) -> None:
    """A1, E4, T2, V3: exactly one account for each millisecond in service, none for the others."""
    told = camera(*changes, service=tuple(service), fills=tuple(fills))
    overlays = over(*(gap(*span) for span in gaps), *(window(*span) for span in windows))
    found = overlays.intervals(told, END)
    truth = [naive(instant, changes, service, fills, gaps, windows) for instant in range(END)]
    assert _expanded([(each.start, each.end, each.status) for each in found]) == truth
    assert all(one.end <= two.start for one, two in pairwise(found))
    assert not any(one.end == two.start and one.status is two.status for one, two in pairwise(found))
    counted = StatusTime()
    for status in truth[start:end]:
        if status is not None:
            counted.add(status, 1)
    assert status_time_between(found, start, max(start, end)) == counted


@given(_changes, _services(), _spans, _edge)
def test_what_is_read_up_to_an_instant_is_the_beginning_of_the_whole(
    changes: list[tuple[int, Status | None]],
    service: list[tuple[int, int]],
    fills: list[tuple[int, int]],
    until: int,
) -> None:
    """A report of last month does not change because this month went on."""
    told = camera(*changes, service=tuple(service), fills=tuple(fills))
    early = read(told, until=until)
    assert _expanded(early) == [*_expanded(read(told))[:until], *[None] * (END - until)]


def _expanded(stretches: list[tuple[int, int, Status]]) -> list[Status | None]:
    found: list[Status | None] = [None] * END
    for start, end, status in stretches:
        assert 0 <= start < end <= END
        assert found[start:end] == [None] * (end - start)
        found[start:end] = [status] * (end - start)
    return found
