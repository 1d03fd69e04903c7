"""The vocabulary between a plan and a device: effects that last, and changes that happen at once.

An effect lasts from one step to another, under a reason that no other effect has. Effects of one camera at
the same time add up, and end one by one. Times are seconds since the fleet connected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeAlias

from camsim.seeded_random import uniform

_KNOTS = 500


class Effect:
    """Base of all effects."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class PowerOff(Effect):
    """No power. `silent`: its connection stays open; `goodbye`: it says goodbye before."""

    silent: bool = False
    goodbye: bool = False


@dataclass(frozen=True, slots=True)
class NetworkCut(Effect):
    """The camera runs, but its packets are lost."""


@dataclass(frozen=True, slots=True)
class FieldOverride(Effect):
    """Its heartbeats have these fields."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StorageFills(Effect):
    """Its storage fills evenly from `since_s` on, until it is `to` full after `within_s`."""

    since_s: float
    within_s: float
    to: float


@dataclass(frozen=True, slots=True)
class ClockWrong(Effect):
    """Its clock is ahead by `by_s`, and by `ppm` microseconds more each second after `since_s`."""

    since_s: float
    by_s: float = 0.0
    ppm: float = 0.0

    def error_s(self, now_s: float) -> float:
        """Return how far it is ahead."""
        return self.by_s + self.ppm * 1e-6 * (now_s - self.since_s)


@dataclass(frozen=True, slots=True)
class _Share(Effect):
    share: float


class Loss(_Share):
    """This share of its heartbeats is lost."""


class Jitter(_Share):
    """It sends unevenly: by this share of the interval, either way."""


class Duplicate(_Share):
    """This share of its heartbeats arrives twice."""


class Reorder(_Share):
    """This share of its heartbeats arrives after the next one."""


@dataclass(frozen=True, slots=True)
class MalformedPayload(Effect):
    """This share of its heartbeats cannot be read, or is too large."""

    share: float
    oversized: bool = False


@dataclass(frozen=True, slots=True)
class Delay(Effect):
    """Its messages arrive `by_s` late, and up to `plus_s` more."""

    by_s: float
    plus_s: float


@dataclass(frozen=True, slots=True)
class Lag(Effect):
    """The path of its messages lags: by `by_s` at `since_s`, growing evenly to `to_s` at `until_s`.

    The lag is the same for all its cameras. It is up to `plus_s` more: a line through draws that are two
    `plus_s` apart. The order of messages is kept; messages in transit at the end arrive then.
    """

    since_s: float
    until_s: float
    by_s: float
    to_s: float
    plus_s: float
    seed: int = 0

    def arrival_s(self, sent_s: float) -> float:
        """Return when a message arrives that is sent during the lag."""
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


class Moment(Enum):
    """A change without parameters."""

    END_EFFECT = auto()
    """The effect with the same reason ends."""
    COMMISSION = auto()
    """A planned camera goes live."""
    RECONNECT = auto()
    """The camera drops its connection and connects again at once."""
    STOP_BROKER = auto()
    START_BROKER = auto()


@dataclass(frozen=True, slots=True)
class Install:
    """The camera's heartbeats report this firmware from now on."""

    version: str


@dataclass(frozen=True, slots=True)
class SpoofedMessage:
    """A heartbeat in the camera's name that it did not send. `kind` is `spoof`, `replay` or `retained`."""

    kind: str
    number: int = 0
    own_topic: bool = True


Change: TypeAlias = Effect | Moment | Install | SpoofedMessage
"""An effect as a change begins."""
