"""What one camera may send: never so much that it costs the others, and never too little for the record."""

from __future__ import annotations

import pytest

from camwatch.core.model import MaintenanceWindow, Scope, Status
from camwatch.core.status_time import StatusTime
from camwatch.core.telemetry import SessionStatus
from camwatch.settings import Settings
from camwatch.settings.sections import LivenessSettings
from camwatch.wire.heartbeat import Heartbeat, encode_heartbeat
from tests.support.fleet import camera
from tests.support.monitor_fixture import BEGIN_S, City, registered

MOST, INTERVAL_S = 20, 10.0
BEGUN = 3  # messages of its present run that a camera of the city has sent


def city(most: int = MOST) -> City:
    """Return two cameras that are up, each with a steady clock."""
    settings = Settings(liveness=LivenessSettings(messages_per_interval=most))
    found = City(registered([camera("cam-1"), camera("cam-2")]), settings=settings)
    for seq in range(3):
        found.beat("cam-1", "cam-2", seq=seq, ts=found.wall).pass_s(INTERVAL_S)
    return found


def dark(seconds: float, *windows: MaintenanceWindow) -> City:
    """Return the same two after a time in which `cam-1` alone was silent, longer than it may be."""
    settings = Settings(liveness=LivenessSettings(messages_per_interval=MOST))
    cameras = registered([camera("cam-1"), camera("cam-2")], windows=windows)
    found = City(cameras, settings=settings)
    for seq in range(3):
        found.beat("cam-1", "cam-2", seq=seq, ts=found.wall).pass_s(INTERVAL_S)
    for seq in range(3, round(seconds / INTERVAL_S)):
        found.beat("cam-2", seq=seq, ts=found.wall).pass_s(INTERVAL_S)
    return found


def counts(found: City) -> dict[str, int]:
    """Return how many messages were refused, by reason."""
    return {str(reason): count for reason, count in found.watcher.rejections.counts.items() if count}


def heartbeats(found: City, camera_id: str = "cam-1") -> int:
    """Return how many heartbeats proved life."""
    return found.watcher.fleet.cameras[camera_id].heartbeats


def test_the_default_is_twenty_messages_in_an_interval() -> None:
    assert Settings().liveness.messages_per_interval == MOST


@pytest.mark.parametrize("pace_s", [INTERVAL_S, INTERVAL_S / MOST])
def test_a_camera_that_sends_no_more_than_its_budget_is_never_refused(pace_s: float) -> None:
    found = city()
    for seq in range(3, 6 * MOST):
        found.beat("cam-1", seq=seq, ts=found.wall).pass_s(pace_s)
    assert counts(found) == {}
    assert heartbeats(found) == 6 * MOST


@pytest.mark.parametrize("apart_s", [0.0, 0.01, 0.1])
def test_more_than_so_many_heartbeats_in_an_interval_are_not_looked_at(apart_s: float) -> None:
    """What is left of the run that it had begun, and one more run."""
    found = city()
    before = heartbeats(found)
    for seq in range(3, 3 + 4 * MOST):
        found.beat("cam-1", seq=seq, ts=found.wall)
        if apart_s:
            found.pass_s(apart_s)
    assert heartbeats(found) - before == 2 * MOST - BEGUN
    assert counts(found) == {"too_many": 2 * MOST + BEGUN}


def test_a_flood_that_lasts_has_one_budget_for_each_interval() -> None:
    found = city()
    before = heartbeats(found)
    for seq in range(1_000):
        found.beat("cam-1", seq=3 + seq, ts=found.wall).pass_s(0.1)
    assert heartbeats(found) - before <= (1_000 * 0.1 / INTERVAL_S + 1) * MOST


@pytest.mark.parametrize("payload", [b"{", b"[" * 8_000, b"x" * 17_000], ids=["cut", "nested", "large"])
def test_refused_messages_are_counted_as_well(payload: bytes) -> None:
    """A camera whose messages are all refused proves nothing, and still has its budget."""
    found = city()
    for _ in range(3 * MOST):
        found.send("heartbeat", payload, "cam-1")
    assert counts(found)["too_many"] == MOST + BEGUN


def test_duplicates_are_counted_as_well() -> None:
    found = city()
    for _ in range(3 * MOST):
        found.beat("cam-1", seq=2, ts=found.wall)
    assert counts(found)["too_many"] == MOST + BEGUN


@pytest.mark.parametrize("creeping_s", [0.0, 0.001])
def test_late_heartbeats_that_tell_nothing_new_are_counted_as_well(creeping_s: float) -> None:
    """E4: two instants of a time in which the camera was down, in turn; each time a little later, or not."""
    found = dark(200.0)
    told = 20 * MOST
    for number in range(told):
        found.beat("cam-1", ts=found.wall - (150.0 if number % 2 else 50.0) + number * creeping_s)
    assert counts(found)["too_many"] >= told - 2 * MOST - 16
    assert found.watcher.fleet.cameras["cam-1"].status_at(found.watcher.now) is Status.DOWN


def test_late_duplicates_are_counted_as_well() -> None:
    found = city()
    for _ in range(3 * MOST):
        found.beat("cam-1", seq=0, ts=found.wall - 3 * INTERVAL_S)
    assert counts(found)["too_many"] == MOST + BEGUN


