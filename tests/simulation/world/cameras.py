"""What cameras really do: when they are on, what their clocks show, and what they send."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from tests.simulation.plans.faults import (
    CameraClockDrift,
    CameraClockFreeze,
    CameraClockOffset,
    CameraClockStep,
    CameraOutage,
    Flapping,
    IntervalChange,
    PlannedCamera,
    SequenceFreeze,
    Tampering,
)
from tests.simulation.plans.plan import CameraSpec, Plan

PREFIX = "camwatch/v1"


@dataclass(frozen=True, slots=True)
class Message:
    """A message, sent at `at` (true UTC milliseconds); `word` empty: a heartbeat.

    `wrong`: why it must be refused; empty: it is valid. The other fields are what its payload contains.
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
    """A camera is on in [begins, ends); how it ends, and how much later its last will is published."""

    begins: int
    ends: int
    how: str
    will_after: int


def boots(spec: CameraSpec, plan: Plan) -> list[Boot]:
    """Return when a camera is on. Where outages overlap, the first decides how it ends."""
    off = sorted(_outages(spec, plan))
    found, alive = [], plan.begins
    for since, until, how, will_after in off:
        if since <= alive:
            alive = max(alive, until)
            continue
        found.append(Boot(alive, since, how, will_after))
        alive = until
    if alive < plan.ends:
        found.append(Boot(alive, plan.ends, "silence", 0))
    return found


def _outages(spec: CameraSpec, plan: Plan) -> Iterator[tuple[int, int, str, int]]:
    for fault in plan.faults:
        if isinstance(fault, PlannedCamera) and fault.camera == spec.id:
            yield plan.begins, plan.begins + fault.first_message, "silence", 0
        elif isinstance(fault, CameraOutage) and fault.camera == spec.id:
            at = plan.begins + fault.at
            how = fault.how if spec.sends_status else "silence"
            yield at, at + fault.duration, how, fault.will_after
        elif isinstance(fault, Flapping) and fault.camera == spec.id:
            for turn in range(fault.times):
                at = plan.begins + fault.at + turn * (fault.up + fault.down)
                yield at, at + fault.down, "silence", 0


