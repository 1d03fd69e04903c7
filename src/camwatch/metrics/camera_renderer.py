"""The per-camera families, rendered fast: prepared labels, one join per slice of cameras (ADR 0003).

Counters are read from a camera's last stored checkpoint, so that they never decrease, not even by a crash
(ADR 0008). A fleet of 10,000 cameras has a quarter of a million samples, so the renderer yields to the event
loop after every slice; each slice is read when it is rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from operator import attrgetter
from typing import Any, TypeAlias

from camwatch.core.camera_view import CameraView, is_suspect
from camwatch.core.conditions import REASON_LINGER_S, REASON_NAMES
from camwatch.core.model import Instant, Status
from camwatch.metrics.families import Family, escaped
from camwatch.rejections import RejectionCount

SLICE = 250
"""Cameras per slice: about a millisecond."""

FIRMWARE_KEPT_S = 3600.0
"""How long the label of a firmware stays at least, seconds."""

_STATUSES = tuple(Status)
_LABELS = ("camera", "operator", "site")


class CameraLabels:
    """One camera and its labels as text, prepared once per inventory."""

    __slots__ = ("camera", "firmware", "firmware_at", "info", "labels")

    def __init__(self, camera: CameraView, before: CameraLabels | None = None) -> None:
        self.camera = camera
        self.labels = labels_of(camera)
        self.firmware: str | None = None
        self.firmware_at = float("-inf")
        if before is not None:
            self.firmware, self.firmware_at = before.firmware, before.firmware_at
        self._label()

    def follow_firmware(self, now: float) -> None:
        """Set the label to the reported firmware, at most once an hour.

        The camera chooses the text, and each one is a new series for Prometheus.
        """
        if now - self.firmware_at >= FIRMWARE_KEPT_S:
            self.firmware, self.firmware_at = self.camera.firmware, now
            self._label()

    def _label(self) -> None:
        row = self.camera.camera
        self.info = (
            f'camwatch_camera_info{{{self.labels},zone="{escaped(row.zone)}",purpose="{row.purpose}",'
            f'name="{escaped(row.name)}",model="{escaped(row.model)}",'
            f'firmware="{escaped(self.firmware or "")}"}} 1\n'
        )


def labels_of(camera: CameraView) -> str:
    """Return the labels that all series of a camera have."""
    row = camera.camera
    return f'camera="{row.id}",operator="{row.operator}",site="{row.site}"'


Renderer: TypeAlias = Callable[[Instant, list[CameraLabels]], str]
"""Returns the lines of a slice of cameras, without the header."""


def _info(now: Instant, rows: list[CameraLabels]) -> str:
    for row in rows:
        if row.camera.firmware != row.firmware:
            row.follow_firmware(now.mono)
    return "".join([row.info for row in rows])


def _status_lines() -> dict[Status, tuple[str, ...]]:
    """Return, for each status, the texts around the six occurrences of a camera's labels."""
    start = "camwatch_camera_status{"
    result = {}
    for holding in _STATUSES:
        ends = [f',status="{status}"}} {int(status is holding)}\n' for status in _STATUSES]
        result[holding] = (start, *(end + start for end in ends[:-1]), ends[-1])
    return result


_STATUS_LINES = _status_lines()


def _status(now: Instant, rows: list[CameraLabels]) -> str:
    return "".join([row.labels.join(_STATUS_LINES[row.camera.status_at(now)]) for row in rows])


def _up(now: Instant, rows: list[CameraLabels]) -> str:
    values = {Status.UP: "1\n", Status.DOWN: "0\n"}
    return "".join(
        [
            f"camwatch_camera_up{{{row.labels}}} {values[status]}"
            for row in rows
            if (status := row.camera.status_at(now)) in values
        ]
    )


def _suspect(now: Instant, rows: list[CameraLabels]) -> str:
    mono = now.mono
    return "".join(
        [
            f"camwatch_camera_suspect{{{row.labels}}} "
            f"{int(row.camera.status_at(now) is Status.UP and is_suspect(row.camera, mono))}\n"
            for row in rows
        ]
    )


