"""The wall clock is set while camwatch runs, or does not: the record adds up, and says what never was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camwatch.accounting.rolling import RollingAccounts
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.clock import Clock, ClockStep
from camwatch.core.events import MonitoringGap
from camwatch.core.model import CameraConfig, GapCause, Instant, Liveness, Status
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.support.fleet import START, World, enrolment, fleet
from tests.support.history.builders import rows
from tests.support.history.recorder_fixture import PARIS, Kept

HOUR = 3_600_000


class Stepped(World):
    """A world whose wall clock can be `set`; its UTC is that of the daemon's Clock."""

    def __init__(self, *enrolments: CameraConfig) -> None:
        self.t = self._set_s = 0.0
        self._start_clock(0)
        super().__init__(*enrolments)

    def _start_clock(self, not_before_ms: int) -> None:
        self._clock = Clock(self.apart, lambda: round(START.mono + self.t, 3), self._wall, not_before_ms)

    def _wall(self) -> float:
        return START.utc_ms / 1000 + self.t + self._set_s

    def apart(self, jump: ClockStep) -> None:
        """Do what `MonitorService` does."""
        if jump.recorded:
            self.watch.record_gap(MonitoringGap((), (), GapCause.CLOCK_STEP, jump.began, jump.ended))

    @property
    def now(self) -> Instant:
        """The moment that the daemon's clock shows."""
        return self._clock()

    def set(self, seconds: float) -> Stepped:
        """Set the wall clock, and let the daemon look at it."""
        self._set_s += seconds
        self.tick()
        return self

    def reborn(self, watermark_ms: int) -> None:
        """Start the clock of the next process."""
        self._start_clock(watermark_ms)

    def behind(self) -> None:
        """Record what the next process finds, as `app` does."""
        if self._clock.lag is not None:
            self.apart(self._clock.lag)


class City(Kept):
    """Cameras (two, if none is named) whose record is kept, and whose clock can be set."""

    def __init__(self, store: Store, *enrolments: CameraConfig) -> None:
        super().__init__(store, *(enrolments or fleet(2)))
        self.world: Stepped = Stepped(*self._enrolments)

    def restart(self, after: float) -> City:
        """Kill the daemon, and start it again."""
        past = self.store.load()
        assert past.watermark_ms is not None
        self.world.t += after
        self.world.reborn(past.watermark_ms)
        super().restart(0)
        self.world.behind()
        return self


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(HistorySettings(url=f"sqlite:///{tmp_path / 'camwatch.db'}")) as store:
        store.acquire_lock()
        yield store


@pytest.fixture
def city(store: Store) -> City:
    return City(store)


def counted(city: City) -> int:
    """Return how long the counters say that cam-1 was in service, on the steady clock."""
    return city.world.account().in_service


def miscounted(city: City) -> list[str]:
    """Return where the audit finds that the counters and the record differ."""
    return [problem for problem in city.problems() if "counted" in problem]


def test_a_skipped_hour_is_unknown_and_in_no_counter(city: City) -> None:
    """T2, A1: nobody was up in it, and nobody was convicted."""
    city.world.beats(100)
    city.world.set(3600).beats(200)
    assert city.keep().problems() == []
    [gap] = city.record().gaps
    assert gap.end_ms is not None
    assert gap.end_ms - gap.start_ms == HOUR
    record = city.record()
    stretches = TimelineOverlays(record).intervals(record.cameras[0], record.watermark_ms)
    account = status_time_between(stretches, 0, record.watermark_ms)
    assert account.unknown == HOUR
    assert account.down == 0
    assert account.in_service == 200_000 + HOUR
    assert counted(city) == 200_000


def test_a_clock_set_back_by_minutes_is_no_gap_and_passes_the_audit(city: City) -> None:
    """T2, A1: UTC runs at half speed, so the counters have more than the record."""
    city.world.beats(100)
    city.world.set(-300).beats(400)
    assert city.keep().problems() == []
    record = city.record()
    assert record.gaps == []
    stretches = TimelineOverlays(record).intervals(record.cameras[0], record.watermark_ms)
    account = status_time_between(stretches, 0, record.watermark_ms)
    assert (account.in_service, account.unknown, account.down) == (250_000, 0, 0)
    assert counted(city) == 400_000
    with city.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE checkpoints SET up = up + 200020 WHERE camera_key = 1")
    [problem] = miscounted(city)
    assert "counted 600020 ms up, the record has 250000 ms" in problem
    with city.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE checkpoints SET up = up - 200020 WHERE camera_key = 1")
        connection.exec_driver_sql("DELETE FROM monitoring_gaps")
    assert len(miscounted(city)) == 2


