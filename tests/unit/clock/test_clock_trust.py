"""Our own clock is not believed blindly: the kernel is asked at the start, the cameras while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from camwatch.clock import DOUBT_S
from camwatch.clock_trust import FLEET_LASTS_S, synchronised, wait_for_sync
from camwatch.errors import RejectReason
from camwatch.fleet.inventory import Inventory
from tests.support.fleet import camera
from tests.support.monitor_fixture import City, registered

OFFSET = "camwatch_clock_fleet_offset_seconds"
AHEAD = "camwatch_record_ahead_seconds"
STEPS = "camwatch_clock_steps_total"
TEN_YEARS_S = 3652 * 86_400.0


def named(count: int) -> Inventory:
    """Return an inventory of cam-1, cam-2 and so on."""
    return registered(camera(f"cam-{number}") for number in range(1, count + 1))


class Fleet(City):
    """Five cameras whose clocks are right, whatever ours shows; the last one was never set."""

    def __init__(self) -> None:
        super().__init__(named(5))
        self._true_s = self.wall - self.mono

    def set(self, seconds: float) -> Fleet:
        """Set our machine's clock."""
        self.wall += seconds
        return self

    def live(self, seconds: float) -> Fleet:
        """Let the cameras give heartbeats, and the daemon look."""
        for _ in range(round(seconds / 10)):
            self.pass_s(10)
            self.beat("cam-1", "cam-2", "cam-3", "cam-4", ts=self.mono + self._true_s)
            self.beat("cam-5", ts=self.mono)
            self.look()
        return self

    def look(self) -> None:
        """Do what the loop of the deadlines does."""
        self.watcher.clock_trust.check(self.watcher.clock().mono, self.watcher.fleet.cameras.values())

    @property
    def shown_s(self) -> float:
        """How far the record is ahead of true time."""
        now = self.watcher.clock()
        return round(now.utc_ms / 1000 - now.mono - self._true_s, 3)

    def clock_faults(self) -> list[str]:
        """Return what /-/ready says of the clock."""
        return [reason for reason in self.watcher.not_ready_reasons if reason.startswith("clock: ")]


@pytest.fixture
def fleet() -> Fleet:
    return Fleet().live(120)


def test_the_median_of_the_cameras_counts_and_one_wrong_clock_does_not(fleet: Fleet) -> None:
    """T4: the fleet's offset is exported, and nothing is wrong."""
    assert fleet.scrape().value(OFFSET) == pytest.approx(0, abs=0.01)
    assert fleet.clock_faults() == []


def test_two_cameras_are_no_fleet() -> None:
    """T4: absent, not 0."""
    few = City(named(2))
    few.pass_s(1)
    few.beat("cam-1", "cam-2", ts=12.0)
    few.watcher.clock_trust.check(few.mono, few.watcher.fleet.cameras.values())
    assert few.scrape().value(OFFSET) is None


@pytest.mark.parametrize(("seconds", "words"), [(1800.0, "30 min ahead of"), (-1800.0, "30 min behind")])
def test_a_clock_contradicted_by_the_fleet_for_five_minutes_is_wrong(
    seconds: float, words: str, fleet: Fleet
) -> None:
    """T4: in /-/ready; and once it is right again, nothing is said any more."""
    fleet.set(seconds).live(FLEET_LASTS_S)
    assert fleet.scrape().value(OFFSET) == pytest.approx(seconds, abs=0.01)
    assert [reason for reason in fleet.clock_faults() if "the median" in reason] == []
    fleet.live(60)
    [reason] = [reason for reason in fleet.clock_faults() if "the median" in reason]
    assert f"the machine's clock is {words} the median of the cameras' clocks" in reason
    fleet.set(-seconds).live(60)
    assert [reason for reason in fleet.clock_faults() if "the median" in reason] == []


def test_ten_years_ahead_for_six_seconds_are_logged_and_not_recorded(fleet: Fleet) -> None:
    """T7: not ready meanwhile; two steps are counted; no heartbeat is taken for late."""
    beats = fleet.scrape().value("camwatch_camera_heartbeats_total", camera="cam-1")
    assert beats is not None
    fleet.set(TEN_YEARS_S).pass_s(3)
    fleet.look()
    [reason] = fleet.clock_faults()
    assert "set ahead by 3652 d: it is not followed" in reason
    assert fleet.scrape().value(OFFSET) == pytest.approx(TEN_YEARS_S, abs=0.01)
    fleet.pass_s(3)
    fleet.set(-TEN_YEARS_S).live(60)
    assert fleet.clock_faults() == []
    assert (fleet.shown_s, fleet.scrape().value(STEPS), fleet.scrape().value(AHEAD)) == (0, 2, 0)
    assert fleet.scrape().value("camwatch_camera_heartbeats_total", camera="cam-1") == beats + 6
    assert fleet.watcher.rejections.counts.get(RejectReason.LATE, 0) == 0


