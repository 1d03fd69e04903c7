"""What was dated in the future goes where it belongs, to the millisecond, and nothing is lost (rule T5)."""

from __future__ import annotations

import pytest

from camwatch.accounting.records import AttributedCause
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.clock import DOUBT_S
from camwatch.core.events import Backfill, MonitoringGap
from camwatch.core.model import GapCause
from camwatch.errors import CorrectionError
from camwatch.history.correction_writer import append
from camwatch.history.corrections import OutageAttribution
from camwatch.history.rebase import pieces_of, rebase
from camwatch.history.store import Store
from tests.integration.history.test_clock_steps import City
from tests.support.fleet import START, fleet
from tests.support.history.builders import rows

HOUR = 3_600_000
DAYS_400 = 400 * 86_400


class Clocked(City):
    """A city whose processes record when their time began, as the daemon does."""

    def begin(self) -> Clocked:
        """Record that a process's time began."""
        now = self.world.now
        self.world.watch.record_gap(MonitoringGap((), (), GapCause.CLOCK_STEP, now, now))
        return self

    def restart(self, after: float) -> Clocked:
        """Kill the daemon, and start it again."""
        past = self.store.load()
        assert past.watermark_ms is not None
        self._number = past.number
        self.world.t += after
        self.world.reborn(past.watermark_ms)
        super(City, self).restart(0)
        self.begin()
        self.world.behind()
        return self

    @property
    def true_ms(self) -> int:
        """The true time."""
        return START.utc_ms + round(self.world.t * 1000)

    def rebase(self) -> int:
        """Put right what lies in the future; return the correction's number."""
        seq, _ = rebase(self.store, "helene", "the clock was ahead", self.true_ms)
        return seq

    def outages(self, camera: str = "cam-1") -> list[tuple[int, int | None]]:
        """Return a camera's outages, as seconds of true time since the beginning."""
        found = next(each for each in self.record().cameras if each.id == camera).outages
        return [
            (
                round((outage.at_ms - START.utc_ms) / 1000),
                None if outage.end_ms is None else round((outage.end_ms - START.utc_ms) / 1000),
            )
            for outage in found
        ]


@pytest.fixture
def city(store: Store) -> Clocked:
    return Clocked(store).begin()


def untouched(store: Store) -> list[tuple[object, ...]]:
    """Return the whole record as it is in the store."""
    tables = (
        "transitions",
        "outages",
        "service_periods",
        "backfills",
        "monitoring_gaps",
        "reboots",
        "checkpoints",
        "link_groups",
    )
    return [row for table in tables for row in rows(store, f"SELECT * FROM {table} ORDER BY 1")]  # noqa: S608


def die_and_live(city: Clocked) -> Clocked:
    """Let cam-1 be silent for 100 s and come back, then all live for another 100 s."""
    begin = city.world.t
    city.world.beats(begin + 100, "cam-2")
    city.world.beats(begin + 200)
    return city


@pytest.mark.parametrize("ahead_s", [7200, DAYS_400])
def test_a_clock_that_was_ahead_at_a_start_and_set_right(ahead_s: int, city: Clocked) -> None:
    """T5: outages before and after, one that is not over, attributions; the audit adds up."""
    die_and_live(city).keep()
    city.world._set_s += ahead_s
    city.restart(30)
    die_and_live(city)
    city.world.set(-ahead_s)
    die_and_live(city)
    city.world.beats(city.world.t + 100, "cam-2")  # cam-1 is down
    city.keep()
    wrong = city.outages()
    assert len(wrong) == 4
    assert wrong[0][0] < 200
    assert wrong[1][0] > ahead_s
    append(
        city.store.engine, "helene", "a cable", OutageAttribution(3, AttributedCause.NETWORK, excluded=False)
    )
    assert city.problems() == []
    city.rebase()
    begun = [at for at, _ in city.outages()]
    assert [city.problems(), begun[0]] == [[], wrong[0][0]]
    assert [at - ahead_s for at, _ in wrong[1:]] == begun[1:]
    assert begun == sorted(begun)
    assert all(at <= city.world.t for at in begun)
    assert city.outages()[-1][1] is None
    third = next(each for each in city.record().cameras if each.id == "cam-1").outages[2]
    assert third.attribution is not None
    assert city.record().watermark_ms == city.true_ms
    die_and_live(city.restart(20)).keep()  # and it goes on, with no lead and no gap
    assert city.problems() == []
    assert city.record().watermark_ms == city.true_ms
    assert len(city.outages()) == 4  # the one that was open is the same one


