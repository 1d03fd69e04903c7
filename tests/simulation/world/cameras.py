"""What cameras really do: when they live, what their clocks show, and what they send. No judgement."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from tests.simulation.plans.faults import (
    Ails,
    Dies,
    Drifts,
    Flaps,
    Paces,
    Plans,
    Sets,
    Stands,
    Sticks,
    Wanders,
)
from tests.simulation.plans.plan import Device, Plan

PREFIX = "camwatch/v1"


@dataclass(frozen=True, slots=True)
class Sent:
    """One message, as it was sent at `at` (true UTC milliseconds); `word` empty: a heartbeat.

    `wrong` names why nobody can take it; empty: it is sound. What the payload tells stands beside it.
    """

    camera: str
    topic: str
    payload: bytes
    at: int
    boot: int = 0
    seq: int | None = None
    ts: float | None = None
    uptime_s: float | None = None
    word: str = ""
    ill: bool = False
    retain: bool = False
    wrong: str = ""


class Boot(NamedTuple):
    """A camera lives in [begins, ends); how it ends, and when its last will is told."""

    begins: int
    ends: int
    how: str
    told: int


def boots(device: Device, plan: Plan) -> list[Boot]:
    """Return when a camera lives. Where deaths overlap, the first says how."""
    dead = sorted(_deaths(device, plan))
    found, alive = [], plan.begins
    for since, until, how, told in dead:
        if since <= alive:
            alive = max(alive, until)
            continue
        found.append(Boot(alive, since, how, told))
        alive = until
    if alive < plan.ends:
        found.append(Boot(alive, plan.ends, "silence", 0))
    return found


def _deaths(device: Device, plan: Plan) -> Iterator[tuple[int, int, str, int]]:
    for fault in plan.faults:
        if isinstance(fault, Plans) and fault.camera == device.id:
            yield plan.begins, plan.begins + fault.speaks, "silence", 0
        elif isinstance(fault, Dies) and fault.camera == device.id:
            at = plan.begins + fault.at
            how = fault.how if device.speaks else "silence"
            yield at, at + fault.lasts, how, fault.told
        elif isinstance(fault, Flaps) and fault.camera == device.id:
            for turn in range(fault.times):
                at = plan.begins + fault.at + turn * (fault.up + fault.down)
                yield at, at + fault.down, "silence", 0


class Speech:
    """All that one camera sends, in order of time."""

    def __init__(self, device: Device, plan: Plan) -> None:
        self.device = device
        self._plan = plan
        mine = [fault for fault in plan.faults if getattr(fault, "camera", "") == device.id]
        self._wanders = [fault for fault in mine if isinstance(fault, Wanders)]
        self._stands = [fault for fault in mine if isinstance(fault, Stands)]
        self._sticks = [fault for fault in mine if isinstance(fault, Sticks)]
        self._sets = [fault for fault in mine if isinstance(fault, Sets)]
        self._drifts = [fault for fault in mine if isinstance(fault, Drifts)]
        self._stuck: dict[Sticks, int] = {}
        self._ails = [fault for fault in mine if isinstance(fault, Ails)]
        self._paces = [fault for fault in mine if isinstance(fault, Paces) and fault.follows]
        self._topic = f"{PREFIX}/{device.operator}/{device.id}/"
        self._salt = int(device.id[1:]) * 40_503

    def __iter__(self) -> Iterator[Sent]:
        """Yield each message."""
        lives: Sequence[Boot] = boots(self.device, self._plan)
        yield from heapq.merge(self._wills(lives), self._said(lives), key=attrgetter("at"))

    def _said(self, lives: Sequence[Boot]) -> Iterator[Sent]:
        for number, boot in enumerate(lives, 1):
            if self.device.speaks:
                yield self._word("online", boot.begins)
            yield from self._heartbeats(number, boot)
            if boot.how == "goodbye":
                yield self._word("goodbye", boot.ends)

    def _wills(self, lives: Sequence[Boot]) -> Iterator[Sent]:
        """Yield what brokers say of a camera that died; an old will may come after its return."""
        found = []
        for number, boot in enumerate(lives, 1):
            at = boot.ends + boot.told
            if boot.how == "old-will":
                found.append(at)
            elif boot.how == "will":
                found.append(min(at, lives[number].begins) if number < len(lives) else at)
        return (self._word("offline", at) for at in sorted(found))

    def clock(self, at: int) -> int:
        """Return what the camera's clock shows, in milliseconds."""
        begins = self._plan.begins
        for stand in self._stands:
            since = at - begins - stand.at
            if 0 <= since < stand.lasts:
                at -= since % stand.step if stand.step else since
        shown = at + self.device.off
        shown += sum(fault.by for fault in self._wanders if 0 <= at - begins - fault.at < fault.lasts)
        shown += sum(fault.by for fault in self._sets if begins + fault.at <= at)
        for drift in self._drifts:
            lasted = min(at - begins - drift.at, drift.lasts)
            shown += max(0, lasted) * drift.millionths // 1_000_000
        return shown

    def pace(self, at: int) -> int:
        """Return the interval at which the camera sends, as its operator told it."""
        since = at - self._plan.begins
        told = [fault for fault in self._paces if fault.at <= since < fault.at + fault.lasts]
        return told[-1].interval if told else self.device.interval

    def _heartbeats(self, number: int, boot: Boot) -> Iterator[Sent]:
        at, seq = boot.begins + (self.device.phase if number == 1 else 0), 0
        while at < boot.ends:
            yield self._heartbeat(number, boot, at, seq)
            seq += 1
            at += self.pace(at) + self._wobble(number, seq)

    def _counted(self, seq: int, at: int) -> int:
        since = at - self._plan.begins
        for stick in self._sticks:
            if 0 <= since - stick.at < stick.lasts:
                return self._stuck.setdefault(stick, seq)
        return seq

    def _wobble(self, boot: int, seq: int) -> int:
        most = self.device.wobble // self._plan.grid
        if not most:
            return 0
        drawn = (seq * 2_654_435_761 + boot * 97_003 + self._salt) >> 7
        return (drawn % (2 * most + 1) - most) * self._plan.grid

    def _heartbeat(self, number: int, boot: Boot, at: int, seq: int) -> Sent:
        says = self.device.says
        told: dict[str, float] = {}
        if says in ("all", "whole", "seq+ts", "ts"):
            told["ts"] = self.clock(at) / 1000
        if says in ("all", "whole", "seq+ts", "seq"):
            told["seq"] = self._counted(seq, at)
        if says in ("all", "whole"):
            lived = at - boot.begins
            told["uptime_s"] = lived // 1000 if says == "whole" else lived / 1000
        ill = any(0 <= at - self._plan.begins - ail.at < ail.lasts for ail in self._ails)
        text = ",".join(f'"{name}":{value!r}' for name, value in told.items())
        if self._ails:
            text += f'{"," if text else ""}"tamper":{"true" if ill else "false"}'
        return Sent(
            self.device.id,
            self._topic + "heartbeat",
            f"{{{text}}}".encode() if text else b"",
            at,
            number,
            int(told["seq"]) if "seq" in told else None,
            told.get("ts"),
            told.get("uptime_s"),
            ill=ill,
        )

    def _word(self, word: str, at: int) -> Sent:
        payload = f'{{"status":"{word}"}}'.encode()
        return Sent(self.device.id, self._topic + "status", payload, at, word=word, retain=True)


def greeting(device: Device, at: int) -> Sent:
    """Return an `online` that another than the camera says, which is not retained."""
    topic = f"{PREFIX}/{device.operator}/{device.id}/status"
    return Sent(device.id, topic, b'{"status":"online"}', at, word="online")


_NONSENSE: dict[str, tuple[str, bytes, str]] = {
    "json": ("heartbeat", b'{"seq":', "malformed"),
    "type": ("heartbeat", b'["seq",7]', "malformed"),
    "range": ("heartbeat", b"1000", "malformed"),
    "utf8": ("heartbeat", b'{"firmware":"\xff"}', "malformed"),
    "large": ("heartbeat", b'{"firmware":"' + b"x" * 17_000 + b'"}', "too_large"),
    "word": ("status", b'{"status":"asleep"}', "malformed"),
    "empty-word": ("status", b"", ""),
    "topic": ("picture", b"", "unknown_topic"),
}


def nonsense(device: Device, what: str, at: int) -> Sent:
    """Return a message of a camera that nobody can take."""
    kind, payload, wrong = _NONSENSE[what]
    topic = f"{PREFIX}/{device.operator}/{device.id}/{kind}"
    return Sent(device.id, topic, payload, at, wrong=wrong or "nothing")
