"""The kinds of values in a scenario, as users write them: 90s, 1h30m, 20 %, cam-0001."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|d)")
_DURATION = re.compile(rf"(-?)((?:{_PART.pattern} ?)+)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?) ?%")


class InvalidValueError(ValueError):
    """A value of another kind; the message has the remedy."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    `wanted` completes "write …" in errors. `parse` returns None for a value of another kind.
    `among`: the accepted texts, if they are listed.
    """

    wanted: str
    schema: dict[str, Any]
    parse: Callable[[object], Any]
    among: tuple[str, ...] = ()

    def read(self, value: object) -> Any:
        """Return the parsed value. Raises InvalidValueError."""
        parsed = self.parse(value)
        if parsed is None:
            raise InvalidValueError(f"write {self.wanted}")
        return parsed


def duration(low: float = 0.0, high: float = math.inf) -> Kind:
    """Return seconds, at least `low` and below `high`: a number, or parts with units."""
    wanted = "a duration like 90s, 1h30m or 250ms"

    def parse(value: object) -> float | None:
        if isinstance(value, str) and (whole := _DURATION.fullmatch(value.strip())):
            value = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(whole[2]))
            value = -value if whole[1] else value
        seconds = _finite(value)
        if seconds is not None and not low <= seconds < high:
            raise InvalidValueError(f"{seconds:g} s is out of range: {wanted}")
        return seconds

    schema = [
        {"type": "number"},
        {"type": "string", "pattern": rf"^-?((\d+(\.\d+)?) ?({'|'.join(_UNITS_S)}) ?)+$"},
    ]
    return Kind(wanted, {"anyOf": schema}, parse)


def share(most: float = 1.0) -> Kind:
    """Return a figure above 0 and up to `most`: a percentage, or the figure itself."""

    def parse(value: object) -> float | None:
        if isinstance(value, str) and (match := _SHARE.fullmatch(value.strip())):
            value = float(match[1]) / 100
        figure = _finite(value)
        return figure if figure is not None and 0 < figure <= most else None

    schema = [
        {"type": "number", "exclusiveMinimum": 0, "maximum": most},
        {"type": "string", "pattern": r"^\d+(\.\d+)? ?%$"},
    ]
    return Kind(f"a share above 0 % and up to {most:.0%}, like 20 % or 0.2", {"anyOf": schema}, parse)


def number(low: float, high: float, *, whole: bool = False) -> Kind:
    """Return a number between two finite bounds, both included; a whole one if `whole`."""

    def parse(value: object) -> float | None:
        figure = _finite(value)
        if figure is None or not low <= figure <= high or (whole and not figure.is_integer()):
            return None
        return int(figure) if whole else figure

    wanted = f"a {'whole number' if whole else 'number'} from {low:g} to {high:g}"
    return Kind(wanted, {"type": "integer" if whole else "number", "minimum": low, "maximum": high}, parse)


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with contextlib.suppress(OverflowError):  # an integer with hundreds of digits
        return figure if math.isfinite(figure := float(value)) else None
    return None


def text(*among: str) -> Kind:
    """Return a text; one of `among`, if any are given."""

    def parse(value: object) -> str | None:
        return value if isinstance(value, str) and value and (not among or value in among) else None

    schema = _TEXT | {"enum": list(among)} if among else _TEXT
    return Kind(f"one of {', '.join(among)}" if among else "a text", schema, parse, among)


def _texts(value: object) -> frozenset[str] | None:
    texts: list[Any] = value if isinstance(value, list) else [value]
    return frozenset(texts) if texts and all(isinstance(text, str) and text for text in texts) else None


_TEXT: Final[dict[str, Any]] = {"type": "string", "minLength": 1}
FLAG = Kind("true or false", {"type": "boolean"}, lambda value: value if isinstance(value, bool) else None)
TEXTS = Kind(
    "an id, or a list of ids",
    {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]},
    _texts,
)


def format_duration(seconds: float) -> str:
    """Return a duration in its largest unit, as scenarios write it: `1.5 h`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"