def _flapping(now: Instant, rows: list[CameraLabels]) -> str:
    mono = now.mono
    return "".join(
        [
            f"camwatch_camera_flapping{{{row.labels}}} "
            f"{int(row.camera.flapping is not None and row.camera.flapping.is_active(mono))}\n"
            for row in rows
        ]
    )


def _degraded(now: Instant, rows: list[CameraLabels]) -> str:
    lines = []
    for row in rows:
        camera = row.camera
        if not camera.reasons and not camera.reasons_ended:
            continue
        up = camera.status_at(now) is Status.UP
        # A camera that is not up has no condition; its last one ended one interval after its last proof.
        recent = up or now.mono - camera.proof - camera.interval_s <= REASON_LINGER_S
        for reason, name in REASON_NAMES.items():
            holds = bool(camera.reasons & reason)
            ended = camera.reasons_ended.get(reason)
            if (holds and recent) or (ended is not None and now.mono - ended <= REASON_LINGER_S):
                lines.append(
                    f'camwatch_camera_degraded{{{row.labels},reason="{name}"}} {int(holds and up)}\n'
                )
    return "".join(lines)


def _status_seconds(_now: Instant, rows: list[CameraLabels]) -> str:
    lines = []
    for row in rows:
        time = row.camera.persisted
        start = f'camwatch_camera_status_seconds_total{{{row.labels},status="'
        lines.append(
            f'{start}up"}} {time.up / 1000}\n'
            f'{start}down"}} {time.down / 1000}\n'
            f'{start}unknown"}} {time.unknown / 1000}\n'
            f'{start}maintenance"}} {time.maintenance / 1000}\n'
        )
    return "".join(lines)


def _commission_by(camera: CameraView) -> float | None:
    by_ms = camera.camera.commission_by_ms
    planned = by_ms is not None and camera.underlying_status is Status.PLANNED
    return by_ms / 1000 if planned and by_ms is not None else None


def _bitrate_bytes(camera: CameraView) -> float | None:
    return None if camera.bitrate_bps is None else camera.bitrate_bps / 8


def _clock_offset(camera: CameraView) -> str | None:
    return f"{camera.clock_offset:.3f}" if isfinite(camera.clock_offset) else None  # infinite: none yet


def _gauge(name: str, render: Renderer, text: str, *labels: str) -> Family[Renderer]:
    return Family(f"camwatch_camera_{name}", "gauge", text, (*_LABELS, *labels), render)


def _counter(name: str, render: Renderer, text: str, *labels: str) -> Family[Renderer]:
    return Family(f"camwatch_camera_{name}", "counter", text, (*_LABELS, *labels), render)


def _each(name: str, value: Callable[[CameraView], Any]) -> tuple[str, Renderer]:
    """Return a name and a renderer with one sample per camera, none where the value is None."""
    start = f"camwatch_camera_{name}{{"

    def render(_now: Instant, rows: list[CameraLabels]) -> str:
        return "".join(
            [f"{start}{row.labels}}} {found}\n" for row in rows if (found := value(row.camera)) is not None]
        )

    return name, render


def _seconds(name: str, value_ms: Callable[[CameraView], int | None]) -> tuple[str, Renderer]:
    """Do the same as `_each` with milliseconds, given as seconds."""
    start = f"camwatch_camera_{name}{{"

    def render(_now: Instant, rows: list[CameraLabels]) -> str:
        return "".join(
            [
                f"{start}{row.labels}}} {found / 1000}\n"
                for row in rows
                if (found := value_ms(row.camera)) is not None
            ]
        )

    return name, render


