"""Common request parameters: principal, context, pages, intervals; unknown parameters are errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple, TypeAlias, TypeVar

from fastapi import Depends, Path, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BeforeValidator, WithJsonSchema

from camwatch.dates import parse_instant
from camwatch.monitoring.service import MonitorService
from camwatch.web.auth.middleware import editor, viewer
from camwatch.web.auth.principal import Principal
from camwatch.web.context import AppContext
from camwatch.web.problems import ProblemError
from camwatch.web.views.base import Page, to_datetime
from camwatch.web.views.base import page as page_of

MAX_LIMIT = 500
"""The longest page."""
DEFAULT_LIMIT = 100
_USUAL_DAYS = 30

Number = Annotated[int, Path(ge=1, le=2**53, description="As the record numbers it.")]
_T = TypeVar("_T")


def _instant(value: object) -> datetime:
    return parse_instant(value if isinstance(value, str) else "", None)


Time: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-10-01T00:00:00Z"]}),
]
"""A time parameter: RFC 3339, with an offset."""

# All dependencies are coroutines, or FastAPI would send every request through a thread for each of them.


async def _seer(request: Request) -> Principal:
    return viewer(request)


async def _editor(request: Request) -> Principal:
    return editor(request)


CurrentUser: TypeAlias = Annotated[Principal, Depends(_seer)]
"""The principal."""
CurrentEditor: TypeAlias = Annotated[Principal, Depends(_editor)]
"""The principal, an editor. 403 otherwise."""


async def _parts(request: Request) -> AppContext:
    found: AppContext = request.app.state.parts
    return found


Context: TypeAlias = Annotated[AppContext, Depends(_parts)]
"""The parts of the application."""


class _Paging(NamedTuple):
    limit: int
    offset: int

    @property
    def slice(self) -> slice:
        """The slice of the list."""
        return slice(self.offset, self.offset + self.limit)

    def of(self, items: Sequence[_T]) -> Page[_T]:
        """Return the page of a complete list."""
        return self.page(list(items[self.slice]), len(items))

    def page(self, items: list[_T], total: int) -> Page[_T]:
        """Return the page with these items."""
        return page_of(items, total, self.offset, self.limit)


async def _paging(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many at most.")] = DEFAULT_LIMIT,
    offset: Annotated[
        int, Query(ge=0, le=10_000_000, description="How many to leave out; `next` of the page before.")
    ] = 0,
) -> _Paging:
    return _Paging(limit, offset)


Paging: TypeAlias = Annotated[_Paging, Depends(_paging)]
"""The requested page of a list."""


class _Interval(NamedTuple):
    from_ms: int
    to_ms: int


def milliseconds(at: datetime) -> int:
    """Convert to UTC milliseconds."""
    return round(at.timestamp() * 1000)


def interval(
    live: MonitorService, start: datetime | None, end: datetime | None, usual: timedelta
) -> _Interval:
    """Return [start, end) in UTC milliseconds. Default end: now; default start: `usual` before the end.

    Raises ProblemError (422) if it is empty.
    """
    until = to_datetime(live.now.utc_ms) if end is None else end
    since = until - usual if start is None else start
    if since >= until:
        raise ProblemError(422, "from: is not before to")
    return _Interval(milliseconds(since), milliseconds(until))


async def _usual_interval(
    ctx: Context,
    start: Annotated[
        Time | None, Query(alias="from", description="Where it starts; without, 30 days before `to`.")
    ] = None,
    end: Annotated[
        Time | None, Query(alias="to", description="Where it ends, itself not inside; without, now.")
    ] = None,
) -> _Interval:
    return interval(ctx.live, start, end, timedelta(days=_USUAL_DAYS))


Interval: TypeAlias = Annotated[_Interval, Depends(_usual_interval)]
"""The requested interval."""


async def reject_unknown_parameters(request: Request) -> None:
    """Raise ProblemError (422) for an unknown parameter: a typo in a filter must not widen the result."""
    route = request.scope.get("route")
    if isinstance(route, APIRoute):
        names = _names(route)
        for name in request.query_params:
            if name not in names:
                known = ", ".join(sorted(names)) or "none"
                raise ProblemError(422, f"{name}: unknown parameter: use {known}")


_read: dict[object, frozenset[str]] = {}  # parameter names by endpoint


def _names(route: APIRoute) -> frozenset[str]:
    names = _read.get(route.endpoint)
    if names is None:
        names = _read[route.endpoint] = frozenset(_read_by(route.dependant))
    return names


def _read_by(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        yield field.alias
    for part in dependant.dependencies:
        yield from _read_by(part)