def test_a_leap_that_was_followed_and_was_wrong_after_all(city: Clocked) -> None:
    """T5, T7: hours that never were are gone with it, and the record is as exact as the steady clock."""
    die_and_live(city)
    city.world.set(DAYS_400).beats(city.world.t + DOUBT_S + 1)
    die_and_live(city)
    city.world.set(-DAYS_400).beats(city.world.t + 100)
    city.keep()
    assert city.problems() == []
    city.rebase()
    assert city.problems() == []
    record = city.record()
    assert record.gaps == []
    assert record.watermark_ms == city.true_ms
    [camera] = [each for each in record.cameras if each.id == "cam-2"]
    assert [change.at_ms for change in camera.changes][-1] < city.true_ms
    counted = city.world.account().in_service
    [span] = next(each for each in record.cameras if each.id == "cam-1").service_periods
    assert record.watermark_ms - span.start == counted


def test_a_restart_while_the_record_is_ahead_is_put_right_as_well(city: Clocked) -> None:
    """T5, S6: each process by its own lead, the time between them as long as it was."""
    die_and_live(city).keep()
    city.world._set_s += 7200
    city.restart(30)
    die_and_live(city)
    city.world.set(-7200)
    die_and_live(city).keep()
    city.restart(500)
    die_and_live(city).keep()
    city.rebase()
    assert city.problems() == []
    assert city.record().watermark_ms == city.true_ms
    record = city.record()
    [gap] = [blind for blind in record.gaps if blind.cause is GapCause.CLOCK_STEP]
    assert gap.end_ms is not None
    assert gap.end_ms - gap.start_ms == 500_000
    camera = next(each for each in record.cameras if each.id == "cam-2")
    stretches = TimelineOverlays(record).intervals(camera, record.watermark_ms)
    assert status_time_between(stretches, gap.start_ms, gap.end_ms).unknown == 500_000


def test_a_clock_that_was_set_right_in_two_steps_leaves_nothing_of_either(city: Clocked) -> None:
    """T5: the second step tells by how much; the first is no gap."""
    die_and_live(city).keep()
    city.world._set_s += 7200
    city.restart(30)
    die_and_live(city)
    city.world.set(-3600)
    die_and_live(city)
    city.world.set(-3600)
    die_and_live(city).keep()
    city.rebase()
    assert city.problems() == []
    record = city.record()
    assert [blind for blind in record.gaps if blind.cause is GapCause.CLOCK_STEP] == []
    assert record.watermark_ms == city.true_ms


def test_a_clock_that_was_set_right_while_camwatch_did_not_run(city: Clocked) -> None:
    """T5: the next start finds out, and what the wrong process recorded goes as well."""
    die_and_live(city).keep()
    city.world._set_s += 7200
    city.restart(30)
    die_and_live(city).keep()
    city.world._set_s -= 7200
    with pytest.raises(CorrectionError, match="start camwatch once"):
        city.rebase()
    city.restart(30)
    die_and_live(city).keep()
    city.rebase()
    assert city.problems() == []
    begun = [at for at, _ in city.outages()]
    assert begun == sorted(begun)
    assert all(at <= city.world.t for at in begun)
    assert city.record().watermark_ms == pytest.approx(city.true_ms, abs=1)


def test_where_nothing_lies_in_the_future_nothing_is_done(city: Clocked) -> None:
    """T5: minutes give way by themselves."""
    die_and_live(city)
    city.world.set(-200)
    city.keep()
    with pytest.raises(CorrectionError, match="no part of the record is in the future"):
        city.rebase()


def test_a_rebase_that_would_not_end_now_is_refused_and_changes_nothing(city: Clocked) -> None:
    """T5: this machine's clock is the one that is wrong."""
    die_and_live(city)
    city.world.set(-7200).beats(city.world.t + 10)
    city.keep()
    before = untouched(city.store)
    with pytest.raises(CorrectionError, match="is the clock of this machine right"):
        rebase(city.store, "helene", "why", START.utc_ms - 86_400_000)
    with pytest.raises(CorrectionError, match="reason is empty"):
        rebase(city.store, "helene", " ", city.true_ms - 7_200_000)
    assert untouched(city.store) == before


def test_the_audit_finds_a_changed_moved_row_or_original(city: Clocked) -> None:
    """A6: a rebase is bound to what it moved, as it was."""
    die_and_live(city).keep()
    city.world._set_s += 7200
    city.restart(30)
    die_and_live(city)
    city.world.set(-7200).beats(city.world.t + 20)
    city.keep()
    seq = city.rebase()
    assert city.problems() == []
    number = rows(city.store, "SELECT row FROM rebased WHERE kind = 'reboots' OR kind = 'outages'")[0][0]
    with city.store.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE outages SET at_ms = at_ms - 1 WHERE id = {number}")  # noqa: S608
    assert any(f"correction {seq} moved row {number} of outages" in problem for problem in city.problems())
    with city.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM rebased WHERE kind = 'outages'")
    assert any("no longer kept as they were" in problem for problem in city.problems())


def ahead(city: Clocked, ahead_s: float) -> Clocked:
    """Let a process begin with a clock that is ahead."""
    city.world.beats(100)
    city.keep()
    city.world._set_s += ahead_s
    return city.restart(300)


