"""Common parts of the views: frozen models, pages, times, cooperative work."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeAlias, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from camwatch.accounting.records import OPEN_ENDED

T = TypeVar("T")


class View(BaseModel):
    """A frozen model."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True)


Moment = Annotated[AwareDatetime, Field(description="RFC 3339, UTC")]
"""An instant."""


class Page(View, Generic[T]):
    """A page of a list; `total` counts all visible items."""

    items: list[T]
    total: int = Field(ge=0, description="How many there are in all.")
    offset: int = Field(ge=0, description="How many come before the first of these.")
    limit: int = Field(ge=1, description="How many were asked for.")
    next: int | None = Field(description="The offset of the next page; null on the last one.")


def page(items: list[T], total: int, offset: int, limit: int) -> Page[T]:
    """Return a page of a list that has `total` items."""
    after = offset + len(items)
    return Page(
        items=items, total=total, offset=offset, limit=limit, next=after if items and after < total else None
    )


CooperativeTask: TypeAlias = Generator[None, None, T]
"""Work on a whole fleet in steps of a few milliseconds, between which the event loop may run."""


def run_sync(steps: CooperativeTask[T]) -> T:
    """Run all steps at once and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: T = done.value
            return found


async def run_cooperatively(steps: CooperativeTask[T]) -> T:
    """Yield to the event loop after each step, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: T = done.value
            await asyncio.sleep(0)
            return found
        await asyncio.sleep(0)


def to_datetime(utc_ms: int) -> datetime:
    """Convert UTC milliseconds."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC)


def to_datetime_or_none(utc_ms: int | None) -> datetime | None:
    """Convert UTC milliseconds; None for None and for an open end."""
    return None if utc_ms is None or utc_ms >= OPEN_ENDED else to_datetime(utc_ms)