class CameraTraffic:
    """All messages of one camera, in order of time."""

    def __init__(self, spec: CameraSpec, plan: Plan) -> None:
        self.spec = spec
        self._plan = plan
        mine = [fault for fault in plan.faults if getattr(fault, "camera", "") == spec.id]
        self._wanders = [fault for fault in mine if isinstance(fault, CameraClockOffset)]
        self._record_site = [fault for fault in mine if isinstance(fault, CameraClockFreeze)]
        self._sticks = [fault for fault in mine if isinstance(fault, SequenceFreeze)]
        self._sets = [fault for fault in mine if isinstance(fault, CameraClockStep)]
        self._drifts = [fault for fault in mine if isinstance(fault, CameraClockDrift)]
        self._stuck: dict[SequenceFreeze, int] = {}
        self._ails = [fault for fault in mine if isinstance(fault, Tampering)]
        self._paces = [fault for fault in mine if isinstance(fault, IntervalChange) and fault.follows]
        self._topic = f"{PREFIX}/{spec.operator}/{spec.id}/"
        self._salt = int(spec.id[1:]) * 40_503

    def __iter__(self) -> Iterator[Message]:
        """Yield each message."""
        periods: Sequence[Boot] = boots(self.spec, self._plan)
        yield from heapq.merge(self._wills(periods), self._all_messages(periods), key=attrgetter("at"))

    def _all_messages(self, periods: Sequence[Boot]) -> Iterator[Message]:
        for number, boot in enumerate(periods, 1):
            if self.spec.sends_status:
                yield self._status_message("online", boot.begins)
            yield from self._heartbeats(number, boot)
            if boot.how == "goodbye":
                yield self._status_message("goodbye", boot.ends)

    def _wills(self, periods: Sequence[Boot]) -> Iterator[Message]:
        """Yield last wills; an old one may come after the camera's return."""
        found = []
        for number, boot in enumerate(periods, 1):
            at = boot.ends + boot.will_after
            if boot.how == "old-will":
                found.append(at)
            elif boot.how == "will":
                found.append(min(at, periods[number].begins) if number < len(periods) else at)
        return (self._status_message("offline", at) for at in sorted(found))

    def clock(self, at: int) -> int:
        """Return what the camera's clock shows, in milliseconds."""
        begins = self._plan.begins
        for stand in self._record_site:
            since = at - begins - stand.at
            if 0 <= since < stand.duration:
                at -= since % stand.step if stand.step else since
        format_time = at + self.spec.clock_offset
        format_time += sum(
            fault.by for fault in self._wanders if 0 <= at - begins - fault.at < fault.duration
        )
        format_time += sum(fault.by for fault in self._sets if begins + fault.at <= at)
        for drift in self._drifts:
            lasted = min(at - begins - drift.at, drift.duration)
            format_time += max(0, lasted) * drift.millionths // 1_000_000
        return format_time

    def interval_at(self, at: int) -> int:
        """Return the interval at which the camera sends."""
        since = at - self._plan.begins
        will_after = [fault for fault in self._paces if fault.at <= since < fault.at + fault.duration]
        return will_after[-1].interval if will_after else self.spec.interval

    def _heartbeats(self, number: int, boot: Boot) -> Iterator[Message]:
        at, seq = boot.begins + (self.spec.phase if number == 1 else 0), 0
        while at < boot.ends:
            yield self._heartbeat(number, boot, at, seq)
            seq += 1
            at += self.interval_at(at) + self._jitter(number, seq)

    def _counted(self, seq: int, at: int) -> int:
        since = at - self._plan.begins
        for stick in self._sticks:
            if 0 <= since - stick.at < stick.duration:
                return self._stuck.setdefault(stick, seq)
        return seq

    def _jitter(self, boot: int, seq: int) -> int:
        most = self.spec.jitter // self._plan.grid
        if not most:
            return 0
        drawn = (seq * 2_654_435_761 + boot * 97_003 + self._salt) >> 7
        return (drawn % (2 * most + 1) - most) * self._plan.grid

    def _heartbeat(self, number: int, boot: Boot, at: int, seq: int) -> Message:
        reports = self.spec.reports
        will_after: dict[str, float] = {}
        if reports in ("all", "whole", "seq+ts", "ts"):
            will_after["ts"] = self.clock(at) / 1000
        if reports in ("all", "whole", "seq+ts", "seq"):
            will_after["seq"] = self._counted(seq, at)
        if reports in ("all", "whole"):
            prove_alive = at - boot.begins
            will_after["uptime_s"] = prove_alive // 1000 if reports == "whole" else prove_alive / 1000
        ill = any(0 <= at - self._plan.begins - ail.at < ail.duration for ail in self._ails)
        text = ",".join(f'"{name}":{value!r}' for name, value in will_after.items())
        if self._ails:
            text += f'{"," if text else ""}"tamper":{"true" if ill else "false"}'
        return Message(
            self.spec.id,
            self._topic + "heartbeat",
            f"{{{text}}}".encode() if text else b"",
            at,
            number,
            int(will_after["seq"]) if "seq" in will_after else None,
            will_after.get("ts"),
            will_after.get("uptime_s"),
            ill=ill,
        )

    def _status_message(self, word: str, at: int) -> Message:
        payload = f'{{"status":"{word}"}}'.encode()
        return Message(self.spec.id, self._topic + "status", payload, at, word=word, retain=True)


def bridge_online(spec: CameraSpec, at: int) -> Message:
    """Return an `online` that a bridge publishes, not retained."""
    topic = f"{PREFIX}/{spec.operator}/{spec.id}/status"
    return Message(spec.id, topic, b'{"status":"online"}', at, word="online")


_MALFORMED: dict[str, tuple[str, bytes, str]] = {
    "json": ("heartbeat", b'{"seq":', "malformed"),
    "type": ("heartbeat", b'["seq",7]', "malformed"),
    "range": ("heartbeat", b"1000", "malformed"),
    "utf8": ("heartbeat", b'{"firmware":"\xff"}', "malformed"),
    "large": ("heartbeat", b'{"firmware":"' + b"x" * 17_000 + b'"}', "too_large"),
    "word": ("status", b'{"status":"asleep"}', "malformed"),
    "empty-word": ("status", b"", ""),
    "topic": ("picture", b"", "unknown_topic"),
}


def malformed(spec: CameraSpec, what: str, at: int) -> Message:
    """Return an invalid message of a camera."""
    kind, payload, wrong = _MALFORMED[what]
    topic = f"{PREFIX}/{spec.operator}/{spec.id}/{kind}"
    return Message(spec.id, topic, payload, at, wrong=wrong or "nothing")
