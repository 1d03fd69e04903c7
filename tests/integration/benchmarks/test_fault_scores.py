"""Marks of runs under faults, worked out by hand; and that their cameras do what the truth says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.fault_scores import KindMarks, marked, table
from benchmarks.faults import Played
from camsim.score.observations import Bounds, Change, Observations, ObservedCamera, Outage
from camwatch.core.telemetry import SessionStatus
from tests.support.eventually import eventually
from tests.support.herd import Absence, Camera, Herd, Kind
from tests.support.mosquitto import Mosquitto
from tests.support.simulator.mqtt_observer import observing

S = 1000
END = 300 * S


def lived(*absences: Absence, kind: Kind = Kind.RESUMES) -> Camera:
    """Return a camera that spoke each two seconds of five minutes, but while it was away."""
    away = [(each.from_ms, each.until_ms or END) for each in absences]
    sent = [at for at in range(0, END, 2 * S) if not any(start <= at < stop for start, stop in away)]
    return Camera("cam-1", "ville", kind, 2.0, random.Random(0), sent, list(absences))


def said(*outages: Outage, unknown: tuple[int, int] | None = None) -> Observations:
    changes = [Change(0, 0, "up")]
    for outage in outages:
        changes.append(Change(outage.at_ms, outage.detected_ms, "down"))
        if outage.end_ms is not None:
            changes.append(Change(outage.end_ms, outage.end_ms, "up"))
    if unknown is not None:
        changes += [Change(unknown[0], unknown[0], "unknown"), Change(unknown[1], unknown[1], "up")]
    return Observations({"cam-1": ObservedCamera(sorted(changes), list(outages))}, [], END)


def marks(camera: Camera, judged: Observations, *dark: tuple[int, int]) -> KindMarks:
    return marked([Played([camera], END, list(dark), {}, judged, sound=True)])[camera.kind.value]


AWAY = Absence(101 * S, 100 * S, 141 * S)


def test_an_outage_that_no_fault_came_near_has_its_errors_in_intervals() -> None:
    found = marks(lived(AWAY), said(Outage(102 * S, 144 * S, 109 * S, "timeout")))
    assert (found.start, found.end, found.down) == ([0.5], [1.5], [1.0])
    assert (found.missed, found.mistakes, found.up_though_dead) == (0, 0, [])
    assert found.down_though_alive == [1.5]
    near = marks(lived(AWAY), said(Outage(102 * S, 144 * S, 109 * S, "timeout")), (144 * S, 150 * S))
    assert near.down == []


def test_an_absence_without_an_outage_is_missed_unless_short_or_hidden() -> None:
    found = marks(lived(AWAY), said())
    assert (found.missed, found.up_though_dead) == (1, [20.0])
    assert marks(lived(AWAY), said(), (90 * S, 110 * S)).missed == 0
    short = marks(lived(Absence(101 * S, 100 * S, 108 * S)), said())
    assert (short.missed, short.up_though_dead) == (0, [])


def test_an_outage_of_a_camera_that_lived_is_a_mistake() -> None:
    found = marks(lived(), said(Outage(102 * S, 144 * S, 109 * S, "timeout")))
    assert (found.mistakes, found.down_though_alive) == (1, [21.0])


def test_a_camera_whose_heartbeats_waited_and_came_was_never_away() -> None:
    camera = lived(kind=Kind.QUEUE)
    camera.absences.append(AWAY)
    assert marks(camera, said(Outage(102 * S, 144 * S, 109 * S, "timeout"))).mistakes == 1
    assert marks(camera, said()).missed == 0


def test_unknown_and_dark_time_and_bounds_are_counted() -> None:
    outage = Outage(102 * S, 142 * S, 109 * S, "timeout", Bounds(100 * S, 102 * S, 142 * S, 144 * S))
    found = marks(lived(AWAY), said(outage, unknown=(200 * S, 220 * S)), (199 * S, 219 * S))
    assert (found.unknown, found.dark) == (10, 10)
    assert found.bounds == 2
    assert found.outside == ["cam-1 ended at 141000, between +1000 and +3000"]


def test_one_outage_over_two_absences_spans_both() -> None:
    """Nothing could be seen in between."""
    again = Absence(151 * S, 150 * S, 181 * S)
    outage = Outage(102 * S, 182 * S, 109 * S, "timeout", Bounds(100 * S, 102 * S, 180 * S, 182 * S))
    found = marks(lived(AWAY, again), said(outage), (140 * S, 153 * S))
    assert (found.bounds, found.outside, found.mistakes) == (2, [], 0)


def test_an_error_longer_than_an_interval_is_reported_with_its_instants() -> None:
    camera, judged = lived(AWAY), said(Outage(102 * S, 144 * S, 109 * S, "timeout"))
    run = Played([camera], END, [], {}, judged, sound=True)
    assert "cam-1 down though alive from 141000 to 144000" in table(marked([run]), [run])


def test_the_table_tells_each_kind_and_all_of_them() -> None:
    camera, judged = lived(AWAY), said(Outage(102 * S, 144 * S, 109 * S, "timeout"))
    run = Played([camera], END, [], {"daemon killed": 2}, judged, sound=True)
    text = table(marked([run]), [run])
    assert "daemon killed 2" in text
    assert text.count("+1.00 / 1.00") == 2


@pytest.mark.parametrize("kind", Kind)
async def test_a_cut_does_to_a_camera_what_its_kind_says(kind: Kind, tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "mosquitto") as mosquitto:
        async with (
            observing(mosquitto.url) as observer,
            Herd([("cam-1", "ville")], mosquitto.port, 0.1, kinds=[kind]) as herd,
        ):
            (camera,) = herd.cameras
            await eventually(lambda: len(camera.sent_ms) >= 3)
            herd.cut(camera)
            before, seq = len(camera.sent_ms), camera.seq
            await eventually(lambda: kind.power or camera.seq >= seq + 4)
            assert len(camera.sent_ms) == before
            herd.mend(camera)
            await eventually(lambda: len(camera.sent_ms) >= before + 3)
            await eventually(lambda: len(observer.heartbeats("cam-1")) == len(camera.sent_ms))
        numbers = [beat.seq for beat in observer.heartbeats("cam-1")]
    told = {
        Kind.POWER_TOLD: [SessionStatus.ONLINE, SessionStatus.OFFLINE, SessionStatus.ONLINE],
        Kind.HALF_OPEN: [SessionStatus.ONLINE, SessionStatus.OFFLINE, SessionStatus.ONLINE],
        Kind.POWER_SILENT: [SessionStatus.ONLINE, SessionStatus.ONLINE],
        Kind.RECONNECTS: [SessionStatus.ONLINE, SessionStatus.ONLINE],
        Kind.BARE: [],
    }
    words = observer.words("cam-1")
    words = (
        words[:-1] if kind.will and words[-1] is SessionStatus.OFFLINE else words
    )  # by the end of the herd
    assert words == told.get(kind, [SessionStatus.ONLINE])
    if kind is Kind.QUEUE:
        assert numbers == list(range(len(numbers)))
    elif kind is Kind.BARE:
        assert set(numbers) == {None}
    else:
        assert numbers[before] == 0 if kind.power else numbers[before] > before
