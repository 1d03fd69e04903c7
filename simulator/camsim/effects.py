"""What can hold a camera, and what can happen to it at once: the vocabulary between a plan and a device.

An effect holds from one step to another, under a reason that no other effect has; so whatever befalls a
camera at the same time adds up, and ends one by one. Times are seconds since the fleet has connected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class PowerOff:
    """No power. `silent`: nobody closes its connection; `goodbye`: it says so before."""

    silent: bool = False
    goodbye: bool = False


@dataclass(frozen=True, slots=True)
class NetworkCut:
    """It lives, and its packets go nowhere."""


@dataclass(frozen=True, slots=True)
class Says:
    """Its heartbeats have these fields."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StorageFills:
    """Its storage fills evenly from `since_s` on, until it is `to` full after `within_s`."""

    since_s: float
    within_s: float
    to: float


@dataclass(frozen=True, slots=True)
class ClockWrong:
    """Its clock is ahead by `by_s`, and by `ppm` microseconds more each second after `since_s`."""

    since_s: float
    by_s: float = 0.0
    ppm: float = 0.0

    def error_s(self, now_s: float) -> float:
        """Return how far it is ahead."""
        return self.by_s + self.ppm * 1e-6 * (now_s - self.since_s)


@dataclass(frozen=True, slots=True)
class Loss:
    """This share of its heartbeats is lost on the way."""

    share: float


@dataclass(frozen=True, slots=True)
class Jitter:
    """It sends unevenly: by this share of the interval, either way."""

    share: float


@dataclass(frozen=True, slots=True)
class Delay:
    """What it says is on its way for `by_s`, and up to `plus_s` more."""

    by_s: float
    plus_s: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """This share of its heartbeats arrives twice."""

    share: float


@dataclass(frozen=True, slots=True)
class Reorder:
    """This share of its heartbeats arrives after the next one."""

    share: float


@dataclass(frozen=True, slots=True)
class Nonsense:
    """This share of its heartbeats cannot be read, or is too large."""

    share: float
    oversized: bool = False


Effect: TypeAlias = (
    PowerOff
    | NetworkCut
    | Says
    | StorageFills
    | ClockWrong
    | Loss
    | Jitter
    | Delay
    | Duplicate
    | Reorder
    | Nonsense
)


@dataclass(frozen=True, slots=True)
class Hold:
    """From now on the effect holds."""

    effect: Effect


@dataclass(frozen=True, slots=True)
class Release:
    """What held for the same reason ends."""


@dataclass(frozen=True, slots=True)
class Commission:
    """A planned camera goes live."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """It drops its connection and comes back at once."""


@dataclass(frozen=True, slots=True)
class Install:
    """It tells this firmware from now on."""

    version: str


@dataclass(frozen=True, slots=True)
class Lie:
    """Something is published in its name that it did not say: `spoof`, `replay` or `retained`."""

    kind: str
    number: int = 0
    own_topic: bool = True


@dataclass(frozen=True, slots=True)
class StopBroker:
    """The broker is stopped."""


@dataclass(frozen=True, slots=True)
class StartBroker:
    """The broker is started."""


Change: TypeAlias = Hold | Release | Commission | Reconnect | Install | Lie | StopBroker | StartBroker