def test_a_clock_set_back_by_hours_leaves_every_duration_as_long_as_it_was(city: City) -> None:
    """T5, A1: the record keeps its lead and its pace, so it agrees with the counters to the millisecond."""
    city.world.beats(100)
    city.world.set(-3600).beats(200, "cam-2")
    city.world.beats(400)
    assert city.keep().problems() == []
    record = city.record()
    outage = next(camera for camera in record.cameras if camera.id == "cam-1").outages[0]
    assert outage.end_ms is not None
    assert outage.end_ms - outage.at_ms >= 80_000
    assert record.watermark_ms == START.utc_ms + 400_000
    with city.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE checkpoints SET up = up + 20 WHERE camera_key = 1")
    assert len(miscounted(city)) == 1


def test_years_ahead_for_seconds_leave_no_trace_in_the_record(city: City) -> None:
    """T7: neither a gap nor a lead, and an outage of then has its date."""
    ten_years = 3652.5 * 86_400
    city.world.beats(100)
    city.world.set(ten_years).beats(106)
    city.world.set(-ten_years).beats(200, "cam-2")
    city.world.beats(300)
    assert city.keep().problems() == []
    record = city.record()
    assert record.gaps == []
    assert record.watermark_ms == START.utc_ms + 300_000
    [outage] = next(camera for camera in record.cameras if camera.id == "cam-1").outages
    assert START.utc_ms + 100_000 < outage.at_ms < START.utc_ms + 120_000


def test_a_clock_set_back_between_processes_is_recorded_by_the_next(city: City) -> None:
    """T2, S6: twice, and the second time before it has caught up."""
    city.world.beats(100)
    city.world.set(-280)
    city.keep()
    city.keep().restart(10).world.beats(200)
    city.keep().restart(10).world.beats(2000)
    assert city.keep().problems() == []
    clock = "SELECT began_ms, ended_ms FROM monitoring_gaps WHERE cause = 'clock_step'"
    assert [began > ended for began, ended in rows(city.store, clock)] == [True] * 3


def test_a_step_shifts_what_is_dated_back_however_long_ago_it_was(store: Store) -> None:
    """T2, E5, A1: a camera heard every two hours leaves six hours after it fell silent."""
    slow = enrolment("cam-1", liveness=Liveness(interval_s=7200))
    city = City(store, slow, enrolment("cam-2"))
    city.world.beat("cam-1")
    city.world.to(8 * 3600)
    city.world.set(3600).to(8.5 * 3600)
    city.reload(enrolment("cam-2"))
    assert city.keep().problems() == []
    [span] = next(camera for camera in city.record().cameras if camera.id == "cam-1").service_periods
    assert span.end - span.start == 2 * HOUR


def test_an_operator_stands_by_the_record_after_the_clock_was_set(city: City) -> None:
    """A4, A5, T2: what is kept up change by change is what is derived anew."""
    world = city.world
    world.beats(50)
    city.keep()
    standing = RollingAccounts.from_record(PARIS, city.record(), world.now.utc_ms)
    before = len(world.events)
    world.set(1800).beats(300, "cam-1")
    world.set(-900).beats(900)
    city.keep()
    standing.apply(world.events[before:])
    now = world.now.utc_ms
    assert standing.status_times("ville", now) == RollingAccounts.from_record(
        PARIS, city.record(), now
    ).status_times("ville", now)
    assert standing.status_times("ville", now)["24h"].unknown == 2 * 1_800_000  # of each camera


def test_a_step_convicts_and_acquits_nobody(city: City) -> None:
    """T2: cam-2 is down throughout, cam-1 up."""
    world = city.world
    world.beats(10)
    world.beats(100, "cam-1")
    for seconds in (3600, -3600, -7200, 10_000):
        world.set(seconds).beats(world.t + 60, "cam-1")
    assert [(event.camera, event.new) for event in world.transitions()][-1] == ("cam-2", Status.DOWN)
    assert city.keep().problems() == []


JUMPS = st.integers(-9000, 9000) | st.sampled_from([-1.5, -0.4, -0.006, 0.006, 0.25, 0.4, 1.999])
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["beats", "silence", "blind", "stall", "restart", "keep"]),
        st.integers(1, 400) | st.sampled_from([0.3337, 7.0005]),
    )
    | st.tuples(st.just("set"), JUMPS),
    max_size=14,
)


@settings(max_examples=60)
@given(acts=ACTS)
def test_the_audit_passes_whenever_the_clock_is_set(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, float]]
) -> None:
    """A1, T2, S6: among heartbeats, silence, blindness and restarts."""
    file = tmp_path_factory.mktemp("steps") / "camwatch.db"
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as store:
        store.acquire_lock()
        city = City(store)
        world = city.world
        for act, seconds in acts:
            if act == "beats":
                world.beats(world.t + seconds, "cam-1")
            elif act == "silence":
                world.to(world.t + seconds)
            elif act == "blind":
                world.blind(world.t, world.t + seconds)
            elif act == "stall":
                world.stall(world.t + seconds)
            elif act == "set":
                world.set(seconds)
            elif act == "restart":
                city.keep().restart(seconds)
            else:
                city.keep()
        assert city.keep().problems() == []
