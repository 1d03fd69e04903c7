"""The reasons for which a camera that is up is degraded, after a heartbeat (rule C3)."""

from __future__ import annotations

from camwatch.core.conditions import Reason
from camwatch.core.state import CameraState
from camwatch.core.telemetry import Telemetry


def evaluate_reasons(camera: CameraState, telemetry: Telemetry) -> Reason:
    """Return the reasons that hold after a heartbeat; fields that it does not have change nothing."""
    limits = camera.thresholds
    verdicts = (
        (Reason.VIDEO_LOSS, telemetry.video_loss),
        (Reason.FROZEN, telemetry.frozen),
        (Reason.TAMPER, telemetry.tamper),
        (Reason.NOT_RECORDING, None if telemetry.recording is None else not telemetry.recording),
        (Reason.FPS_LOW, None if telemetry.fps is None else telemetry.fps < limits.fps_min),
        (
            Reason.STORAGE,
            None
            if telemetry.storage_used_ratio is None
            else telemetry.storage_used_ratio > limits.storage_used_max_ratio,
        ),
        (
            Reason.TEMPERATURE,
            None
            if telemetry.temperature_celsius is None
            else not limits.temperature_min_celsius
            <= telemetry.temperature_celsius
            <= limits.temperature_max_celsius,
        ),
        (
            Reason.CLOCK,
            None
            if telemetry.ts is None
            else abs(camera.clock_offset) > limits.clock_offset_max_s or camera.proof < camera.doubted_until,
        ),
    )
    reasons = Reason(camera.reasons)
    for reason, holds in verdicts:
        if holds is not None:
            reasons = reasons | reason if holds else reasons & ~reason
    return reasons
