"""Telemetry of the last hours, in memory: the values that cameras report, sampled each minute.

A value takes two bytes (IEEE half precision: three digits, which is more than a plot shows), so a sample of a
camera takes ten. The total stays below `BUDGET_BYTES`: 458 cameras have the last 14 hours by the minute,
10,000 the last six by nine minutes.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite, nan
from struct import Struct
from typing import NamedTuple, TypeAlias

from pydantic import Field

from camwatch.core.camera_view import CameraView
from camwatch.core.model import Status
from camwatch.monitoring.service import MonitorService
from camwatch.web.views.base import Moment, View, to_datetime

BUDGET_BYTES = 4_000_000
"""Memory limit of all samples, bytes."""
HOURS = 24
"""Maximum age of a sample."""
_HOURS_LEAST = 6  # so long at least, with coarser steps if need be
_MINUTE_S = 60
_SAMPLE = Struct("<5e")  # frames a second, kbit/s, degrees, ratio, seconds
_NOTHING = _SAMPLE.pack(*[nan] * 5)
_DIGITS = (1, 0, 1, 3, 3)  # after the point; what half precision adds beyond them is noise
_SCALE = (1, 1000, 1, 1, 1)
_LARGEST = 65_504.0  # in half precision
_SLICE = 250  # cameras sampled before others get their turn: less than a millisecond


class TelemetrySeries(View):
    """Samples of a camera's telemetry; null where it reported nothing or was not up."""

    step_s: float = Field(description="Between two samples, seconds.")
    times: list[Moment]
    fps: list[float | None]
    bitrate_bps: list[float | None]
    temperature_celsius: list[float | None]
    storage_used_ratio: list[float | None]
    clock_offset_s: list[float | None]


class SamplingPlan(NamedTuple):
    """Samples kept of each camera, and the minutes between two."""

    slots: int
    step_min: int


def sampling_plan(cameras: int) -> SamplingPlan:
    """Return the plan for a fleet of this size."""
    slots = max(1, min(HOURS * 60, BUDGET_BYTES // (_SAMPLE.size * max(cameras, 1))))
    return SamplingPlan(slots, max(1, -(-_HOURS_LEAST * 60 // slots)))


@dataclass(slots=True)
class _Ring:
    """The samples of all cameras, with the times that they have in common."""

    slots: int
    step_min: int
    times: array[int] = field(default_factory=lambda: array("q"))  # UTC milliseconds; 0: no sample
    cameras: dict[tuple[str, str], bytearray] = field(default_factory=dict)  # by id and operator
    at: int = 0  # the slot of the next sample

    def __post_init__(self) -> None:
        self.times = array("q", bytes(8 * self.slots))

    def empty(self) -> bytearray:
        """Return an empty series."""
        return bytearray(_NOTHING * self.slots)


class TelemetrySamples:
    """Samples of every camera."""

    def __init__(self, live: MonitorService) -> None:
        self._live = live
        self._ring = _Ring(*sampling_plan(len(live.cameras)))

    @property
    def step_s(self) -> int:
        """Seconds between two samples."""
        return self._ring.step_min * _MINUTE_S

    def series(self, camera: str, operator: str, hours: float) -> TelemetrySeries:
        """Return a camera's samples of the last hours; the caller has authorized it."""
        ring = self._ring
        since = self._live.now.utc_ms - hours * 3_600_000
        slots = [(ring.at + number) % ring.slots for number in range(ring.slots)]
        kept = [slot for slot in slots if ring.times[slot] and ring.times[slot] >= since]
        samples = ring.cameras.get((camera, operator))
        size = _SAMPLE.size
        rows = [
            _NONE if samples is None else _to_output(_SAMPLE.unpack_from(samples, slot * size))
            for slot in kept
        ]
        fps, bitrate, temperature, storage, offset = ([each[place] for each in rows] for place in range(5))
        return TelemetrySeries(
            step_s=self.step_s,
            times=[to_datetime(ring.times[slot]) for slot in kept],
            fps=fps,
            bitrate_bps=bitrate,
            temperature_celsius=temperature,
            storage_used_ratio=storage,
            clock_offset_s=offset,
        )

    async def run(self) -> None:
        """Take samples; runs until cancelled."""
        while True:
            await self.sample()
            await asyncio.sleep(self.step_s)

    async def sample(self) -> None:
        """Take one sample of every camera, cooperatively."""
        states = self._live.cameras
        planned = sampling_plan(len(states))
        if planned.slots < 0.9 * self._ring.slots or planned.slots > 2 * self._ring.slots:
            self._ring = _Ring(*planned)  # the size of the fleet changed much: start over
        ring = self._ring
        slot, now = ring.at, self._live.now
        ring.times[slot] = now.utc_ms
        remaining = iter(list(states.values()))
        while some := list(islice(remaining, _SLICE)):
            self._take(ring, slot, some)
            await asyncio.sleep(0)
        gone = ring.cameras.keys() - {(state.camera.id, state.camera.operator) for state in states.values()}
        for key in gone:
            del ring.cameras[key]
        ring.at = (slot + 1) % ring.slots

    def _take(self, ring: _Ring, slot: int, some: Iterable[CameraView]) -> None:
        now = self._live.now
        for state in some:
            key = (state.camera.id, state.camera.operator)
            samples = ring.cameras.get(key)
            if samples is None:
                samples = ring.cameras[key] = ring.empty()
            place = slot * _SAMPLE.size
            if state.status_at(now) is Status.UP:
                _SAMPLE.pack_into(samples, place, *_kept(state))
            else:
                samples[place : place + _SAMPLE.size] = _NOTHING


_Row: TypeAlias = tuple[float | None, ...]
_NONE: _Row = (None,) * 5


def _kept(state: CameraView) -> tuple[float, ...]:
    """Return a camera's values as they are stored; nan for missing ones."""
    bitrate = state.bitrate_bps
    offset = state.clock_offset
    return (
        nan if state.fps is None else state.fps,
        nan if bitrate is None else min(bitrate / 1000, _LARGEST),
        nan if state.temperature_celsius is None else state.temperature_celsius,
        nan if state.storage_used_ratio is None else state.storage_used_ratio,
        max(-_LARGEST, min(offset, _LARGEST)) if isfinite(offset) else nan,
    )


def _to_output(values: tuple[float, ...]) -> _Row:
    """Return a sample for output: rounded, None for missing values."""
    return tuple(
        round(value * scale, digits) if isfinite(value) else None
        for value, scale, digits in zip(values, _SCALE, _DIGITS, strict=True)
    )
