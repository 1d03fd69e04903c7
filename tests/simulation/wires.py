"""The network of a simulation: brokers with their sessions, what they keep, and when they cannot be had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.simulation.devices import Sent
from tests.simulation.faults import Cuts
from tests.simulation.plan import Line, Plan

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


@dataclass
class Wire:
    """One broker and camwatch's session with it.

    `kept`: for a persistent session without connection. `pipe`: on the way over a connection that is cut.
    `inbox`: arrived, while the daemon's loop stands still.
    """

    line: Line
    sure: frozenset[str]  # cameras that publish with QoS 1
    state: int = NONE
    cut: bool = False
    early: bool = False
    known: bool = False  # the broker knows the session
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