def test_a_fill_that_late_heartbeats_make_longer_afterwards_is_no_finding(city: Clocked) -> None:
    """A6, L8: it lies where it was moved, and further; one that was cut is one."""
    ahead(city, 7200).world.beats(city.world.t + 300)
    now_ms = city.world.now.utc_ms
    city.world.events.append(Backfill("cam-1", "ville", now_ms - 60_000, now_ms - 1000))
    city.keep()
    city.world.set(-7200).beats(city.world.t + 20)
    city.keep()
    city.rebase()
    assert city.problems() == []
    city.restart(5)
    [(end_ms,)] = rows(city.store, "SELECT end_ms FROM backfills WHERE camera_key = 1")
    city.world.events.append(Backfill("cam-1", "ville", end_ms, end_ms + 10_000))
    city.keep()
    assert [found for found in city.problems() if "is elsewhere" in found] == []
    with city.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE backfills SET start_ms = start_ms + 1 WHERE camera_key = 1")
    assert [found for found in city.problems() if "of backfills, which is elsewhere" in found]


def test_changes_that_count_for_flapping_go_where_they_belong(city: Clocked) -> None:
    """C2, T5: dated in the future they would never be old."""
    ahead(city, DAYS_400)
    for _ in range(4):
        city.world.beats(city.world.t + 60, "cam-2")
        city.world.beats(city.world.t + 20)
    city.keep()
    city.world.set(-DAYS_400).beats(city.world.t + 20)
    city.keep()
    city.rebase()
    city.restart(5)
    flapping, mono = city.world.camera("cam-1").flapping, city.world.now.mono
    assert flapping is not None
    assert flapping.is_active(mono)
    assert not flapping.is_active(mono + 7 * 86_400)


def test_where_cameras_stood_since_then_goes_where_it_belongs(city: Clocked) -> None:
    """V7, T5: dated in the future, a move would hold only once the clock is there, and over later ones."""
    ahead(city, DAYS_400).reload(*fleet(2, site="gare"))
    moved_ms = city.true_ms
    city.world.beats(city.world.t + 100)
    city.keep()
    city.world.set(-DAYS_400).beats(city.world.t + 20)
    city.keep()
    seq = city.rebase()
    assert city.problems() == []

    def since(site: str) -> list[tuple[int]]:
        return rows(city.store, f"SELECT since_ms FROM placements WHERE site = '{site}' AND camera_key = 1")  # noqa: S608

    [(since_ms,)] = since("gare")
    assert moved_ms <= since_ms <= city.true_ms
    assert {camera.site for camera in city.record().cameras} == {"gare"}
    city.restart(20).reload(*fleet(2, site="port")).keep()
    assert {camera.site for camera in city.record().cameras} == {"port"}
    city.restart(20).keep()
    assert len(since("port")) == 1
    with city.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE placements SET since_ms = since_ms + 1 WHERE site = 'gare'")
    assert any(f"correction {seq} moved row" in problem for problem in city.problems())


@pytest.mark.parametrize(
    ("clock", "pieces"),
    [
        ([], []),
        ([(0, 0)], []),
        ([(0, 0), (50, 60)], []),
        # ahead at the start, set right; in two steps
        ([(0, 0), (5 * HOUR, 5 * HOUR), (6 * HOUR, 4 * HOUR)], [(5 * HOUR - 1, 2 * HOUR)]),
        ([(0, 0), (6 * HOUR, 3 * HOUR), (7 * HOUR, 5 * HOUR)], [(-1, 2 * HOUR)]),
        # a leap of the same length explains it; what is left of a few milliseconds stays a gap
        ([(0, 0), (HOUR, 3 * HOUR), (4 * HOUR, 2 * HOUR)], [(HOUR, 2 * HOUR)]),
        ([(0, 0), (HOUR, 3 * HOUR), (4 * HOUR, 2 * HOUR - 70)], [(HOUR, 2 * HOUR)]),
        ([(0, 0), (HOUR, 3 * HOUR), (4 * HOUR, 2 * HOUR + 70)], [(HOUR, 2 * HOUR - 70)]),
        # a little leap within a wrong process goes with it
        (
            [(0, 0), (HOUR, HOUR + 6), (4 * HOUR, 2 * HOUR)],
            [(-1, 2 * HOUR - 6), (HOUR, 2 * HOUR)],
        ),
        # set ahead again: nothing is ahead any more
        ([(0, 0), (4 * HOUR, 2 * HOUR), (5 * HOUR, 5 * HOUR + 3)], []),
        # nobody knows when a process began that an older camwatch ran
        ([(4 * HOUR, 2 * HOUR)], []),
    ],
)
def test_what_is_wrong_is_told_by_how_the_clock_was_set(
    clock: list[tuple[int, int]], pieces: list[tuple[int, int]]
) -> None:
    """T5: (began, ended) of each time, in milliseconds."""
    assert [piece[:2] for piece in pieces_of(clock)] == pieces
