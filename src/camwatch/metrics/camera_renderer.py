"""The per-camera families, rendered fast: prepared labels, one join per slice of cameras.

Counters are what the store has of a camera: what was exported is not taken back, not even by a crash
(ADR 0008). A fleet of 10,000 cameras has a quarter of a million samples, so the renderer gives way to
the event loop after every slice; a sample is true at the moment when it is written. `prometheus_client`
would take longer by an order of magnitude (ADR 0003); its parser proves that the text is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite

from camwatch.core.camera_view import CameraView, is_suspect
from camwatch.core.checkpoint_model import CameraCheckpoint
from camwatch.core.conditions import REASON_LINGER_S, REASON_NAMES
from camwatch.core.model import Instant, Status
from camwatch.fleet.inventory import Site
from camwatch.metrics import families
from camwatch.metrics.families import Family
from camwatch.rejections import RejectionCount

SLICE = 250
"""Cameras rendered before others get their turn: about a millisecond."""

FIRMWARE_KEPT_S = 3600.0
"""How long the label of a firmware holds at least."""

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_STATUSES = tuple(Status)


def escaped(value: str) -> str:
    """Return a label value with backslash, quote and line feed escaped."""
    return value.translate(_ESCAPES)


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
        """Let the label be what the camera says, an hour after it changed at the earliest.

        The camera chooses the text, and each one is a series of its own for Prometheus.
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
    """Return the labels of each of a camera's series."""
    row = camera.camera
    return f'camera="{row.id}",operator="{row.operator}",site="{row.site}"'


Renderer = Callable[[Instant, list[CameraLabels]], str]


def _info(now: Instant, rows: list[CameraLabels]) -> str:
    for row in rows:
        if row.camera.firmware != row.firmware:
            row.follow_firmware(now.mono)
    return "".join([row.info for row in rows])


def _status_lines() -> dict[Status, tuple[str, ...]]:
    """For each status, the texts between which a camera's labels stand, six times."""
    start = families.CAMERA_STATUS.name + "{"
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
        # A camera that is not up has no condition; the last one lasted as long as its last proof vouched.
        recent = up or now.mono - camera.proof - camera.interval_s <= REASON_LINGER_S
        for reason, name in REASON_NAMES.items():
            holds = bool(camera.reasons & reason)
            ended = camera.reasons_ended.get(reason)
            if (holds and recent) or (ended is not None and now.mono - ended <= REASON_LINGER_S):
                lines.append(
                    f'camwatch_camera_degraded{{{row.labels},reason="{name}"}} {int(holds and up)}\n'
                )
    return "".join(lines)


def _last_heartbeat(_now: Instant, rows: list[CameraLabels]) -> str:
    return "".join(
        [
            f"camwatch_camera_last_heartbeat_timestamp_seconds{{{row.labels}}} {row.camera.proof_ms / 1000}\n"
            for row in rows
            if row.camera.proof_ms is not None
        ]
    )


def _status_since(_now: Instant, rows: list[CameraLabels]) -> str:
    start = families.CAMERA_STATUS_SINCE.name
    return "".join([f"{start}{{{row.labels}}} {row.camera.since.utc_ms / 1000}\n" for row in rows])


def _commission_by(_now: Instant, rows: list[CameraLabels]) -> str:
    start = families.CAMERA_COMMISSION_BY.name
    return "".join(
        [
            f"{start}{{{row.labels}}} {row.camera.camera.commission_by_ms / 1000}\n"
            for row in rows
            if row.camera.underlying_status is Status.PLANNED
            and row.camera.camera.commission_by_ms is not None
        ]
    )


def _ledger(_now: Instant, rows: list[CameraLabels]) -> str:
    lines = []
    for row in rows:
        account = row.camera.persisted
        start = f'camwatch_camera_status_seconds_total{{{row.labels},status="'
        lines.append(
            f'{start}up"}} {account.up / 1000}\n'
            f'{start}down"}} {account.down / 1000}\n'
            f'{start}unknown"}} {account.unknown / 1000}\n'
            f'{start}maintenance"}} {account.maintenance / 1000}\n'
        )
    return "".join(lines)


def _degraded_seconds(_now: Instant, rows: list[CameraLabels]) -> str:
    return "".join(
        [
            f"camwatch_camera_degraded_seconds_total{{{row.labels}}} {row.camera.persisted.degraded / 1000}\n"
            for row in rows
        ]
    )


def _clock(_now: Instant, rows: list[CameraLabels]) -> str:
    return "".join(
        [
            f"camwatch_camera_clock_offset_seconds{{{row.labels}}} {row.camera.clock_offset:.3f}\n"
            for row in rows
            if isfinite(row.camera.clock_offset)  # it is not, until a boot has said what time it is
        ]
    )


