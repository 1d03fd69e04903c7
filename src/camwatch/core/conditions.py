"""Remarks on a camera that is up: flapping and degraded (rules C2, C3). Suspect is in `liveness`.

Conditions are derived when somebody looks, from few stored facts: the times of the last changes, and a
bit for every reason that holds.
"""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camwatch.core.state import CameraState
    from camwatch.core.telemetry import Telemetry

FLAPPING_WINDOW_S = 30 * 60.0
FLAPPING_STARTS = 6
FLAPPING_ENDS = 2
REASON_LINGER_S = 3600.0
"""For how long a reason that held is still shown, as not holding."""


class Reason(IntFlag):
    """Why a camera that is up is of no use, or soon will be; names in lower case are public."""

    VIDEO_LOSS = 1
    FROZEN = 2
    FPS_LOW = 4
    NOT_RECORDING = 8
    TAMPER = 16
    STORAGE = 32
    TEMPERATURE = 64
    CLOCK = 128


REASON_NAMES: dict[Reason, str] = {reason: str(reason.name).lower() for reason in Reason}


class Flapping:
    """Six or more changes between up and down in 30 minutes; over at two or fewer (rule C2)."""

    __slots__ = ("_changes", "_on")

    def __init__(self, changes: tuple[float, ...] = ()) -> None:
        self._changes: tuple[float, ...] = ()  # the last six; a fleet that dies at once makes thousands
        self._on = False
        for at in changes:
            self.record_change(at)

    @property
    def changes(self) -> tuple[float, ...]:
        """The last six changes, monotonic; what a new process begins with, to hold what held (rule C2)."""
        return self._changes

    def record_change(self, at: float) -> None:
        """Note a change between up and down at a monotonic instant."""
        self._on = self.is_active(at)
        self._changes = (*self._changes[1 - FLAPPING_STARTS :], at)
        if len(self._changes) == FLAPPING_STARTS and at - self._changes[0] <= FLAPPING_WINDOW_S:
            self._on = True

    def is_active(self, now: float) -> bool:
        """Tell whether the camera flaps: too many changes, and more than two still recent."""
        return self._on and now - self._changes[-FLAPPING_ENDS - 1] <= FLAPPING_WINDOW_S


def evaluate_reasons(camera: CameraState, said: Telemetry) -> Reason:
    """Return the reasons that hold after a heartbeat; what it does not tell stays as it was."""
    limits = camera.thresholds
    verdicts = (
        (Reason.VIDEO_LOSS, said.video_loss),
        (Reason.FROZEN, said.frozen),
        (Reason.TAMPER, said.tamper),
        (Reason.NOT_RECORDING, None if said.recording is None else not said.recording),
        (Reason.FPS_LOW, None if said.fps is None else said.fps < limits.fps_min),
        (
            Reason.STORAGE,
            None
            if said.storage_used_ratio is None
            else said.storage_used_ratio > limits.storage_used_max_ratio,
        ),
        (
            Reason.TEMPERATURE,
            None
            if said.temperature_celsius is None
            else not limits.temperature_min_celsius
            <= said.temperature_celsius
            <= limits.temperature_max_celsius,
        ),
        (
            Reason.CLOCK,
            None
            if said.ts is None
            else abs(camera.clock_offset) > limits.clock_offset_max_s or camera.proof < camera.doubted_until,
        ),
    )
    reasons = Reason(camera.reasons)
    for reason, holds in verdicts:
        if holds is not None:
            reasons = reasons | reason if holds else reasons & ~reason
    return reasons
