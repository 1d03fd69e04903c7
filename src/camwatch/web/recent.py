"""The values of the last hours, in memory only: what cameras said of themselves, sampled by the minute."""

from __future__ import annotations

from pydantic import Field

from camwatch.web.house import Live
from camwatch.web.views.base import Moment, View


class Series(View):
    """What a camera said, moment by moment; null where it said nothing, or was not up."""

    step_s: float = Field(description="Between two samples, seconds.")
    times: list[Moment]
    fps: list[float | None]
    bitrate_bps: list[float | None]
    temperature_celsius: list[float | None]
    storage_used_ratio: list[float | None]
    clock_offset_s: list[float | None]


class Recent:
    """Samples of every camera."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def series(self, camera: str, operator: str, hours: float) -> Series:
        """Return the samples of a camera of the last hours; the caller has checked who may see it."""
        raise NotImplementedError

    async def run(self) -> None:
        """Take samples; runs until cancelled."""
