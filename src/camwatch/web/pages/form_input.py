"""Parses queries and forms; invalid values count as missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData, QueryParams

from camwatch.dates import parse_instant, utc_ms
from camwatch.i18n import Language
from camwatch.web.views.base import Page, page

T = TypeVar("T")
R = TypeVar("R")
_MAX_LENGTH = 500
_MAX_DIGITS = 9


def offset_of(query: QueryParams) -> int:
    """Return the offset of the first item of a list."""
    text = query.get("offset", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS else 0


def page_of(
    query: QueryParams, items: Sequence[T], limit: int, rows: Callable[[Sequence[T]], list[R]]
) -> Page[R]:
    """Return the page of a list that a query asks for, else the first one; `rows` converts its items."""
    offset = offset_of(query)
    if offset >= len(items):
        offset = 0
    return page(rows(items[offset : offset + limit]), len(items), offset, limit)


def field(form: FormData, name: str) -> str:
    """Return the text of a form field."""
    value = form.get(name)
    return value.strip()[:_MAX_LENGTH] if isinstance(value, str) else ""


def reason_of(w: Language, form: FormData) -> str:
    """Return the reason that a form gives. Raises ValueError, with a message for the user, without one."""
    if reason := field(form, "reason"):
        return reason
    raise ValueError(w.gettext("Enter a reason: it is kept with the entry."))


def local_ms(text: str, zone: ZoneInfo) -> int | None:
    """Return a local time such as `2026-11-25T18:00` as UTC milliseconds; None if it is invalid.

    An ambiguous time is the first of the two.
    """
    try:
        return utc_ms(parse_instant(text, zone))
    except ValueError:
        return None
