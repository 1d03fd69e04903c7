"""What a camera has to say, given all that befell it; and when it was heard last."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camsim.device import Device
from camsim.faults import (
    ClockWrong,
    Delay,
    Duplicate,
    Effect,
    FieldOverride,
    Install,
    Jitter,
    Loss,
    MalformedPayload,
    Moment,
    NetworkCut,
    PowerOff,
    Reorder,
    StorageFills,
)
from camsim.virtual_camera import VirtualCamera
from camwatch.errors import WireError
from camwatch.wire.heartbeat import Heartbeat, decode_heartbeat
from tests.support.simulator.builders import camera

INTERVAL_S = 10.0
BEGAN = 1_767_258_000.0


class Played:
    """One life, looked at whenever it has something to say."""

    def __init__(self, *effects: Effect, seed: int = 0) -> None:
        self.life = VirtualCamera(Device(camera(0), seed, INTERVAL_S))
        self.now = 0.0
        self.said: list[tuple[float, bytes]] = []
        for number, effect in enumerate(effects):
            self.life.apply(effect, f"effect {number}", 0.0)
        self.life.apply(Moment.COMMISSION, "", 0.0)

    def to(self, until_s: float) -> Played:
        """Let time pass."""
        while (due := self.life.due_s()) is not None and due <= until_s:
            self.now = max(self.now, due)
            self.said += [(self.now, each) for each in self.life.payloads_until(self.now, BEGAN + self.now)]
        self.now = until_s
        return self

    def hold(self, reason: str, effect: Effect) -> Played:
        """Let an effect begin now."""
        self.life.apply(effect, reason, self.now)
        return self

    def release(self, reason: str) -> Played:
        """Let it end now."""
        self.life.apply(Moment.END_EFFECT, reason, self.now)
        return self

    @property
    def heartbeats(self) -> list[Heartbeat]:
        """What can be read of what was said."""
        found = []
        for _, payload in self.said:
            try:
                found.append(decode_heartbeat(payload))
            except WireError:
                continue
        return found

    @property
    def seqs(self) -> list[int]:
        return [heartbeat.seq for heartbeat in self.heartbeats]


def test_a_healthy_camera_sends_each_heartbeat_once_and_on_time() -> None:
    played = Played().to(1000)
    assert played.seqs == list(range(len(played.seqs)))
    assert 99 <= len(played.seqs) <= 101
    for (at, _), heartbeat in zip(played.said, played.heartbeats, strict=True):
        assert heartbeat.ts == pytest.approx(BEGAN + at, abs=0.001)
        assert heartbeat.uptime_s == pytest.approx(at, abs=0.001)


def test_nothing_is_sent_before_commissioning_or_without_power() -> None:
    life = VirtualCamera(Device(camera(0), 0, INTERVAL_S))
    assert life.due_s() is None
    assert not life.commissioned
    for effect in (PowerOff(), NetworkCut()):
        played = Played().to(100).hold("cut", effect)
        assert played.life.due_s() is None
        assert played.life.payloads_until(200.0, BEGAN + 200) == []


def test_power_that_returns_is_a_new_boot_and_a_network_is_not() -> None:
    """Rule L6: the uptime falls; and after a network cut `seq` shows how many were lost."""
    played = Played().to(100).hold("power", PowerOff())
    before = len(played.said)
    played.to(200).release("power").to(300)
    assert played.seqs[before] == 0
    assert played.heartbeats[before].uptime_s < 20
    played.hold("network", NetworkCut()).to(400).release("network")
    before = len(played.said)
    played.to(500)
    assert played.seqs[before] > played.seqs[before - 1] + 8
    assert played.heartbeats[before].uptime_s > 200


def test_a_camera_returns_within_half_an_interval_of_the_last_fault() -> None:
    played = Played().to(100).hold("a", PowerOff()).hold("b", NetworkCut()).to(200).release("a")
    assert played.life.due_s() is None
    played.to(250).release("b")
    assert played.life.due_s() is not None
    assert 250 <= played.life.back_s <= 255


@pytest.mark.parametrize(("share", "least", "most"), [(0.1, 850, 940), (0.5, 440, 560), (1.0, 0, 0)])
def test_loss_loses_about_its_share(share: float, least: int, most: int) -> None:
    assert least <= len(Played(Loss(share)).to(10_000).said) <= most


def test_losses_add_up_and_end_one_by_one() -> None:
    played = Played(Loss(1.0), Loss(0.5)).to(1000)
    assert not played.said
    played.release("effect 0").to(2000)
    assert 30 <= len(played.said) <= 70
    said = len(played.said)
    played.release("effect 1").to(3000)
    assert len(played.said) - said in (99, 100, 101)


def test_jitter_is_even_around_the_interval() -> None:
    times = [at for at, _ in Played(Jitter(0.2)).to(10_000).said]
    gaps = [after - before for before, after in pairwise(times)]
    assert 6 - 1e-6 <= min(gaps) < 7.5
    assert 12.5 < max(gaps) <= 14 + 1e-6
    assert sum(gaps) / len(gaps) == pytest.approx(10, abs=0.01)


def test_what_is_delayed_tells_when_it_was_sent() -> None:
    """Rule L8: arrival minus `ts` is the delay."""
    played = Played(Delay(2.0, 3.0)).to(2000)
    late = [BEGAN + at - h.ts for (at, _), h in zip(played.said, played.heartbeats, strict=True)]
    assert 2 - 0.01 <= min(late) < 2.5
    assert 4.5 < max(late) < 5 + 0.01


def test_duplicates_are_exact_and_reordered_ones_follow_the_next() -> None:
    twice = Played(Duplicate(1.0)).to(200)
    payloads = [payload for _, payload in twice.said]
    assert all(one == other for one, other in zip(payloads[::2], payloads[1::2], strict=False))
    mixed = Played(Reorder(0.5)).to(1000).seqs
    assert sorted(mixed) == list(range(len(mixed)))
    assert any(one > other for one, other in pairwise(mixed))


@pytest.mark.parametrize("oversized", [False, True])
def test_nonsense_cannot_be_read(oversized: bool) -> None:
    played = Played(MalformedPayload(1.0, oversized)).to(300)
    assert len(played.said) in (29, 30, 31)
    assert played.heartbeats == []
    reasons = set()
    for _, payload in played.said:
        with pytest.raises(WireError) as caught:
            decode_heartbeat(payload)
        reasons.add(str(caught.value.reason))
    assert reasons == ({"too_large"} if oversized else {"malformed"})


def test_conditions_are_told_while_they_last() -> None:
    played = Played(FieldOverride({"frozen": True}), StorageFills(0.0, 500.0, 0.99)).to(400)
    assert all(heartbeat.frozen for heartbeat in played.heartbeats)
    full = [heartbeat.storage_used_ratio for heartbeat in played.heartbeats]
    assert full == sorted(full)
    assert 0.7 < full[-1] < 0.8
    played.to(600)
    assert played.heartbeats[-1].storage_used_ratio == 0.99
    played.release("effect 0").to(700)
    assert not played.heartbeats[-1].frozen


def test_a_wrong_clock_tells_another_time_and_drifts() -> None:
    played = Played(ClockWrong(0.0, by_s=3600.0), ClockWrong(0.0, ppm=1000.0)).to(1000)
    for (at, _), heartbeat in zip(played.said, played.heartbeats, strict=True):
        assert heartbeat.ts == pytest.approx(BEGAN + at + 3600 + at / 1000, abs=0.01)


def test_a_new_firmware_is_told_from_then_on() -> None:
    played = Played().to(50)
    played.life.apply(Install("9.9"), "", played.now)
    before = len(played.said)
    played.to(100)
    assert {heartbeat.firmware for heartbeat in played.heartbeats[before:]} == {"9.9"}
    assert played.heartbeats[0].firmware != "9.9"


EFFECTS = st.lists(
    st.sampled_from(
        [
            Loss(0.3),
            Jitter(0.3),
            Delay(3.0, 9.0),
            Duplicate(0.4),
            Reorder(0.4),
            MalformedPayload(0.4),
            FieldOverride({"fps": 1.0}),
        ]
    ),
    max_size=4,
)


@given(EFFECTS, st.integers(0, 99), st.floats(5, 2000))
def test_when_it_was_heard_last_is_when_its_last_sound_heartbeat_arrived(
    effects: list[Effect], seed: int, cut_s: float
) -> None:
    """What the truth says of a cut, worked out without playing, is what playing shows."""
    played = Played(*effects, seed=seed).to(cut_s)
    sound = [at for at, payload in played.said if _is_sound(payload)]
    played.hold("cut", NetworkCut())
    assert played.life.last_delivered_s == pytest.approx(max([0.0, *sound]), abs=1e-6)


@given(EFFECTS, st.integers(0, 99))
def test_the_same_seed_says_the_same(effects: list[Effect], seed: int) -> None:
    assert Played(*effects, seed=seed).to(500).said == Played(*effects, seed=seed).to(500).said


def test_what_was_due_unheard_is_skipped_not_sent_in_a_burst() -> None:
    played = Played().to(50)
    played.life.skip(300.0)
    played.now = 300.0
    before = len(played.said)
    played.to(320)
    assert len(played.said) - before in (1, 2)
    assert played.seqs[before] > 25


def _is_sound(payload: bytes) -> bool:
    try:
        decode_heartbeat(payload)
    except WireError:
        return False
    return True
