"""The values that stand in a scenario, and how people write them: 90s, 1h30m, 20 %, cam-0001."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|d)")
_DURATION = re.compile(rf"(-?)((?:{_PART.pattern} ?)+)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?) ?%")


class InvalidValueError(ValueError):
    """A value that is not what it must be; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Kind(ABC):
    """A kind of value: what a mistake is answered with, and its JSON Schema."""

    wanted: str
    schema: dict[str, Any]

    @abstractmethod
    def read(self, value: object) -> Any:
        """Return what the value means. Raises UnfitError."""

    def fail(self) -> InvalidValueError:
        """Return the error of a value that is not of this kind."""
        return InvalidValueError(f"write {self.wanted}")


@dataclass(frozen=True, slots=True)
class Duration(Kind):
    """Seconds, at least `low` and below `high`: a number, or parts with units."""

    low: float = 0.0
    high: float = math.inf

    def read(self, value: object) -> float:
        """Return seconds. Raises UnfitError."""
        if isinstance(value, str):
            whole = _DURATION.fullmatch(value.strip())
            if whole is None:
                raise self.fail()
            parts = _PART.findall(whole[2])
            seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
            value = -seconds if whole[1] else seconds
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.fail()
        if not self.low <= value < self.high:
            raise InvalidValueError(f"{value:g} s is out of range: {self.wanted}")
        return float(value)


@dataclass(frozen=True, slots=True)
class Share(Kind):
    """A figure from 0 to 1: a percentage, or the figure itself; above 0 unless `zero`."""

    most: float = 1.0

    def read(self, value: object) -> float:
        """Return a figure from 0 to 1. Raises UnfitError."""
        if isinstance(value, str) and (match := _SHARE.fullmatch(value.strip())):
            value = float(match[1]) / 100
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= self.most:
            raise self.fail()
        return float(value)


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A number between two bounds, both included; a whole one if `whole`."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False

    def read(self, value: object) -> float | int:
        """Return the number. Raises UnfitError."""
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not self.low <= value <= self.high
        ):
            raise self.fail()
        if self.whole and value != int(value):
            raise self.fail()
        return int(value) if self.whole else float(value)


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """A text; of `among`, if there are some."""

    among: tuple[str, ...] = ()

    def read(self, value: object) -> str:
        """Return the text. Raises UnfitError."""
        if not isinstance(value, str) or not value or (self.among and value not in self.among):
            raise self.fail()
        return value


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """True or false."""

    def read(self, value: object) -> bool:
        """Return the truth. Raises UnfitError."""
        if not isinstance(value, bool):
            raise self.fail()
        return value


@dataclass(frozen=True, slots=True)
class Texts(Kind):
    """A text, or a list of texts."""

    def read(self, value: object) -> frozenset[str]:
        """Return the texts. Raises UnfitError."""
        texts = value if isinstance(value, list) else [value]
        if not texts or not all(isinstance(text, str) and text for text in texts):
            raise self.fail()
        return frozenset(texts)


_TIME_SCHEMA = [
    {"type": "number"},
    {"type": "string", "pattern": rf"^-?((\d+(\.\d+)?) ?({'|'.join(_UNITS_S)}) ?)+$"},
]


def duration(low: float = 0.0, high: float = math.inf) -> Duration:
    """Return a duration of at least `low` seconds."""
    return Duration("a duration like 90s, 1h30m or 250ms", {"anyOf": _TIME_SCHEMA}, low, high)


def share(most: float = 1.0) -> Share:
    """Return a share of at most `most`."""
    schema = [
        {"type": "number", "exclusiveMinimum": 0, "maximum": most},
        {"type": "string", "pattern": r"^\d+(\.\d+)? ?%$"},
    ]
    return Share(f"a share above 0 % and up to {most:.0%}, like 20 % or 0.2", {"anyOf": schema}, most)


def number(low: float, high: float, *, whole: bool = False) -> Number:
    """Return a number between two bounds."""
    kind = "whole number" if whole else "number"
    schema = {"type": "integer" if whole else "number", "minimum": low, "maximum": high}
    return Number(f"a {kind} from {low:g} to {high:g}", schema, low, high, whole)


def text(*among: str) -> Text:
    """Return a text; one of `among`, if there are some."""
    schema: dict[str, Any] = {"type": "string", "minLength": 1}
    if among:
        schema["enum"] = list(among)
    return Text(f"one of {', '.join(among)}" if among else "a text", schema, among)


FLAG = Flag("true or false", {"type": "boolean"})
_ONE = {"type": "string", "minLength": 1}
TEXTS = Texts("an id, or a list of ids", {"anyOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1}]})


def format_duration(seconds: float) -> str:
    """Return a duration in its largest unit, as scenarios write it: `1.5 h`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"
