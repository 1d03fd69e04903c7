"""Old heartbeats played again prove nothing, however they are played."""

from __future__ import annotations

import pytest

from camwatch.core.model import Instant, Status
from camwatch.core.monitor import FleetMonitor
from camwatch.core.telemetry import RejectionReason
from camwatch.wire.heartbeat import Heartbeat
from tests.support.fleet import enrolment

_EPOCH_MS = 1_760_000_000_000


def _moment(mono: float) -> Instant:
    return Instant(mono, _EPOCH_MS + round(mono * 1000))


@pytest.mark.parametrize("pause_s", [15.0, 60.0, 600.0])
@pytest.mark.parametrize("pace_s", [0.0, 10.0])
def test_a_boot_played_again_from_its_beginning_keeps_a_dead_camera_down(
    pause_s: float, pace_s: float
) -> None:
    """L1, L8, L9: same `ts`, `seq` and uptime as before, all at once or at the pace of a living camera."""
    watch = FleetMonitor(_moment(0), {"main": frozenset()}, ping_after_s=20, stall_after_s=60)
    watch.reload(_moment(0), [enrolment("a")], [])
    link = watch.links["main"]
    watched = watch.cameras["a"]
    watch.link_up(link, _moment(0))
    boot = [
        Heartbeat(ts=_EPOCH_MS / 1000 + 10.0 * number, seq=number, uptime_s=10.0 * number + 3.5)
        for number in range(60)
    ]
    for number, said in enumerate(boot):
        assert watch.heartbeat(watched, _moment(10.0 * number), said) is None
    died = 10.0 * (len(boot) - 1)
    clock = died
    for _ in range(int(pause_s // 5)):
        clock += 5.0
        watch.packets_taken(link, _moment(clock))
        watch.tick(_moment(clock))
    for said in boot:
        clock += pace_s
        watch.packets_taken(link, _moment(clock))
        assert watch.heartbeat(watched, _moment(clock), said) in {
            RejectionReason.DUPLICATE,
            RejectionReason.LATE,
        }
        watch.tick(_moment(clock))
    assert watched.proof == died
    assert watched.reboots == 0
    assert watched.underlying_status is (Status.DOWN if clock - died > 45 else Status.UP)


def test_a_clock_that_drifted_for_days_is_believed_after_32_heartbeats() -> None:
    """L7, L8: a slow crystal, no NTP: after four days of silence its `ts` and its uptime are late alike."""
    watch = FleetMonitor(_moment(0), {"main": frozenset()}, ping_after_s=1e6, stall_after_s=1e6)
    watch.reload(_moment(0), [enrolment("a")], [])
    watch.link_up(watch.links["main"], _moment(0))
    watched = watch.cameras["a"]

    def beat(clock: float) -> RejectionReason | None:
        own = clock * (1 - 50e-6)
        said = Heartbeat(ts=_EPOCH_MS / 1000 + own, seq=int(clock // 10), uptime_s=own + 100.0)
        watch.packets_taken(watch.links["main"], _moment(clock))
        return watch.heartbeat(watched, _moment(clock), said)

    assert beat(0.0) is None
    back = 4 * 86_400.0
    refused = [beat(back + 10.0 * number) for number in range(60)]
    assert refused == [RejectionReason.LATE] * 32 + [None] * 28


@pytest.mark.parametrize(
    ("later_s", "refusal"), [(0, RejectionReason.DUPLICATE), (-1, RejectionReason.DUPLICATE), (1, None)]
)
def test_the_same_seq_is_a_duplicate_unless_its_clock_is_newer(
    later_s: int, refusal: RejectionReason | None
) -> None:
    """L9: a counter that does not count takes nobody's life."""
    watch = FleetMonitor(_moment(0), {"main": frozenset()}, ping_after_s=20, stall_after_s=60)
    watch.reload(_moment(0), [enrolment("a")], [])
    watched = watch.cameras["a"]
    assert watch.heartbeat(watched, _moment(1), Heartbeat(ts=_EPOCH_MS / 1000 + 1, seq=7)) is None
    again = Heartbeat(ts=_EPOCH_MS / 1000 + 1 + later_s, seq=7)
    assert watch.heartbeat(watched, _moment(2), again) is refusal


def _dead_in_its_second_boot(first: list[Heartbeat], second_s: float) -> tuple[FleetMonitor, float]:
    """Return a watch of a camera that lived a first boot, rebooted, lived on, and died; and when it died."""
    watch = FleetMonitor(_moment(0), {"main": frozenset()}, ping_after_s=20, stall_after_s=60)
    watch.reload(_moment(0), [enrolment("a")], [])
    link, watched = watch.links["main"], watch.cameras["a"]
    watch.link_up(link, _moment(0))
    clock = 0.0
    for said in first:
        watch.tick(_moment(clock))
        assert watch.heartbeat(watched, _moment(clock), said) is None
        clock += 10.0
    reboot, clock = clock + 20.0, clock + 25.0
    for number in range(int(second_s // 10)):
        said = Heartbeat(ts=_EPOCH_MS / 1000 + clock, seq=number, uptime_s=clock - reboot)
        watch.tick(_moment(clock))
        assert watch.heartbeat(watched, _moment(clock), said) is None
        clock += 10.0
    died = clock - 10.0
    while clock < died + 60:
        watch.packets_taken(link, _moment(clock))
        watch.tick(_moment(clock))
        clock += 5.0
    assert watched.underlying_status is Status.DOWN
    return watch, died


@pytest.mark.parametrize("second_s", [100.0, 400.0, 3000.0])
@pytest.mark.parametrize("pace_s", [0.0, 3.0, 5.0])
@pytest.mark.parametrize("played", [slice(None), slice(59, None), slice(20, 21), slice(0, 1)])
def test_an_earlier_boot_played_again_keeps_a_dead_camera_down(
    second_s: float, pace_s: float, played: slice
) -> None:
    """L6, L8: by its own clock it began before the known boot, whatever its uptime; again and again."""
    first = [
        Heartbeat(ts=_EPOCH_MS / 1000 + 10.0 * number, seq=number, uptime_s=10.0 * number + 3.5)
        for number in range(60)
    ]
    watch, died = _dead_in_its_second_boot(first, second_s)
    link, watched, clock = watch.links["main"], watch.cameras["a"], died + 60
    for _ in range(3):
        for said in first[played]:
            clock += pace_s
            watch.packets_taken(link, _moment(clock))
            assert watch.heartbeat(watched, _moment(clock), said) in {
                RejectionReason.DUPLICATE,
                RejectionReason.LATE,
            }, said
            watch.tick(_moment(clock))
    assert watched.proof == died
    assert watched.underlying_status is Status.DOWN
    assert watched.reboots == 1


@pytest.mark.parametrize("pause_s", [90_000.0, 200_000.0])
@pytest.mark.parametrize("number", [0, 30, 59])
def test_a_boot_played_again_days_later_keeps_a_dead_camera_down(pause_s: float, number: int) -> None:
    """L6, L9: its clock has lost no day: it booted when the known boot did, by that clock."""
    watch = FleetMonitor(_moment(0), {"main": frozenset()}, ping_after_s=1e6, stall_after_s=1e6)
    watch.reload(_moment(0), [enrolment("a")], [])
    watch.link_up(watch.links["main"], _moment(0))
    watched = watch.cameras["a"]
    boot = [
        Heartbeat(ts=_EPOCH_MS / 1000 + 10.0 * number, seq=number, uptime_s=10.0 * number + 3.5)
        for number in range(60)
    ]
    for each, said in enumerate(boot):
        assert watch.heartbeat(watched, _moment(10.0 * each), said) is None
    later = _moment(590.0 + pause_s)
    watch.packets_taken(watch.links["main"], later)
    watch.tick(later)
    assert watch.heartbeat(watched, later, boot[number]) is RejectionReason.DUPLICATE
    assert watched.underlying_status is Status.DOWN
    assert watched.reboots == 0


@pytest.mark.parametrize("uptime_s", [3600.0, 90_000.0])
def test_an_uptime_longer_than_the_camera_can_have_had_proves_nothing(uptime_s: float) -> None:
    """L8: a made-up heartbeat of an hour ago."""
    watch, died = _dead_in_its_second_boot([], 400.0)
    link, watched, clock = watch.links["main"], watch.cameras["a"], died + 60
    for number in range(100):
        clock += 5.0
        sent = _EPOCH_MS / 1000 + clock - 3600 - number
        watch.packets_taken(link, _moment(clock))
        said = Heartbeat(ts=sent, seq=number, uptime_s=uptime_s)
        assert watch.heartbeat(watched, _moment(clock), said) in {
            RejectionReason.DUPLICATE,
            RejectionReason.LATE,
        }
        watch.tick(_moment(clock))
    assert watched.underlying_status is Status.DOWN
