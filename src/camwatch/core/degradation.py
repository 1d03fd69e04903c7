"""The reasons for which a camera that is up is degraded, after a heartbeat (rule C3)."""

from __future__ import annotations

from camwatch.core.conditions import Reason
from camwatch.core.state import CameraState
from camwatch.core.telemetry import Telemetry


def evaluate_reasons(camera: CameraState, telemetry: Telemetry) -> Reason:
    """Return the reasons that hold after a heartbeat; fields that it does not have change nothing."""
    limits = camera.thresholds
    verdicts = {
        Reason.VIDEO_LOSS: telemetry.video_loss,
        Reason.FROZEN: telemetry.frozen,
        Reason.TAMPER: telemetry.tamper,
    }
    if telemetry.recording is not None:
        verdicts[Reason.NOT_RECORDING] = not telemetry.recording
    if telemetry.fps is not None:
        verdicts[Reason.FPS_LOW] = telemetry.fps < limits.fps_min
    if (used := telemetry.storage_used_ratio) is not None:
        verdicts[Reason.STORAGE] = used > limits.storage_used_max_ratio
    if (celsius := telemetry.temperature_celsius) is not None:
        low, high = limits.temperature_min_celsius, limits.temperature_max_celsius
        verdicts[Reason.TEMPERATURE] = not low <= celsius <= high
    if telemetry.ts is not None:
        off = abs(camera.clock_offset) > limits.clock_offset_max_s
        verdicts[Reason.CLOCK] = off or camera.proof < camera.doubted_until
    reasons = Reason(camera.reasons)
    for reason, holds in verdicts.items():
        if holds is not None:
            reasons = reasons | reason if holds else reasons & ~reason
    return reasons