# fmt: off
CAMERA_FAMILIES: tuple[Family[Renderer], ...] = (
    _gauge("info", _info,
           "Inventory data and firmware of the camera; always 1.",
           "zone", "purpose", "name", "model", "firmware"),
    _gauge("status", _status, "1 for the present status of the camera, 0 for the others.", "status"),
    _gauge("up", _up, "1 if the camera is up, 0 if down; absent in every other status."),
    _gauge("suspect", _suspect,
           "1 while a camera that is up is late with its heartbeat, or its broker hinted that it left."),
    _gauge("flapping", _flapping, "1 while a camera changes between up and down too often."),
    _gauge("degraded", _degraded,
           "1 while a camera that is up has this fault; 0 for an hour after. Absent otherwise.", "reason"),
    _gauge(*_seconds("last_heartbeat_timestamp_seconds", attrgetter("proof_ms")),
           "When the last proof of life arrived, Unix time."),
    _gauge(*_seconds("status_since_timestamp_seconds", attrgetter("since.utc_ms")),
           "When the camera's present status became true (not when it was detected), Unix time."),
    _gauge(*_each("commission_by_timestamp_seconds", _commission_by),
           "When a planned camera should send its first heartbeat, Unix time; absent once it has."),
    _counter(*_each("heartbeats_total", attrgetter("persisted.heartbeats")), "Heartbeats that proved life."),
    _counter(*_each("outages_total", attrgetter("persisted.outages")),
             "Outages begun; one that continues through a monitoring gap counts once."),
    _counter(*_each("reboots_total", attrgetter("persisted.reboots")),
             "Times that the camera's uptime counter fell."),
    _counter("status_seconds_total", _status_seconds,
             "In-service time in each status, up to the instant that is already certain.", "status"),
    _counter(*_seconds("degraded_seconds_total", attrgetter("persisted.degraded")),
             "Time up, but degraded for at least one reason; part of the time up."),
    _gauge(*_each("frames_per_second", attrgetter("fps")), "Frames per second, as last reported."),
    _gauge(*_each("bitrate_bytes_per_second", _bitrate_bytes),
           "Bit rate of the video stream in bytes per second, as last reported."),
    _gauge(*_each("temperature_celsius", attrgetter("temperature_celsius")),
           "Temperature in the housing, as last reported."),
    _gauge(*_each("storage_used_ratio", attrgetter("storage_used_ratio")),
           "Share of the storage in use, 0 to 1, as last reported."),
    _gauge(*_each("clock_offset_seconds", _clock_offset),
           "How far the camera's clock is behind ours: smallest of the last 32 heartbeats."),
)
# fmt: on
CAMERA_REJECTED = Family(
    "camwatch_camera_messages_rejected_total",
    "counter",
    "Messages of the camera that had no effect, by reason; absent where none.",
    (*_LABELS, "reason"),
    None,
)


def render_cameras(
    rows: list[CameraLabels], clock: Callable[[], Instant], *, openmetrics: bool
) -> Iterator[str]:
    """Yield the text of all per-camera families, a slice of cameras at a time."""
    for family in CAMERA_FAMILIES:
        yield family.header(openmetrics=openmetrics)
        for start in range(0, len(rows), SLICE):
            yield family.values(clock(), rows[start : start + SLICE])


def render_rejections(
    refused: Mapping[str, Mapping[str, RejectionCount]],
    cameras: Mapping[str, CameraView],
    *,
    openmetrics: bool,
) -> Iterator[str]:
    """Yield the text of `CAMERA_REJECTED`, a slice of cameras at a time."""
    yield CAMERA_REJECTED.header(openmetrics=openmetrics)
    found = [
        (labels_of(cameras[camera]), reasons) for camera, reasons in refused.items() if camera in cameras
    ]
    for start in range(0, len(found), SLICE):
        yield "".join(
            [
                f'{CAMERA_REJECTED.name}{{{labels},reason="{reason}"}} {refusals.stored}\n'
                for labels, reasons in found[start : start + SLICE]
                for reason, refusals in reasons.items()
                if refusals.stored
            ]
        )
