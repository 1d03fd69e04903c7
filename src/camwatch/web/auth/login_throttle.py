"""Throttles login attempts: after some failures, the wait doubles with each further attempt.

Failures are counted by name and by address. A name that has logged in before from the same network, or from a
browser with a cookie (`home`), is counted apart and regardless of the address, so that guesses from elsewhere
cannot lock its user out. Memory is bounded.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from camwatch.web.auth.networks import networks

MAX_DELAY_S = 900.0
"""Maximum delay after a failure, seconds."""
_FREE_BY_NAME = 5  # failures without a delay
_FREE_BY_ADDRESS = 20  # many people may share an address
_FORGOTTEN_S = 3600.0
_MOST_KEYS = 10_000

_Key = tuple[str, ...]


@dataclass(slots=True)
class _Failures:
    free: int
    count: int = 0
    last: float = 0.0
    logged: bool = False


class LoginThrottle:
    """Counts failed attempts, on a monotonic clock (seconds). Names are canonical: `accounts.typed_name`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[_Key, _Failures] = OrderedDict()
        self._homes: OrderedDict[_Key, None] = OrderedDict()
        self._names_at: Counter[str] = Counter()  # names that came in from a network

    def delay_s(self, name: str, address: str, home: str = "") -> float:
        """Return the delay before the next attempt, seconds; 0 if it may be made now."""
        return max(self._wait_of(key) for key in self._asked(name, address, home))

    def wait_at(self, address: str) -> float:
        """Return the delay for every name that has never logged in from an address, seconds."""
        if self._names_at[networks(address)[0][0]]:
            return 0.0
        return max(self._wait_of(key) for key, _ in _by_address(address))

    def should_log(self, name: str, address: str, home: str = "") -> bool:
        """Return True the first time a throttled client is seen, so that each lockout is logged once."""
        found = [self._failures[key] for key in self._asked(name, address, home) if self._wait_of(key)]
        news = not any(failures.logged for failures in found)
        for failures in found:
            failures.logged = True
        return news

    def start(self, name: str, address: str, home: str = "") -> None:
        """Count an attempt as failed until it succeeds, so that concurrent attempts gain nothing."""
        now = self._clock()
        for key, free in self._counted(name, address, home):
            failures = self._failures.setdefault(key, _Failures(free))
            if now - failures.last > _FORGOTTEN_S:
                failures.count = 0
            failures.count += 1
            failures.last = now
            failures.logged = False
            self._failures.move_to_end(key)
        while len(self._failures) > _MOST_KEYS:
            self._failures.popitem(last=False)

    def success(self, name: str, address: str, home: str = "") -> None:
        """Forget the failures of a name from here, and of the address only this attempt.

        Otherwise one valid account would allow guesses at others.
        """
        by_name, *by_address = self._counted(name, address, home)
        self._failures.pop(by_name[0], None)
        for key, _ in by_address:
            self._take_back(key)
        self._remember(name, networks(address)[0][0])

    def undo(self, name: str, address: str, home: str = "") -> None:
        """Undo `start()` for an attempt that was never verified."""
        for key, _ in self._counted(name, address, home):
            self._take_back(key)

    def _remember(self, name: str, network: str) -> None:
        if (name, network) not in self._homes:
            self._names_at[network] += 1
        self._homes[name, network] = None
        self._homes.move_to_end((name, network))
        if len(self._homes) > _MOST_KEYS:
            (_, gone), _ = self._homes.popitem(last=False)
            self._names_at[gone] -= 1
            if not self._names_at[gone]:
                del self._names_at[gone]

    def _take_back(self, key: _Key) -> None:
        if failures := self._failures.get(key):
            failures.count = max(0, failures.count - 1)

    def _counted(self, name: str, address: str, home: str) -> Iterator[tuple[_Key, int]]:
        """Yield the keys that an attempt counts for, the name first, and the free failures of each."""
        network = networks(address)[0][0]
        at = home or (network if (name, network) in self._homes else "")
        yield (("name", name, at) if at else ("name", name)), _FREE_BY_NAME
        yield from _by_address(address)

    def _asked(self, name: str, address: str, home: str) -> list[_Key]:
        """Return the keys that may delay an attempt: for a known name not the address."""
        by_name, *by_address = (key for key, _ in self._counted(name, address, home))
        return [by_name] if len(by_name) == 3 else [by_name, *by_address]

    def _wait_of(self, key: _Key) -> float:
        failures = self._failures.get(key)
        if failures is None or failures.count < failures.free:
            return 0.0
        delay = min(MAX_DELAY_S, 2.0 ** min(failures.count - failures.free, 20))
        return max(0.0, failures.last + delay - self._clock())


def _by_address(address: str) -> Iterator[tuple[_Key, int]]:
    for network, more in networks(address):
        yield ("address", network), _FREE_BY_ADDRESS * more
