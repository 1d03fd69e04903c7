"""Text form of durations and flat dataclasses, one line each.

A printed fault can be pasted back: `parse` reads what `format_value` writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Any, TypeAlias, TypeVar

Ms: TypeAlias = int
"""Milliseconds: a duration, or an instant counted from the beginning of a script."""

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
_UNITS = (("d", DAY), ("h", HOUR), ("m", MINUTE))
_DURATION = re.compile(r"(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)(?:\.(\d{1,3}))?s)?")

_T = TypeVar("_T")


def format_ms(value: Ms) -> str:
    """Return milliseconds as text: `3d4h5m6.125s`, `-1h`, `0s`."""
    left, text = abs(value), "-" if value < 0 else ""
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    seconds, ms = divmod(left, SECOND)
    fraction = f".{ms:03}".rstrip("0") if ms else ""
    return text + f"{seconds}{fraction}s" if left or not value else text


def parse_ms(text: str) -> Ms:
    """Read what `format_ms` writes. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if found is None or not text.strip("-"):
        raise ValueError(f"{text!r} is not a duration: write it like 3d4h5m6.125s")
    sign, days, hours, minutes, seconds, fraction = found.groups()
    value = int(days or 0) * DAY + int(hours or 0) * HOUR + int(minutes or 0) * MINUTE
    value += int(seconds or 0) * SECOND + int((fraction or "0").ljust(3, "0"))
    return -value if sign else value


def format_value(value: Any) -> str:
    """Return a dataclass as one line: its name, then `field=value` for each."""
    fields_read = [name_of(value)]
    fields_read += [format_field(field, getattr(value, field.name)) for field in fields(value)]
    return " ".join(fields_read)


def format_field(field: Field[Any], value: object) -> str:
    """Return one field of a dataclass and its value as text."""
    return f"{field.name}={format_ms(value) if field.type == 'Ms' and isinstance(value, int) else value}"


def parse(text: str, kinds: Mapping[str, type[_T]]) -> _T:
    """Read what `format_value` writes, of one of these kinds. Raises ValueError."""
    name, *fields_read = text.split()
    if name not in kinds:
        raise ValueError(f"{name!r} is not a known fault: use one of {', '.join(sorted(kinds))}")
    kind = kinds[name]
    values = dict(word.split("=", 1) for word in fields_read)
    read: dict[str, Callable[[str], Any]] = {
        "Ms": parse_ms,
        "int": int,
        "bool": lambda word: word == "True",
        "str": str,
    }
    types = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type] # dataclasses
    if values.keys() != types.keys():
        raise ValueError(f"{name} has the fields {', '.join(types)}")
    return kind(**{field: read[types[field]](word) for field, word in values.items()})


def by_name(*kinds: type[_T]) -> dict[str, type[_T]]:
    """Return kinds by the names under which they are written."""
    return {_name(kind): kind for kind in kinds}


def name_of(value: object) -> str:
    """Return the name under which a value is written."""
    return _name(type(value))


def _name(kind: type[object]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()
