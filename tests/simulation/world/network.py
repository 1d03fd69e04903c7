"""The way from a camera to its brokers: messages are lost, doubled, delayed, misdirected or replayed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import NamedTuple

from tests.simulation.plans.faults import (
    BridgeBuffering,
    DelayedMessages,
    DuplicateMessages,
    MalformedMessages,
    MessageLoss,
    Replay,
    RetainedHeartbeat,
    WrongTopic,
)
from tests.simulation.plans.plan import CameraSpec, Plan
from tests.simulation.world.cameras import PREFIX, Message, malformed

_Counted = (
    MessageLoss | DuplicateMessages | DelayedMessages | WrongTopic | MalformedMessages | RetainedHeartbeat
)


class Arrival(NamedTuple):
    """A message reaches the brokers at `at`; `again`: not for the first time."""

    at: int
    sent: Message
    again: bool = False


@dataclass(slots=True)
class _Active:
    fault: _Counted
    left: int


@dataclass(slots=True)
class _InTransit:
    """A message on its way: when it arrives, if at all, and how long after that once more."""

    sent: Message
    at: int
    lost: bool = False
    twice: int | None = None


class NetworkPath:
    """One camera's way."""

    def __init__(self, spec: CameraSpec, plan: Plan) -> None:
        self._device = spec
        self._begins = plan.begins
        counted = (
            MessageLoss,
            DuplicateMessages,
            DelayedMessages,
            WrongTopic,
            MalformedMessages,
            RetainedHeartbeat,
        )
        self._waiting = [
            fault for fault in plan.faults if isinstance(fault, counted) and fault.camera == spec.id
        ]
        self._active: list[_Active] = []
        self._holds = [
            fault
            for fault in plan.faults
            if isinstance(fault, BridgeBuffering) and fault.operator == spec.operator
        ]
        self._past: list[Message] = []

    def send(self, sent: Message) -> Iterator[Arrival]:
        """Yield when and how a message reaches the brokers, if it does."""
        while self._waiting and self._begins + self._waiting[0].at <= sent.at:
            fault = self._waiting.pop(0)
            self._active.append(_Active(fault, getattr(fault, "count", 1)))
        message = _InTransit(sent, sent.at + self._device.latency)
        for active in self._active:
            if sent.word and isinstance(active.fault, (RetainedHeartbeat, WrongTopic, MalformedMessages)):
                continue
            active.left -= 1
            if isinstance(active.fault, MalformedMessages):
                at = sent.at + self._device.latency
                yield Arrival(at, malformed(self._device, active.fault.what, sent.at))
            else:
                self._apply(message, active.fault)
        self._active = [active for active in self._active if active.left]
        if message.lost:
            return
        if not message.sent.wrong:
            self._past.append(message.sent)
        yield from self._through(message)

    def _apply(self, message: _InTransit, fault: _Counted) -> None:
        if isinstance(fault, MessageLoss):
            message.lost = True
        elif isinstance(fault, DuplicateMessages):
            message.twice = fault.after
        elif isinstance(fault, DelayedMessages):
            message.at += fault.by
        elif isinstance(fault, WrongTopic):
            message.sent = self._elsewhere(message.sent, fault.operator)
        elif isinstance(fault, RetainedHeartbeat):
            message.sent = replace(message.sent, retain=True)

    def replay(self, fault: Replay) -> Iterator[Arrival]:
        """Yield the messages of a replay."""
        until = self._begins + fault.at - fault.back
        end = bisect_right(self._past, until, key=attrgetter("at"))
        for turn, sent in enumerate(self._past[max(0, end - fault.count) : end]):
            yield Arrival(self._begins + fault.at + turn * fault.apart, sent, again=True)

    def _through(self, message: _InTransit) -> Iterator[Arrival]:
        sent, at = message.sent, message.at
        for hold in self._holds:
            if 0 <= sent.at - self._begins - hold.at < hold.duration:
                if hold.drops:
                    return
                at = max(at, self._begins + hold.at + hold.duration)
        yield Arrival(at, sent)
        if message.twice is not None:
            yield Arrival(at + message.twice, sent, again=True)

    def _elsewhere(self, sent: Message, operator: str) -> Message:
        if operator == self._device.operator:
            return sent
        topic = f"{PREFIX}/{operator}/{self._device.id}/heartbeat"
        return replace(sent, topic=topic, wrong="wrong_operator")
