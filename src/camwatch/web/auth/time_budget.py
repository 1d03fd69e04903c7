"""How much of the loop's time some may take: seconds, which come back with time. Memory is bounded.

The loop that answers requests also judges heartbeats. What is counted is processor time, so that a busy
machine makes nobody poor.
"""

from __future__ import annotations

import types
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

LEAST_S = 0.001
"""What a request costs at least: reading its head is not measured."""
HANDSHAKE_S = 0.0015
"""What a TLS handshake costs; it is over before anybody can tell who it is."""
_MOST_KEYS = 10_000

_T = TypeVar("_T")


class Allowance(NamedTuple):
    """Seconds that may be spent at once, and how much of them comes back in a second."""

    most_s: float
    back: float

    def times(self, factor: int) -> Allowance:
        """Return so many times as much."""
        return Allowance(self.most_s * factor, self.back * factor)


STRANGERS = Allowance(1.0, 0.05)
PEOPLE = Allowance(10.0, 0.25)


class Payer(NamedTuple):
    """Whose time it is: a key, and what it is allowed."""

    key: str
    allowance: Allowance


@dataclass(slots=True)
class _Purse:
    left_s: float
    at: float
    told: bool = False


class TimeBudget:
    """Counts what was spent, on a clock of seconds that never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._purses: OrderedDict[str, _Purse] = OrderedDict()

    def wait_s(self, payers: tuple[Payer, ...]) -> float:
        """Return after how many seconds all of them have something left; 0 if they have."""
        return max((0.0, *(-self._purse(payer).left_s / payer.allowance.back for payer in payers)))

    def spend(self, payers: tuple[Payer, ...], seconds: float) -> None:
        """Take seconds from each of them."""
        for payer in payers:
            self._purse(payer).left_s -= seconds

    def is_news(self, payers: tuple[Payer, ...]) -> bool:
        """Tell whether nobody was told yet that one of them has nothing left; until they have all again."""
        spent = [purse for purse in map(self._purse, payers) if purse.left_s < 0]
        news = not any(purse.told for purse in spent)
        for purse in spent:
            purse.told = True
        return news

    def _purse(self, payer: Payer) -> _Purse:
        now, (most_s, back) = self._clock(), payer.allowance
        purse = self._purses.setdefault(payer.key, _Purse(most_s, now))
        purse.left_s = min(most_s, purse.left_s + (now - purse.at) * back)
        purse.at = now
        if purse.left_s == most_s:
            purse.told = False
        self._purses.move_to_end(payer.key)
        if len(self._purses) > _MOST_KEYS:
            self._purses.popitem(last=False)
        return purse


@types.coroutine
def metered(
    work: Awaitable[_T], clock: Callable[[], float], charge: Callable[[float], None]
) -> Generator[Any, Any, _T]:
    """Do what a coroutine does, and `charge` for the time of each of its steps, not for its waiting."""
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
        except BaseException as error:  # noqa: BLE001 - it is the coroutine's, as a cancellation is
            step, given = steps.throw, error
        else:
            step = steps.send
