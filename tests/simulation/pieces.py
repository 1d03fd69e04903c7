"""The nouns of the record: what a camera was for a while, and its outages."""

from __future__ import annotations

from typing import NamedTuple


class Piece(NamedTuple):
    """The camera was `status` in [start, end); `cause` says why it is down."""

    start: int
    end: int
    status: str
    cause: str = ""


class Outage(NamedTuple):
    """One outage; `end` is None while it lasts."""

    start: int
    end: int | None
    cause: str
