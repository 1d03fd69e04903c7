"""Verdicts on heartbeats, and what they are derived from."""

from __future__ import annotations

from typing import NamedTuple

from tests.simulation.model.records import Moment
from tests.simulation.world.cameras import Message

PROOF, EVENT, DUPLICATE, LATE = "proof", "event", "duplicate", "late"
"""An event-time proof is dated when it was sent, another one when it came."""
CLOSE = 3
"""Milliseconds: so near to a threshold, floats may decide."""


class Expected(NamedTuple):
    """The expected verdict; None: any but `never`.

    `doubts`: nor is one expected of the following heartbeats, until a proof.
    """

    verdict: str | None
    never: str = ""
    doubts: bool = False


ANYTHING = Expected(None)
CONTRADICTS = Expected(None, doubts=True)


class Received(NamedTuple):
    """A heartbeat received at `now` over a link with a lag, `travelled` ms after it was really sent.

    `shared`: many cameras of its links are late together, so it is not their clocks.
    """

    sent: Message
    now: Moment
    lag: int
    travelled: int
    shared: bool


class Fields(NamedTuple):
    """The fields of the newest heartbeat of a boot."""

    boot: int
    seq: int | None
    ts: float | None
    uptime_s: float | None