def _counter(metric: Family, value: Callable[[CameraCheckpoint], int]) -> Renderer:
    start = metric.name + "{"

    def render(_now: Instant, rows: list[CameraLabels]) -> str:
        return "".join([f"{start}{row.labels}}} {value(row.camera.persisted)}\n" for row in rows])

    return render


def _gauge(metric: Family, value: Callable[[CameraView], float | None]) -> Renderer:
    start = metric.name + "{"

    def render(_now: Instant, rows: list[CameraLabels]) -> str:
        return "".join(
            [
                f"{start}{row.labels}}} {reading}\n"
                for row in rows
                if (reading := value(row.camera)) is not None
            ]
        )

    return render


def _bitrate_bytes(camera: CameraView) -> float | None:
    return None if camera.bitrate_bps is None else camera.bitrate_bps / 8


_FAMILIES: tuple[tuple[Family, Renderer], ...] = (
    (families.CAMERA_INFO, _info),
    (families.CAMERA_STATUS, _status),
    (families.CAMERA_UP, _up),
    (families.CAMERA_SUSPECT, _suspect),
    (families.CAMERA_FLAPPING, _flapping),
    (families.CAMERA_DEGRADED, _degraded),
    (families.CAMERA_LAST_HEARTBEAT, _last_heartbeat),
    (families.CAMERA_STATUS_SINCE, _status_since),
    (families.CAMERA_COMMISSION_BY, _commission_by),
    (
        families.CAMERA_HEARTBEATS,
        _counter(families.CAMERA_HEARTBEATS, lambda stored: stored.heartbeats),
    ),
    (families.CAMERA_OUTAGES, _counter(families.CAMERA_OUTAGES, lambda stored: stored.outages)),
    (families.CAMERA_REBOOTS, _counter(families.CAMERA_REBOOTS, lambda stored: stored.reboots)),
    (families.CAMERA_LEDGER, _ledger),
    (families.CAMERA_DEGRADED_SECONDS, _degraded_seconds),
    (families.CAMERA_FPS, _gauge(families.CAMERA_FPS, lambda camera: camera.fps)),
    (families.CAMERA_BITRATE, _gauge(families.CAMERA_BITRATE, _bitrate_bytes)),
    (
        families.CAMERA_TEMPERATURE,
        _gauge(families.CAMERA_TEMPERATURE, lambda camera: camera.temperature_celsius),
    ),
    (families.CAMERA_STORAGE, _gauge(families.CAMERA_STORAGE, lambda camera: camera.storage_used_ratio)),
    (families.CAMERA_CLOCK, _clock),
)


def render_cameras(
    rows: list[CameraLabels], clock: Callable[[], Instant], *, openmetrics: bool
) -> Iterator[str]:
    """Yield the text of all per-camera families, a slice of cameras at a time."""
    for metric, render in _FAMILIES:
        yield metric.header(openmetrics=openmetrics)
        for start in range(0, len(rows), SLICE):
            yield render(clock(), rows[start : start + SLICE])


def render_rejections(
    refused: Mapping[str, Mapping[str, RejectionCount]],
    cameras: Mapping[str, CameraView],
    *,
    openmetrics: bool,
) -> Iterator[str]:
    """Yield the text of what was refused of each camera, by reason; a slice of cameras at a time."""
    metric = families.CAMERA_REJECTED
    yield metric.header(openmetrics=openmetrics)
    found = [
        (labels_of(cameras[camera]), reasons) for camera, reasons in refused.items() if camera in cameras
    ]
    for start in range(0, len(found), SLICE):
        yield "".join(
            [
                f'{metric.name}{{{labels},reason="{reason}"}} {refusals.stored}\n'
                for labels, reasons in found[start : start + SLICE]
                for reason, refusals in reasons.items()
                if refusals.stored
            ]
        )


def render_sites(sites: Iterable[Site], *, openmetrics: bool) -> str:
    """Return where each site is; one without coordinates has no line.

    A coordinate is the shortest text that reads back as the same number: as the inventory has it.
    """
    metric = families.SITE_INFO
    return metric.header(openmetrics=openmetrics) + "".join(
        [
            f'{metric.name}{{site="{site.id}",name="{escaped(site.name)}",zone="{escaped(site.zone)}",'
            f'latitude="{site.latitude!r}",longitude="{site.longitude!r}"}} 1\n'
            for site in sites
            if site.latitude is not None and site.longitude is not None
        ]
    )


def render_bool_family(metric: Family, flags: Iterable[tuple[str, bool]], *, openmetrics: bool) -> str:
    """Return a family of 0/1 gauges with one label each."""
    label = metric.labels[0]
    return metric.header(openmetrics=openmetrics) + "".join(
        [f'{metric.name}{{{label}="{escaped(key)}"}} {int(flag)}\n' for key, flag in flags]
    )
