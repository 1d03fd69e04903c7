"""The way from a camera to its brokers: what is lost there, comes twice, late, elsewhere, or again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import NamedTuple

from tests.simulation.plans.faults import Babbles, Delays, Duplicates, Holds, Loses, Replays, Retains, Strays
from tests.simulation.plans.plan import Device, Plan
from tests.simulation.world.cameras import PREFIX, Sent, nonsense

_Counted = Loses | Duplicates | Delays | Strays | Babbles | Retains


class Arrival(NamedTuple):
    """A message reaches the brokers at `at`; `again`: it was there before."""

    at: int
    sent: Sent
    again: bool = False


@dataclass(slots=True)
class _Active:
    fault: _Counted
    left: int


@dataclass(slots=True)
class _Message:
    """On its way: when it arrives, whether it does, and how long after that once more."""

    sent: Sent
    at: int
    lost: bool = False
    twice: int | None = None


class Road:
    """One camera's way."""

    def __init__(self, device: Device, plan: Plan) -> None:
        self._device = device
        self._begins = plan.begins
        counted = (Loses, Duplicates, Delays, Strays, Babbles, Retains)
        self._waiting = [
            fault for fault in plan.faults if isinstance(fault, counted) and fault.camera == device.id
        ]
        self._active: list[_Active] = []
        self._holds = [
            fault for fault in plan.faults if isinstance(fault, Holds) and fault.operator == device.operator
        ]
        self._past: list[Sent] = []

    def take(self, sent: Sent) -> Iterator[Arrival]:
        """Yield when and how a message reaches the brokers, if it does."""
        while self._waiting and self._begins + self._waiting[0].at <= sent.at:
            fault = self._waiting.pop(0)
            self._active.append(_Active(fault, getattr(fault, "count", 1)))
        message = _Message(sent, sent.at + self._device.latency)
        for active in self._active:
            if sent.word and isinstance(active.fault, (Retains, Strays, Babbles)):
                continue
            active.left -= 1
            if isinstance(active.fault, Babbles):
                at = sent.at + self._device.latency
                yield Arrival(at, nonsense(self._device, active.fault.what, sent.at))
            else:
                self._befalls(message, active.fault)
        self._active = [active for active in self._active if active.left]
        if message.lost:
            return
        if not message.sent.wrong:
            self._past.append(message.sent)
        yield from self._through(message)

    def _befalls(self, message: _Message, fault: _Counted) -> None:
        if isinstance(fault, Loses):
            message.lost = True
        elif isinstance(fault, Duplicates):
            message.twice = fault.after
        elif isinstance(fault, Delays):
            message.at += fault.by
        elif isinstance(fault, Strays):
            message.sent = self._elsewhere(message.sent, fault.operator)
        elif isinstance(fault, Retains):
            message.sent = replace(message.sent, retain=True)

    def again(self, fault: Replays) -> Iterator[Arrival]:
        """Yield what a replay brings."""
        until = self._begins + fault.at - fault.back
        end = bisect_right(self._past, until, key=attrgetter("at"))
        for turn, sent in enumerate(self._past[max(0, end - fault.count) : end]):
            yield Arrival(self._begins + fault.at + turn * fault.apart, sent, again=True)

    def _through(self, message: _Message) -> Iterator[Arrival]:
        sent, at = message.sent, message.at
        for hold in self._holds:
            if 0 <= sent.at - self._begins - hold.at < hold.lasts:
                if hold.drops:
                    return
                at = max(at, self._begins + hold.at + hold.lasts)
        yield Arrival(at, sent)
        if message.twice is not None:
            yield Arrival(at + message.twice, sent, again=True)

    def _elsewhere(self, sent: Sent, operator: str) -> Sent:
        if operator == self._device.operator:
            return sent
        topic = f"{PREFIX}/{operator}/{self._device.id}/heartbeat"
        return replace(sent, topic=topic, wrong="wrong_operator")
