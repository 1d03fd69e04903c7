"""How often somebody may try a name or a token: after some failures each further try has to wait longer.

Failures are counted by name and by address. Somebody at an address from which the name came in before is
counted apart, so that a stranger who guesses at a name cannot lock its owner out. Memory is bounded.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_DELAY_S = 900.0
"""The longest that anybody waits after the last failure."""
_FREE = {"name": 5, "address": 20}  # failures without a delay; many people may share an address
_FORGOTTEN_S = 3600.0
_MOST_KEYS = 10_000

_Key = tuple[str, ...]


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0
    told: bool = False


class Attempts:
    """Counts failed attempts, on a clock of seconds that never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[_Key, _Failures] = OrderedDict()
        self._homes: OrderedDict[_Key, None] = OrderedDict()

    def wait_s(self, name: str, address: str) -> float:
        """Return how long to wait before the next attempt, seconds; 0 if it may be made now."""
        return max(self._wait_of(key) for key in self._keys(name, address))

    def is_news(self, name: str, address: str) -> bool:
        """Tell whether it was not told yet that they have to wait; from now on it was, until they try again.

        So that whoever does not wait fills no log.
        """
        found = [self._failures[key] for key in self._keys(name, address) if self._wait_of(key)]
        news = not any(failures.told for failures in found)
        for failures in found:
            failures.told = True
        return news

    def begin(self, name: str, address: str) -> None:
        """Count an attempt as failed until it succeeded, so that many at once gain nothing."""
        now = self._clock()
        for key in self._keys(name, address):
            failures = self._failures.setdefault(key, _Failures())
            if now - failures.last > _FORGOTTEN_S:
                failures.count = 0
            failures.count += 1
            failures.last = now
            failures.told = False
            self._failures.move_to_end(key)
        while len(self._failures) > _MOST_KEYS:
            self._failures.popitem(last=False)

    def succeed(self, name: str, address: str) -> None:
        """Forget the failures of a name from here; of the address only this attempt.

        Or one good account would pay for guessing at others.
        """
        by_name, by_address = self._keys(name, address)
        self._failures.pop(by_name, None)
        self._take_back(by_address)
        self._homes[name, _network(address)] = None
        self._homes.move_to_end((name, _network(address)))
        if len(self._homes) > _MOST_KEYS:
            self._homes.popitem(last=False)

    def never_mind(self, name: str, address: str) -> None:
        """Let an attempt that was not looked at not count."""
        for key in self._keys(name, address):
            self._take_back(key)

    def _take_back(self, key: _Key) -> None:
        if failures := self._failures.get(key):
            failures.count = max(0, failures.count - 1)

    def _keys(self, name: str, address: str) -> tuple[_Key, _Key]:
        network = _network(address)
        by_name = ("name", name, network) if (name, network) in self._homes else ("name", name)
        return by_name, ("address", network)

    def _wait_of(self, key: _Key) -> float:
        failures = self._failures.get(key)
        if failures is None or failures.count < _FREE[key[0]]:
            return 0.0
        delay = min(MOST_DELAY_S, 2.0 ** min(failures.count - _FREE[key[0]], 20))
        return max(0.0, failures.last + delay - self._clock())


def _network(address: str) -> str:
    """Return the address, or of IPv6 the network of 64 bits: whoever has one has them all."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6 and (found.ipv4_mapped is None):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found.ipv4_mapped) if found.version == 6 else str(found)
