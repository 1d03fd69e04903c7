"""What can hold a camera, and what can happen to it at once: the vocabulary between a plan and a device.

An effect holds from one step to another, under a reason that no other effect has; so whatever befalls a
camera at the same time adds up, and ends one by one. Times are seconds since the fleet has connected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from camsim.seeded_random import uniform

_KNOTS = 500


@dataclass(frozen=True, slots=True)
class PowerOff:
    """No power. `silent`: nobody closes its connection; `goodbye`: it says so before."""

    silent: bool = False
    goodbye: bool = False


@dataclass(frozen=True, slots=True)
class NetworkCut:
    """It lives, and its packets go nowhere."""


@dataclass(frozen=True, slots=True)
class FieldOverride:
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
class _Share:
    share: float


class Loss(_Share):
    """This share of its heartbeats is lost on the way."""

    __slots__ = ()


class Jitter(_Share):
    """It sends unevenly: by this share of the interval, either way."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Delay:
    """What it says is on its way for `by_s`, and up to `plus_s` more."""

    by_s: float
    plus_s: float


@dataclass(frozen=True, slots=True)
class Lag:
    """Its way lags, for all who share it alike: by `by_s` at `since_s`, evenly to `to_s` at `until_s`.

    A varying delay of up to `plus_s` is added: a new draw every two `plus_s`, linear in between. The order of
    messages is kept, and those still under way at the end arrive then.
    """

    since_s: float
    until_s: float
    by_s: float
    to_s: float
    plus_s: float
    seed: int = 0

    def arrival_s(self, sent_s: float) -> float:
        """Return when arrives what is sent at an instant in between."""
        share = (sent_s - self.since_s) / (self.until_s - self.since_s)
        late_s = self.by_s + share * (self.to_s - self.by_s) + self._more_s(sent_s - self.since_s)
        return max(sent_s, min(sent_s + late_s, self.until_s))

    def knots(self) -> Iterator[tuple[float, float]]:
        """Yield instants and arrivals; between two of them the arrival is close to a straight line."""
        for number in range(_KNOTS + 1):
            sent_s = self.since_s + (self.until_s - self.since_s) * number / _KNOTS
            yield sent_s, self.arrival_s(sent_s)

    def _more_s(self, passed_s: float) -> float:
        step, part = divmod(passed_s / max(2 * self.plus_s, 1e-3), 1)
        here, there = (uniform(self.seed, "path", "lag", int(step) + more) for more in (0, 1))
        return self.plus_s * (here + (there - here) * part)


class Duplicate(_Share):
    """This share of its heartbeats arrives twice."""

    __slots__ = ()


class Reorder(_Share):
    """This share of its heartbeats arrives after the next one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class MalformedPayload:
    """This share of its heartbeats cannot be read, or is too large."""

    share: float
    oversized: bool = False


Effect: TypeAlias = (
    PowerOff
    | NetworkCut
    | FieldOverride
    | StorageFills
    | ClockWrong
    | Loss
    | Jitter
    | Delay
    | Lag
    | Duplicate
    | Reorder
    | MalformedPayload
)


@dataclass(frozen=True, slots=True)
class StartFault:
    """From now on the effect holds."""

    effect: Effect


@dataclass(frozen=True, slots=True)
class EndFault:
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
class SpoofedMessage:
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


Change: TypeAlias = (
    StartFault | EndFault | Commission | Reconnect | Install | SpoofedMessage | StopBroker | StartBroker
)
