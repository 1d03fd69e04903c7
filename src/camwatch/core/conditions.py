"""Conditions of a camera that is up: flapping, and the reasons for degraded (rules C2, C3)."""

from __future__ import annotations

from enum import IntFlag

FLAPPING_WINDOW_S = 30 * 60.0
FLAPPING_STARTS = 6
FLAPPING_ENDS = 2
REASON_LINGER_S = 3600.0
"""Time for which a reason that no longer holds is still exported, as 0."""


class Reason(IntFlag):
    """Why a camera that is up is degraded; the names in lower case are public."""

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
    """More than five changes between up and down in 30 minutes, until two or fewer remain (rule C2).

    Instants are monotonic seconds. `changes`: those that a checkpoint kept.
    """

    __slots__ = ("_changes", "_on")

    def __init__(self, changes: tuple[float, ...] = ()) -> None:
        self._changes: tuple[float, ...] = ()  # the last six
        self._on = False
        for at in changes:
            self.record_change(at)

    @property
    def changes(self) -> tuple[float, ...]:
        """The last six changes, for the checkpoint."""
        return self._changes

    def record_change(self, at: float) -> None:
        """Note a change between up and down."""
        self._on = self.is_active(at)
        self._changes = (*self._changes[1 - FLAPPING_STARTS :], at)
        if len(self._changes) == FLAPPING_STARTS and at - self._changes[0] <= FLAPPING_WINDOW_S:
            self._on = True

    def is_active(self, now: float) -> bool:
        """Return whether the camera flaps at an instant."""
        return self._on and now - self._changes[-FLAPPING_ENDS - 1] <= FLAPPING_WINDOW_S
