"""How often somebody may try a name or a token: after some failures each further try has to wait longer.

Failures are counted by name and by address. Where the name came in before, from the same network or with a
cookie of the browser (`home`), it is counted apart, and the address is not asked: a stranger who guesses
cannot lock its owner out. Memory is bounded.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from camwatch.web.auth.networks import networks

MAX_DELAY_S = 900.0
"""The longest that anybody waits after the last failure."""
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
    told: bool = False


class LoginThrottle:
    """Counts failed attempts, on a clock of seconds that never goes back.

    A `name` is in its one form already: `accounts.typed_name`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[_Key, _Failures] = OrderedDict()
        self._homes: OrderedDict[_Key, None] = OrderedDict()
        self._names_at: Counter[str] = Counter()  # names that came in from a network

    def delay_s(self, name: str, address: str, home: str = "") -> float:
        """Return how long to wait before the next attempt, seconds; 0 if it may be made now."""
        return max(self._wait_of(key) for key in self._asked(name, address, home))

    def wait_at(self, address: str) -> float:
        """Return how long every name has to wait that never came in from an address before."""
        if self._names_at[networks(address)[0][0]]:
            return 0.0
        return max(self._wait_of(key) for key, _ in _by_address(address))

    def should_log(self, name: str, address: str, home: str = "") -> bool:
        """Tell whether it was not told yet that they have to wait; from now on it was, until they try again.

        So that whoever does not wait fills no log.
        """
        found = [self._failures[key] for key in self._asked(name, address, home) if self._wait_of(key)]
        news = not any(failures.told for failures in found)
        for failures in found:
            failures.told = True
        return news

    def start(self, name: str, address: str, home: str = "") -> None:
        """Count an attempt as failed until it succeeded, so that many at once gain nothing."""
        now = self._clock()
        for key, free in self._counted(name, address, home):
            failures = self._failures.setdefault(key, _Failures(free))
            if now - failures.last > _FORGOTTEN_S:
                failures.count = 0
            failures.count += 1
            failures.last = now
            failures.told = False
            self._failures.move_to_end(key)
        while len(self._failures) > _MOST_KEYS:
            self._failures.popitem(last=False)

    def success(self, name: str, address: str, home: str = "") -> None:
        """Forget the failures of a name from here; of the address only this attempt.

        Or one good account would pay for guessing at others.
        """
        by_name, *by_address = self._counted(name, address, home)
        self._failures.pop(by_name[0], None)
        for key, _ in by_address:
            self._take_back(key)
        self._remember(name, networks(address)[0][0])

    def undo(self, name: str, address: str, home: str = "") -> None:
        """Let an attempt that was not looked at not count."""
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
        """Yield what an attempt is counted by, and how many failures each has free; the name is first."""
        network = networks(address)[0][0]
        at = home or (network if (name, network) in self._homes else "")
        yield (("name", name, at) if at else ("name", name)), _FREE_BY_NAME
        yield from _by_address(address)

    def _asked(self, name: str, address: str, home: str) -> list[_Key]:
        """Return what may delay an attempt: where the name came in before, the address does not."""
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