def test_a_step_that_the_cameras_contradict_is_never_followed(fleet: Fleet) -> None:
    """T7, T4: the machine's clock is wrong, and that is said."""
    fleet.set(TEN_YEARS_S).live(3 * DOUBT_S)
    assert fleet.shown_s == 0
    assert any("3652 d ahead of the median" in reason for reason in fleet.clock_faults())


def test_a_step_that_the_cameras_confirm_is_followed_at_once() -> None:
    """T7: a machine that began in the past is set right."""
    late = City(named(3))
    late.pass_s(1)
    late.beat("cam-1", "cam-2", "cam-3", ts=late.wall + TEN_YEARS_S)
    late.wall += TEN_YEARS_S
    late.watcher.clock_trust.check(late.watcher.clock().mono, late.watcher.fleet.cameras.values())
    assert late.watcher.clock().utc_ms == round(late.wall * 1000)
    assert late.scrape().value(STEPS) == 1
    assert late.scrape().value(OFFSET) == pytest.approx(0, abs=0.01)
    late.pass_s(10)
    late.beat("cam-1", "cam-2", "cam-3", ts=late.wall)
    assert late.watcher.rejections.counts.get(RejectReason.LATE, 0) == 0


def test_a_record_ahead_of_the_clock_by_more_than_minutes_is_not_ready(fleet: Fleet) -> None:
    """T5, T6: and an age is right all the same."""
    fleet.set(-7200).live(60)
    assert fleet.scrape().value(AHEAD) == pytest.approx(7200)
    [reason] = fleet.clock_faults()
    assert "the record is 2 h ahead of the machine's clock" in reason
    assert "camwatch history rebase" in reason
    fleet.pass_s(100)
    scrape = fleet.scrape()
    now = scrape.value("camwatch_now_timestamp_seconds")
    since = scrape.value("camwatch_camera_status_since_timestamp_seconds", camera="cam-1")
    assert now is not None
    assert since is not None
    assert 80 <= now - since <= 100
    fleet.set(7200).live(60)
    assert (fleet.clock_faults(), fleet.scrape().value(AHEAD)) == ([], 0)


# ---- the start


def asked(*answers: bool | None) -> tuple[list[str], list[dict[str, object]], bool]:
    """Wait for a clock of which the kernel says this, in order; return what was reported and logged."""
    said: list[str] = []
    left: Iterator[bool | None] = iter(answers)
    last = answers[-1]

    async def wait() -> bool:
        stop = asyncio.Event()
        await wait_for_sync(0.6, stop, said.append, lambda: next(left, last))
        return next(left, None) is None

    with capture_logs() as logs:
        whole = asyncio.run(wait())
    return said, [dict(line) for line in logs], whole


def test_a_synchronised_clock_is_not_waited_for() -> None:
    """T4."""
    assert asked(True) == ([], [], True)


def test_a_start_waits_until_the_clock_is_synchronised_and_says_so() -> None:
    """T4: to the service manager, and in the log."""
    said, logs, whole = asked(False, False, True)
    assert said == ["waiting for clock synchronisation"]
    assert [line["event"] for line in logs] == ["waiting for clock synchronisation", "clock synchronised"]
    assert "clock.require_sync = false" in str(logs[0]["advice"])  # at once, not after the minute
    assert whole


def test_an_unsynchronised_clock_is_used_in_the_end_with_a_warning() -> None:
    """T4: bounded."""
    _, logs, _ = asked(False)
    assert logs[-1]["log_level"] == "error"
    assert str(logs[-1]["event"]).startswith("clock not synchronised")


def test_where_the_kernel_does_not_say_there_is_nothing_to_wait_for() -> None:
    """T4: in a sandbox; logged."""
    said, logs, _ = asked(None)
    assert said == []
    assert [line["log_level"] for line in logs] == ["warning"]


async def test_a_stop_is_obeyed_while_the_clock_is_waited_for() -> None:
    stop = asyncio.Event()
    waiting = asyncio.create_task(wait_for_sync(3600, stop, lambda _: None, lambda: False))
    stop.set()
    await asyncio.wait_for(waiting, 30)


def test_this_machines_kernel_can_be_asked() -> None:
    """T4: whatever it answers."""
    assert synchronised() in {True, False, None}
