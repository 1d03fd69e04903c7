"""What a request brings with it, read without trust: what makes no sense counts as not given."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from starlette.datastructures import FormData, QueryParams

from camwatch.dates import parse_instant, utc_ms

_LONGEST = 500
_DIGITS_MOST = 9


def offset_of(query: QueryParams) -> int:
    """Return which item of a list comes first."""
    text = query.get("offset", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS_MOST else 0


def field(form: FormData, name: str) -> str:
    """Return what was typed in a field."""
    value = form.get(name)
    return value.strip()[:_LONGEST] if isinstance(value, str) else ""


def local_ms(text: str, zone: ZoneInfo) -> int | None:
    """Return a local time such as `2026-11-25T18:00` as UTC milliseconds; None if it is not one."""
    try:
        return utc_ms(parse_instant(text, zone))
    except ValueError:
        return None
