"""The values of the last hours, in memory only: what cameras said of themselves, sampled by the minute.

Each camera has one array of 32-bit floats, five values a sample. All arrays together stay below
`BUDGET_BYTES`: 458 cameras have the last 14 hours by the minute, 10,000 the last six by nine minutes.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite, nan
from typing import NamedTuple

from pydantic import Field

from camwatch.core.model import Status
from camwatch.core.state import CameraState
from camwatch.web.house import Live
from camwatch.web.views.base import Moment, View, moment

BUDGET_BYTES = 8_000_000
"""What all samples together may take."""
HOURS = 24
"""No sample is older."""
_HOURS_LEAST = 6  # so long at least, with coarser steps if need be
_MINUTE_S = 60
_VALUES = 5
_SLICE = 250  # cameras sampled before others get their turn: less than a millisecond


class Series(View):
    """What a camera said, moment by moment; null where it said nothing, or was not up."""

    step_s: float = Field(description="Between two samples, seconds.")
    times: list[Moment]
    fps: list[float | None]
    bitrate_bps: list[float | None]
    temperature_celsius: list[float | None]
    storage_used_ratio: list[float | None]
    clock_offset_s: list[float | None]


class Plan(NamedTuple):
    """How many samples of each camera are kept, and how many minutes lie between two."""

    slots: int
    step_min: int


def plan(cameras: int) -> Plan:
    """Return how a fleet of that size is sampled."""
    slots = max(1, min(HOURS * 60, BUDGET_BYTES // (4 * _VALUES * max(cameras, 1))))
    return Plan(slots, max(1, -(-_HOURS_LEAST * 60 // slots)))


@dataclass(slots=True)
class _Ring:
    """The samples of all cameras, with the times that they have in common."""

    slots: int
    step_min: int
    times: array[int] = field(default_factory=lambda: array("q"))  # UTC milliseconds; 0: no sample
    cameras: dict[tuple[str, str], array[float]] = field(default_factory=dict)  # by id and operator
    at: int = 0  # the slot of the next sample

    def __post_init__(self) -> None:
        self.times = array("q", bytes(8 * self.slots))

    def empty(self) -> array[float]:
        """Return the samples of a camera that has said nothing yet."""
        return array("f", [nan]) * (_VALUES * self.slots)


class Recent:
    """Samples of every camera."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._ring = _Ring(*plan(len(live.watch.cameras)))

    @property
    def step_s(self) -> int:
        """Seconds between two samples."""
        return self._ring.step_min * _MINUTE_S

    def series(self, camera: str, operator: str, hours: float) -> Series:
        """Return the samples of a camera of the last hours; the caller has checked who may see it."""
        ring = self._ring
        since = self._live.now.utc_ms - hours * 3_600_000
        slots = [(ring.at + number) % ring.slots for number in range(ring.slots)]
        kept = [slot for slot in slots if ring.times[slot] and ring.times[slot] >= since]
        samples = ring.cameras.get((camera, operator))
        fps, bitrate, temperature, storage, offset = (
            [None if samples is None else _told(samples[slot * _VALUES + place]) for slot in kept]
            for place in range(_VALUES)
        )
        return Series(
            step_s=self.step_s,
            times=[moment(ring.times[slot]) for slot in kept],
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
        """Take one sample of every camera, a little at a time."""
        states = self._live.watch.cameras
        planned = plan(len(states))
        if planned.slots < 0.9 * self._ring.slots or planned.slots > 2 * self._ring.slots:
            self._ring = _Ring(*planned)  # a fleet of quite another size: begin anew
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

    def _take(self, ring: _Ring, slot: int, some: Iterable[CameraState]) -> None:
        now = self._live.now
        for state in some:
            key = (state.camera.id, state.camera.operator)
            samples = ring.cameras.get(key)
            if samples is None:
                samples = ring.cameras[key] = ring.empty()
            start = slot * _VALUES
            if state.status_at(now) is Status.UP:
                said = (state.fps, state.bitrate_bps, state.temperature_celsius, state.storage_used_ratio)
                for place, value in enumerate((*said, state.clock_offset), start):
                    samples[place] = nan if value is None else value
            else:
                samples[start : start + _VALUES] = _NOTHING


_NOTHING = array("f", [nan] * _VALUES)


def _told(value: float) -> float | None:
    return value if isfinite(value) else None
