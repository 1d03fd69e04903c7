"""Token buckets of event-loop time per client, because the same loop judges heartbeats. Memory is bounded.

The unit is processor time, so that a busy machine does not exhaust budgets. The library `limits` counts hits,
by the wall clock, with a bucket for every key it was ever given.
"""

from __future__ import annotations

import types
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

LEAST_S = 0.001
"""Minimum cost of a request: parsing its head is not measured."""
HANDSHAKE_S = 0.0015
"""Cost of a TLS handshake, which comes before authentication."""
_MOST_KEYS = 10_000

_T = TypeVar("_T")


class Allowance(NamedTuple):
    """Capacity of a bucket, seconds, and its refill per second."""

    most_s: float
    back: float

    def times(self, factor: int) -> Allowance:
        """Return a multiple."""
        return Allowance(self.most_s * factor, self.back * factor)


STRANGERS = Allowance(1.0, 0.05)
PEOPLE = Allowance(10.0, 0.25)


class Payer(NamedTuple):
    """The key of a bucket, and its allowance."""

    key: str
    allowance: Allowance


@dataclass(slots=True)
class _Purse:
    left_s: float
    at: float
    logged: bool = False


class TimeBudget:
    """The buckets, refilled by a monotonic clock (seconds)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._purses: OrderedDict[str, _Purse] = OrderedDict()

    def wait_s(self, payers: tuple[Payer, ...]) -> float:
        """Return the seconds until none of the buckets is overdrawn."""
        return max((0.0, *(-self._purse(payer).left_s / payer.allowance.back for payer in payers)))

    def spend(self, payers: tuple[Payer, ...], seconds: float) -> None:
        """Charge seconds to each payer."""
        for payer in payers:
            self._purse(payer).left_s -= seconds

    def is_news(self, payers: tuple[Payer, ...]) -> bool:
        """Return True the first time these payers are overdrawn, until their buckets are full again."""
        spent = [purse for purse in map(self._purse, payers) if purse.left_s < 0]
        news = not any(purse.logged for purse in spent)
        for purse in spent:
            purse.logged = True
        return news

    def _purse(self, payer: Payer) -> _Purse:
        now, (most_s, back) = self._clock(), payer.allowance
        purse = self._purses.setdefault(payer.key, _Purse(most_s, now))
        purse.left_s = min(most_s, purse.left_s + (now - purse.at) * back)
        purse.at = now
        if purse.left_s == most_s:
            purse.logged = False
        self._purses.move_to_end(payer.key)
        if len(self._purses) > _MOST_KEYS:
            self._purses.popitem(last=False)
        return purse


@types.coroutine
def metered(
    work: Awaitable[_T], clock: Callable[[], float], charge: Callable[[float], None]
) -> Generator[Any, Any, _T]:
    """Run a coroutine and `charge` for the time of each of its steps, not for its waiting."""
    steps: Generator[Any, Any, _T] = work.__await__()
    step: Callable[[Any], Any] = steps.send
    given: Any = None
    while True:
        began = clock()
        try:
            waits_for = step(given)
        except StopIteration as end:
            result: _T = end.value
            return result
        finally:
            charge(clock() - began)
        try:
            given = yield waits_for
        except BaseException as error:  # noqa: BLE001 - thrown into the coroutine, like a cancellation
            step, given = steps.throw, error
        else:
            step = steps.send
