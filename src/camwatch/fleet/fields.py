"""Parsers of table cells: text in, value out, or a `FieldError` that states what is allowed.

Cells come without surrounding blanks. No parser guesses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from camwatch.dates import parse_day_or_instant, parse_instant, quoted, utc_ms

MAX_TEXT = 200
"""Maximum length of a text, in characters."""

_E = TypeVar("_E", bound=StrEnum)
_T = TypeVar("_T")

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}([.][0-9]{0,20})?([eE][+-]?[0-9]{1,3})?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class FieldError(ValueError):
    """A field is invalid; the text states why and what is allowed. Becomes a `ConfigProblem` of its table."""


def identifier(cell: str) -> str:
    """Read an id: lower-case letters, digits and hyphens, 63 at most."""
    if _ID.fullmatch(cell):
        return cell
    raise FieldError(
        f"{quoted(cell)} is not a valid id: use 1 to 63 letters a-z, digits and hyphens, no hyphen first"
        if cell
        else "is empty: give an id of lower-case letters a-z, digits and hyphens"
    )


def text(cell: str) -> str:
    """Read a text; empty is allowed."""
    if len(cell) > MAX_TEXT:
        raise FieldError(f"is too long: {len(cell)} characters, at most {MAX_TEXT} are allowed")
    if found := _CONTROL.search(cell):
        raise FieldError(f"contains the control character {found[0]!r}: remove it")
    return cell


def required_text(cell: str) -> str:
    """Read a text that may not be empty."""
    if not cell:
        raise FieldError("is empty: write a name")
    return text(cell)


def optional(parse: Callable[[str], _T]) -> Callable[[str], _T | None]:
    """Return a parser that returns None for an empty cell, else `parse(cell)`."""
    return lambda cell: parse(cell) if cell else None


def enum_value(kinds: type[_E], noun: str) -> Callable[[str], _E]:
    """Return a parser of one of the values of an enum."""
    words = {str(kind): kind for kind in kinds}
    *others, last = words
    allowed = f"{', '.join(others)} or {last}"

    def parse(cell: str) -> _E:
        try:
            return words[cell]
        except KeyError:
            raise FieldError(
                f"{quoted(cell)} is not a valid {noun}: use {allowed}" if cell else f"is empty: use {allowed}"
            ) from None

    return parse


def number(low: float, high: float, noun: str, *, above_low: bool = False) -> Callable[[str], float]:
    """Return a parser of a number from `low` (excluded if `above_low`) to `high`, with a decimal point."""
    allowed = f"above {low:g} and up to {high:g}" if above_low else f"from {low:g} to {high:g}"

    def parse(cell: str) -> float:
        if not _NUMBER.fullmatch(cell):
            raise FieldError(
                f"{quoted(cell)} is not a valid {noun}: write a number {allowed}, like {high / 2 or 1:g}"
            )
        value = float(cell)
        if not math.isfinite(value) or not low <= value <= high or (above_low and value == low):
            raise FieldError(f"{quoted(cell)} is not a valid {noun}: it must be {allowed}")
        return value

    return parse


def datetime_ms(timezone: ZoneInfo, *, date_alone: bool) -> Callable[[str], int]:
    """Return a parser of date-times into UTC milliseconds (see `dates`).

    With `date_alone` a date is allowed, and means the first instant of that day.
    """
    parse = parse_day_or_instant if date_alone else parse_instant

    def read(cell: str) -> int:
        try:
            return utc_ms(parse(cell, timezone))
        except ValueError as error:
            raise FieldError(str(error)) from None

    return read
