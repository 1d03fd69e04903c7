"""The network of a simulation: brokers with their sessions, what they keep, and when they cannot be had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.simulation.plans.faults import Cuts, Lags
from tests.simulation.plans.plan import Line, Plan
from tests.simulation.world.cameras import Sent

NONE, CONNECTED, SUBSCRIBED = range(3)


class Cut(NamedTuple):
    """A link brings nothing in [since, back); whoever is connected notices at `noticed`."""

    since: int
    noticed: int
    back: int
    early: bool


def cuts(line: Line, plan: Plan) -> list[Cut]:
    """Return the disjoint cuts of a link, in order."""
    found: list[Cut] = []
    for fault in plan.faults:
        if not isinstance(fault, Cuts) or fault.link != line.name:
            continue
        since = plan.begins + fault.at
        back = since + fault.lasts
        if found and since <= found[-1].back:
            found[-1] = found[-1]._replace(back=max(back, found[-1].back))
        else:
            found.append(Cut(since, since + fault.noticed, back, fault.early))
    return found


class Queue:
    """The way to one broker: when what is published there arrives, in order."""

    def __init__(self, line: Line, plan: Plan) -> None:
        self._begins, self._grid = plan.begins, plan.grid
        self._lags = [fault for fault in plan.faults if isinstance(fault, Lags) and fault.link == line.name]
        self._free = plan.begins  # when all before has arrived
        self.busy = False  # what else the broker says waits behind

    def arrival(self, at: int) -> int:
        """Return when what is published at an instant arrives."""
        due = at
        for lag in self._lags:
            since = at - self._begins - lag.at
            if 0 <= since < lag.lasts:
                due = max(due, at + self._delay(lag, since, at))
                self.busy = lag.stream
        self._free = max(due, self._free)
        return self._free

    def waits(self, at: int) -> bool:
        """Whether a ping that is sent at an instant is not answered at once."""
        return self.busy and self._free > at

    def through(self, at: int) -> int:
        """Return when an answer to what is asked at an instant comes."""
        return max(at, self._free) if self.busy else at

    def _delay(self, lag: Lags, since: int, at: int) -> int:
        if lag.how == "grows":
            delay = lag.by * since // lag.lasts
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
class Wire:
    """One broker and camwatch's session with it.

    `kept`: for a persistent session without connection. `pipe`: on the way over a connection that is cut.
    `inbox`: arrived, while the daemon's loop stands still.
    """

    line: Line
    sure: frozenset[str]  # cameras that publish with QoS 1
    queue: Queue
    state: int = NONE
    cut: bool = False
    early: bool = False
    known: bool = False  # the broker knows the session
    sessions: int = 0  # so many subscriptions were there
    kept_session: bool = False  # and went on with it at the last subscription
    kept: list[Sent] = field(default_factory=list)
    pipe: list[Sent] = field(default_factory=list)
    inbox: list[Sent] = field(default_factory=list)
    retained: dict[str, Sent] = field(default_factory=dict)

    def publish(self, sent: Sent, *, asleep: bool) -> bool:
        """Take a message; return whether camwatch gets it at once."""
        if sent.retain:
            self.retained[sent.topic] = sent
        if sent.topic in self.retained and not sent.payload and sent.wrong == "nothing":
            del self.retained[sent.topic]  # how MQTT clears a retained message
        if self.state == NONE or (self.state == CONNECTED and not self.line.keeps):
            self._keep([sent])
        elif self.cut:
            self.pipe.append(sent)
        elif asleep:
            self.inbox.append(sent)
        else:
            return True
        return False

    def drop(self) -> None:
        """Lose the connection: a persistent session keeps what was on its way."""
        lost, self.inbox, self.pipe = self.inbox + self.pipe, [], []
        kept, self.kept = self.kept, []
        self._keep(lost)
        self.kept += kept
        self.state = NONE

    def flow(self) -> list[Sent]:
        """Return what the session kept; it is kept no more."""
        found, self.kept = self.kept, []
        return found

    def thaw(self) -> list[Sent]:
        """Return what was on its way while a connection was cut."""
        found, self.pipe = self.pipe, []
        return found

    def wake(self) -> list[Sent]:
        """Return what waited for the daemon's loop."""
        found, self.inbox = self.inbox, []
        return found

    def _keep(self, sents: list[Sent]) -> None:
        if self.line.keeps and self.known:
            self.kept += [sent for sent in sents if sent.camera in self.sure]
