"""Public ids of outages and corrections, and marks of the journal and the seals: neither reveals counts.

Rows are numbered in order, so a row number would reveal how much happened to others. Public ids are a
permutation of 32 bits, keyed by a secret of the store: a Feistel network whose rounds are tables of random
numbers, so that an id costs half a microsecond and no row has to keep it.
"""

from __future__ import annotations

import hashlib
import hmac
from array import array
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection

from camwatch.history.metadata import secret

_ROUNDS: Final = 8
_HALF: Final = 16
_MASK: Final = (1 << _HALF) - 1
_OUTAGE, _CORRECTION = 0, 1
_DRAWN: Final = 16  # hexadecimal digits of a mark that differ in every report
_COMPARED: Final = 16  # the least number of the others by which seals are compared


class PublicIds:
    """Turns the numbers of outages and of corrections (and so of windows) into ids, and back."""

    def __init__(self, key: bytes) -> None:
        size = 2 << _HALF
        self._rounds = [
            array("H", hashlib.shake_256(key + b"id" + bytes([number])).digest(size))
            for number in range(_ROUNDS)
        ]

    def outage(self, number: int) -> int:
        """Return the id of an outage."""
        return self._out(number << 1 | _OUTAGE)

    def correction(self, number: int) -> int:
        """Return the id of a correction, or of the window that it added."""
        return self._out(number << 1 | _CORRECTION)

    def outage_of(self, public: int) -> int | None:
        """Return the number that an outage with this id would have; None: no outage has it."""
        return self._in(public, _OUTAGE)

    def correction_of(self, public: int) -> int | None:
        """Return the number that a correction with this id would have; None: none has it."""
        return self._in(public, _CORRECTION)

    def _out(self, value: int) -> int:
        left, right = value >> _HALF, value & _MASK
        for table in self._rounds:
            left, right = right, left ^ table[right]
        return (left << _HALF | right) + 1  # no id is 0

    def _in(self, public: int, kind: int) -> int | None:
        if not 0 < public <= 1 << 2 * _HALF:
            return None
        left, right = (public - 1) >> _HALF, (public - 1) & _MASK
        for table in reversed(self._rounds):
            left, right = right ^ table[left], left
        value = left << _HALF | right
        return value >> 1 if value & 1 == kind else None


_ids = lru_cache(maxsize=4)(PublicIds)


def public_ids(connection: Connection) -> PublicIds:
    """Return the ids of a store."""
    return _ids(secret(connection))


def anchor(key: bytes, operators: Iterable[str], first: date, last: date, head: str) -> str:
    """Return what a report for some operators prints instead of the hash of an entry of the journal.

    The entry can be found with the store's secret, and not be guessed without it.
    """
    said = "\n".join(("anchor", f"{first}", f"{last}", *sorted(operators), head))
    return hmac.digest(key, said.encode(), "sha256").hex()


def mark(key: bytes, operators: Iterable[str], first: date, last: date, watermark_ms: int, head: str) -> str:
    """Return what a report for some operators prints instead of the hash of the newest seal (rule H2).

    It differs in every report, so it does not reveal whether anything happened to others meanwhile.
    """
    said = "\n".join(("mark", f"{first}", f"{last}", f"{watermark_ms}", *sorted(operators)))
    drawn = hmac.digest(key, said.encode(), "sha256").hex()[:_DRAWN]
    return _marked(key, drawn, head)


def marks(key: bytes, said: str, head: str) -> bool:
    """Return whether a mark, or its beginning, is of this seal."""
    return len(said) >= _DRAWN + _COMPARED and _marked(key, said[:_DRAWN], head).startswith(said)


def _marked(key: bytes, drawn: str, head: str) -> str:
    return drawn + hmac.digest(key, f"seal\n{drawn}\n{head}".encode(), "sha256").hex()[: 64 - _DRAWN]
