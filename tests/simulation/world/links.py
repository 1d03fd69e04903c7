"""Brokers and their sessions: what they keep, what is delayed, and when they are unreachable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.simulation.plans.faults import LinkCut, LinkLag
from tests.simulation.plans.plan import LinkSpec, Plan
from tests.simulation.world.cameras import Message

NONE, CONNECTED, SUBSCRIBED = range(3)


class LinkOutage(NamedTuple):
    """A link delivers nothing in [since, back); a connected client detects it at `detected`."""

    since: int
    detected: int
    back: int
    early: bool


def link_outages(spec: LinkSpec, plan: Plan) -> list[LinkOutage]:
    """Return the disjoint outages of a link, in order."""
    found: list[LinkOutage] = []
    for fault in plan.faults:
        if not isinstance(fault, LinkCut) or fault.link != spec.name:
            continue
        since = plan.begins + fault.at
        back = since + fault.duration
        if found and since <= found[-1].back:
            found[-1] = found[-1]._replace(back=max(back, found[-1].back))
        else:
            found.append(LinkOutage(since, since + fault.detected, back, fault.early))
    return found


class DelayQueue:
    """The way to one broker, in order: when what is published arrives."""

    def __init__(self, spec: LinkSpec, plan: Plan) -> None:
        self._begins, self._grid = plan.begins, plan.grid
        self._update_lag = [
            fault for fault in plan.faults if isinstance(fault, LinkLag) and fault.link == spec.name
        ]
        self._free = plan.begins  # when everything before has arrived
        self.busy = False  # other packets wait behind

    def arrival(self, at: int) -> int:
        """Return when what is published at an instant arrives."""
        due = at
        for lag in self._update_lag:
            since = at - self._begins - lag.at
            if 0 <= since < lag.duration:
                due = max(due, at + self._delay(lag, since, at))
                self.busy = lag.stream
        self._free = max(due, self._free)
        return self._free

    def waits(self, at: int) -> bool:
        """Return whether a ping sent at an instant is answered late."""
        return self.busy and self._free > at

    def through(self, at: int) -> int:
        """Return when a ping sent at an instant is answered."""
        return max(at, self._free) if self.busy else at

    def _delay(self, lag: LinkLag, since: int, at: int) -> int:
        if lag.how == "grows":
            delay = lag.by * since // lag.duration
        elif lag.how == "uneven":
            delay = lag.by * (50 + (at // 1000 * 2_654_435_761 >> 7) % 50) // 100
        elif lag.how == "bursts":
            delay = -since % lag.by
        elif lag.how == "thin":
            delay = min(lag.by, max(0, self._free - at) + lag.by // 8)
        else:
            delay = lag.by
        return delay // self._grid * self._grid


@dataclass
class Link:
    """One broker and camwatch's session with it.

    `kept`: messages of a persistent session without connection. `in_flight`: sent over a connection that is
    cut. `inbox`: received while the daemon's loop is stalled.
    """

    spec: LinkSpec
    qos1: frozenset[str]  # cameras that publish with QoS 1
    queue: DelayQueue
    state: int = NONE
    cut: bool = False
    early: bool = False
    session_known: bool = False  # the broker knows the session
    sessions: int = 0  # number of subscriptions
    kept_session: bool = False  # and resumed it at the last subscription
    kept: list[Message] = field(default_factory=list)
    in_flight: list[Message] = field(default_factory=list)
    inbox: list[Message] = field(default_factory=list)
    retained: dict[str, Message] = field(default_factory=dict)

    def publish(self, sent: Message, *, stalled: bool) -> bool:
        """Take a message; return whether camwatch receives it at once."""
        if sent.retain:
            self.retained[sent.topic] = sent
        if sent.topic in self.retained and not sent.payload and sent.wrong == "nothing":
            del self.retained[sent.topic]  # how MQTT clears a retained message
        if self.state == NONE or (self.state == CONNECTED and not self.spec.persistent):
            self._keep([sent])
        elif self.cut:
            self.in_flight.append(sent)
        elif stalled:
            self.inbox.append(sent)
        else:
            return True
        return False

    def drop(self) -> None:
        """Lose the connection: a persistent session keeps what was in flight."""
        lost, self.inbox, self.in_flight = self.inbox + self.in_flight, [], []
        kept, self.kept = self.kept, []
        self._keep(lost)
        self.kept += kept
        self.state = NONE

    def take_kept(self) -> list[Message]:
        """Return and remove what the session kept."""
        found, self.kept = self.kept, []
        return found

    def take_in_flight(self) -> list[Message]:
        """Return and remove what was in flight on a cut connection."""
        found, self.in_flight = self.in_flight, []
        return found

    def take_inbox(self) -> list[Message]:
        """Return and remove what waited for the daemon's loop."""
        found, self.inbox = self.inbox, []
        return found

    def _keep(self, messages: list[Message]) -> None:
        if self.spec.persistent and self.session_known:
            self.kept += [sent for sent in messages if sent.camera in self.qos1]