@pytest.mark.parametrize("heard_first", [True, False])
def test_hours_that_a_bridge_kept_are_not_too_many(heard_first: bool) -> None:
    """S9, E4: nothing tells us that they were kept, and first the camera was in maintenance."""
    begin_ms = round(BEGIN_S * 1000)
    works = MaintenanceWindow(Scope.CAMERA, "cam-1", begin_ms, begin_ms + 7_200_000, "works")
    found = dark(3 * 3600.0, works)
    kept = [BEGIN_S + INTERVAL_S * number for number in range(3, 3 * 360)]
    if heard_first:
        found.beat("cam-1", seq=3 + len(kept), ts=found.wall)
    for seq, ts in enumerate(kept, 3):
        found.beat("cam-1", seq=seq, ts=ts)
    found.beat("cam-1", seq=4 + len(kept), ts=found.wall)
    assert "too_many" not in counts(found)
    cam = found.watcher.fleet.cameras["cam-1"]
    found.watcher.fleet.account([cam], found.watcher.now)
    found.watcher.flush_events()
    assert found.rolling is not None
    account = found.rolling.status_times("ville", found.watcher.now.utc_ms)["24h"]
    assert account == StatusTime(up=(3 + 1) * 3_600_000, maintenance=2 * 3_600_000)


def test_words_are_counted_with_the_heartbeats() -> None:
    found = city()
    for _ in range(MOST):
        found.say(SessionStatus.ONLINE, "cam-1")
        found.send("heartbeat", b"{", "cam-1")
    assert counts(found)["too_many"] == BEGUN


def test_a_camera_has_its_budget_anew_after_an_interval() -> None:
    found = city()
    for seq in range(3, 3 + 3 * MOST):
        found.beat("cam-1", seq=seq, ts=found.wall)
    before = heartbeats(found)
    for seq in range(100, 104):
        found.pass_s(INTERVAL_S + 0.1).beat("cam-1", seq=seq, ts=found.wall)
    assert heartbeats(found) - before == 4
    assert counts(found) == {"too_many": MOST + BEGUN}


def test_one_camera_takes_nothing_from_another() -> None:
    """Nor does whoever sends under another operator's name: that is no message on the camera's own topic."""
    found = city()
    for _ in range(3 * MOST):
        found.send("heartbeat", b"{", "cam-1")
        found.link.message("camwatch/v1/stranger/cam-2/heartbeat", b"", retained=False)
    found.beat("cam-2", seq=3, ts=found.wall)
    assert heartbeats(found, "cam-2") == 4


def test_hours_that_the_broker_kept_are_not_too_many() -> None:
    """S9: a camera lived while camwatch was away; each heartbeat that was kept comes late, all at once."""
    found = city()
    began = found.wall
    found.lose_sight()
    found.pass_s(3 * 3600)
    found.link.subscribed(found.watcher.clock(), session_present=True)
    kept = [began + INTERVAL_S * number for number in range(3 * 360)]
    for seq, ts in enumerate(kept, 3):
        found.beat("cam-1", seq=seq, ts=ts)
    found.beat("cam-1", seq=3 + len(kept), ts=found.wall)
    assert "too_many" not in counts(found)
    assert found.watcher.fleet.cameras["cam-1"].status_at(found.watcher.now) is Status.UP


def test_what_a_broker_delivers_twice_of_such_hours_is_not_too_many_either() -> None:
    """S9: the connection broke while the kept heartbeats came, and they come again."""
    found = city()
    began = found.wall
    found.lose_sight()
    found.pass_s(3600)
    found.link.subscribed(found.watcher.clock(), session_present=True)
    for _ in range(2):
        for number in range(350):
            found.beat("cam-1", seq=3 + number, ts=began + INTERVAL_S * number)
    found.beat("cam-1", seq=400, ts=found.wall)
    assert "too_many" not in counts(found)


def test_what_a_broker_kept_before_we_knew_a_camera_is_not_too_many() -> None:
    """S11: nothing tells yet how far the camera's clock is off, so none of it looks late."""
    found = City(registered([camera("cam-1")]), subscribed=False)
    kept = [found.wall - 3600 + INTERVAL_S * number for number in range(360)]
    for seq, ts in enumerate(kept[:200]):
        found.beat("cam-1", seq=seq, ts=ts)
    found.link.subscribed(found.watcher.clock(), session_present=True)
    for seq, ts in enumerate(kept[200:], 200):
        found.beat("cam-1", seq=seq, ts=ts)
    asked = found.watcher.clock()
    found.link.answered(asked, asked)
    found.beat("cam-1", seq=len(kept), ts=found.wall)
    assert heartbeats(found) == len(kept) + 1
    assert counts(found) == {}


def test_another_interval_holds_from_the_reload_on() -> None:
    found = city(most=4)
    found.watcher.load_inventory(registered([camera("cam-1", interval_s=1.0), camera("cam-2")]))
    for number in range(6):
        found.beat("cam-1", seq=10 + number, ts=found.wall).pass_s(0.5)
    assert counts(found) == {}


def test_the_budget_begins_before_decoding() -> None:
    """What a message costs to read is what the budget is there to bound."""
    found = city()
    payload = encode_heartbeat(Heartbeat(seq=3, ts=found.wall))
    for _ in range(2 * MOST):
        found.send("heartbeat", payload, "cam-1")
    found.send("heartbeat", b"{", "cam-1")
    assert "malformed" not in counts(found)
