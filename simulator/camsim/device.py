"""A camera's heartbeats as a pure function of seed and time. No clock, no socket.

Every figure is drawn from a hash of the seed, the camera's id and the figure's name, not from a shared random
generator, so the same seed gives the same camera in every fleet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

from camsim.fleet import PlayedCamera
from camsim.seeded_random import uniform
from camwatch.wire.heartbeat import Heartbeat

JITTER = 0.05
"""Of the interval, either way: two heartbeats of a healthy camera are 0.9 to 1.1 intervals apart."""

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
_YEAR_S = 365.25 * _DAY_S
_FRAME_RATES = (12.0, 15.0, 25.0)
_FIRMWARES = ("4.1.7", "4.2.0", "4.2.0", "4.2.3", "4.2.3", "4.2.3", "5.0.1")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Device:
    """One camera's firmware. `interval_s`: seconds between two heartbeats.

    `boot` counts its boots from 0, `seq` the heartbeats since that boot from 0.
    """

    camera: PlayedCamera
    seed: int
    interval_s: float

    def due_s(self, boot: int, seq: int, jitter: float = JITTER) -> float:
        """Return when heartbeat `seq` is due, in seconds after this boot connected first.

        The first comes at a random phase of the interval, so that a fleet spreads evenly.
        """
        phase = self.draw("phase", boot)
        late = jitter * (2 * self.draw("jitter", boot, seq) - 1)
        return max(0.0, phase + seq + late) * self.interval_s

    def next_seq(self, boot: int, after_s: float, jitter: float = JITTER) -> int:
        """Return the `seq` of the first heartbeat that is due later than `after_s`."""
        seq = max(0, math.floor(after_s / self.interval_s) - 2)
        while self.due_s(boot, seq, jitter) <= after_s:
            seq += 1
        return seq

    def pause_s(self, boot: int, occasion: int) -> float:
        """Return the seconds until it connects after power or network return: less than half an interval."""
        return self.draw("pause", boot, occasion) * self.interval_s / 2

    def heartbeat(self, seq: int, uptime_s: float, utc_s: float, **fields: Any) -> Heartbeat:
        """Return the heartbeat at `utc_s` (Unix seconds), `uptime_s` seconds after the boot.

        `fields` replace those of a healthy camera.
        """
        fps = self._pick("fps", _FRAME_RATES) - self._drift("fps", utc_s, _HOUR_S)
        healthy: dict[str, Any] = {
            "ts": round(utc_s, 3),
            "seq": seq,
            "uptime_s": round(uptime_s, 3),
            "fps": round(fps, 1),
            "bitrate_bps": round(fps * self._bits_per_picture(utc_s), -3),
            "recording": True,
            "video_loss": False,
            "frozen": False,
            "tamper": False,
            "storage_used_ratio": round(0.55 + 0.35 * self._drift("storage", utc_s, _DAY_S), 4),
            "temperature_celsius": round(self._temperature(utc_s), 1),
            "firmware": self._pick("firmware", _FIRMWARES),
        }
        return Heartbeat(**(healthy | fields))

    def _bits_per_picture(self, utc_s: float) -> float:
        """Return a picture's size, which is larger by day."""
        busy = 0.7 + 0.3 * self._sun(utc_s)
        return (120e3 + 80e3 * self.draw("optics")) * busy * (0.9 + 0.2 * self._drift("bits", utc_s, 600.0))

    def _temperature(self, utc_s: float) -> float:
        """Return the housing's temperature in a mild climate, highest in July and in the afternoon."""
        season = 14 - 9 * math.cos(math.tau * (utc_s / _YEAR_S % 1 - 0.05))
        own_heat = 8 + 8 * self.draw("housing")
        return season + 6 * self._sun(utc_s - 2 * _HOUR_S) + own_heat + 3 * self._drift("air", utc_s, _HOUR_S)

    def _sun(self, utc_s: float) -> float:
        """Return -1 at the camera's solar midnight, 1 at its noon."""
        return -math.cos(math.tau * (utc_s / _DAY_S + self.camera.longitude / 360))

    def _drift(self, name: str, utc_s: float, period_s: float) -> float:
        """Return a figure from 0 to 1: a line through one draw for each period."""
        step, part = divmod(utc_s / period_s, 1)
        here, there = self.draw(name, int(step)), self.draw(name, int(step) + 1)
        return here + (there - here) * part

    def _pick(self, name: str, choices: tuple[_T, ...]) -> _T:
        return choices[int(self.draw(name) * len(choices))]

    def draw(self, *name: object) -> float:
        """Return a figure in [0, 1) that depends on the seed, the camera and `name` only."""
        return uniform(self.seed, self.camera.id, *name)
