"""The days of an operator's cameras, cached for a minute: reading hundreds of them is slow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeAlias

from camwatch.core.status_time import StatusTime, sum_status_times
from camwatch.web.auth.principal import Principal
from camwatch.web.context import AppContext
from camwatch.web.pages.uptime_bars import DAYS
from camwatch.web.views import service_levels
from camwatch.web.views.base import to_datetime

DAY_MS: Final = 86_400_000
_TTL_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class CameraDays:
    """A camera's days, oldest first, and their sum."""

    accounts: tuple[StatusTime, ...]
    sum: StatusTime
    outages: int


Days: TypeAlias = Mapping[str, CameraDays]
"""By camera; only those that were in service."""


def read_days(parts: AppContext, operator: str, now_ms: int, camera: str | None = None) -> tuple[date, Days]:
    """Return the first of the `DAYS` days until today, and an operator's days, or a camera's. Blocking."""
    record = parts.history.read([operator], now_ms - (DAYS + 1) * DAY_MS, now_ms, camera=camera)
    today = to_datetime(now_ms).astimezone(parts.live.timezone).date()
    first = today - timedelta(days=DAYS - 1)
    found = {}
    for name, days in service_levels.days_by_camera(record, parts.live.timezone, first, today).items():
        account = sum_status_times(day.account for day in days)
        if account.in_service:
            outages = sum(day.outages for day in days)
            found[name] = CameraDays(tuple(day.account for day in days), account, outages)
    return first, found


class OperatorDays:
    """Caches the days of operators; each camera is in the days of one operator."""

    def __init__(self, parts: AppContext) -> None:
        self._parts = parts
        self._cached: dict[str, tuple[int, date, Days]] = {}

    async def of(self, viewer: Principal, operator: str) -> tuple[date, Days]:
        """Return the first day, and the days of an operator's cameras; the caller checks access."""
        now_ms = self._parts.live.now.utc_ms
        self._cached = {name: each for name, each in self._cached.items() if now_ms - each[0] < _TTL_MS}
        if operator in self._cached:
            return self._cached[operator][1:]
        first, days = await self._parts.threads.run(viewer, lambda: read_days(self._parts, operator, now_ms))
        self._cached[operator] = (now_ms, first, days)
        return first, days
