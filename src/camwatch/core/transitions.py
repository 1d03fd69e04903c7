"""The transition table of cameras (rules L, S, V).

The diagram in `docs/reference/states.md` is generated from it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from camwatch.core.model import Status


class Trigger(StrEnum):
    """What makes a camera change its status."""

    PROOF = "proof"
    SILENCE = "silence"
    HINT = "hint"
    GAP = "blindness"
    IN_SERVICE = "in service"
    PLANNED = "planned again"
    RETIREMENT = "retirement"

    __hash__ = str.__hash__  # as of Status


class TransitionInstant(StrEnum):
    """The instant that a transition carries as `at`."""

    PROOF = "the proof; after an outage half an interval earlier, or what showed the return (E2)"
    DUE = "half an interval after the last proof, or an interval after sight returned (E1)"
    HINT = "the hint, if it came within 1.5 intervals of the last proof (E1)"
    BLIND = "the beginning of the blindness, or when a heartbeat was due if that was earlier (E3)"
    DATE = "the in-service date, or the reload that brought it"
    RELOAD = "the reload of the inventory"


class TransitionRule(NamedTuple):
    """Where a trigger leads, at which instant, and by which rule."""

    to: Status
    at: TransitionInstant
    rule: str


TRANSITIONS: dict[Status, dict[Trigger, TransitionRule]] = {
    Status.PLANNED: {
        Trigger.PROOF: TransitionRule(Status.UP, TransitionInstant.PROOF, "V1"),
        Trigger.IN_SERVICE: TransitionRule(Status.UNKNOWN, TransitionInstant.DATE, "V1"),
        Trigger.RETIREMENT: TransitionRule(Status.RETIRED, TransitionInstant.RELOAD, "V2"),
    },
    Status.UNKNOWN: {
        Trigger.PROOF: TransitionRule(Status.UP, TransitionInstant.PROOF, "L4"),
        Trigger.SILENCE: TransitionRule(Status.DOWN, TransitionInstant.DUE, "S5"),
        Trigger.HINT: TransitionRule(Status.DOWN, TransitionInstant.HINT, "L5"),
        Trigger.PLANNED: TransitionRule(Status.PLANNED, TransitionInstant.RELOAD, "V1"),
        Trigger.RETIREMENT: TransitionRule(Status.RETIRED, TransitionInstant.RELOAD, "V2"),
    },
    Status.UP: {
        Trigger.SILENCE: TransitionRule(Status.DOWN, TransitionInstant.DUE, "L3"),
        Trigger.HINT: TransitionRule(Status.DOWN, TransitionInstant.HINT, "L5"),
        Trigger.GAP: TransitionRule(Status.UNKNOWN, TransitionInstant.BLIND, "S4"),
        Trigger.RETIREMENT: TransitionRule(Status.RETIRED, TransitionInstant.RELOAD, "V2"),
    },
    Status.DOWN: {
        Trigger.PROOF: TransitionRule(Status.UP, TransitionInstant.PROOF, "L4"),
        Trigger.GAP: TransitionRule(Status.UNKNOWN, TransitionInstant.BLIND, "S4"),
        Trigger.PLANNED: TransitionRule(Status.PLANNED, TransitionInstant.RELOAD, "V1"),
        Trigger.RETIREMENT: TransitionRule(Status.RETIRED, TransitionInstant.RELOAD, "V2"),
    },
    Status.RETIRED: {
        Trigger.IN_SERVICE: TransitionRule(Status.UNKNOWN, TransitionInstant.DATE, "V2"),
        Trigger.PLANNED: TransitionRule(Status.PLANNED, TransitionInstant.RELOAD, "V2"),
    },
}
"""All transitions, below maintenance (which covers a status and does not change it, rule V3)."""


IN_SERVICE = (Status.UP, Status.DOWN, Status.UNKNOWN)
"""The statuses in which time is accounted, below maintenance."""
