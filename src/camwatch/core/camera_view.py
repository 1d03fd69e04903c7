"""A camera's state as others read it: only the core changes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, cast

from camwatch.core import deadlines
from camwatch.core.checkpoint_model import CameraCheckpoint
from camwatch.core.conditions import Flapping, Reason
from camwatch.core.model import Camera, Cause, Instant, Status


class CameraView(Protocol):
    """A `CameraState` that mypy treats as read-only; the attributes are documented there."""

    @property
    def camera(self) -> Camera: ...

    @property
    def index(self) -> int: ...

    @property
    def underlying_status(self) -> Status: ...

    @property
    def since(self) -> Instant: ...

    @property
    def cause(self) -> Cause | None: ...

    @property
    def interval_s(self) -> float: ...

    @property
    def proof(self) -> float: ...

    @property
    def proof_ms(self) -> int | None: ...

    @property
    def heartbeats(self) -> int: ...

    @property
    def outages(self) -> int: ...

    @property
    def reboots(self) -> int: ...

    @property
    def reasons(self) -> int: ...

    @property
    def reasons_ended(self) -> Mapping[Reason, float]: ...

    @property
    def flapping(self) -> Flapping | None: ...

    @property
    def clock_offset(self) -> float: ...

    @property
    def fps(self) -> float | None: ...

    @property
    def bitrate_bps(self) -> float | None: ...

    @property
    def temperature_celsius(self) -> float | None: ...

    @property
    def storage_used_ratio(self) -> float | None: ...

    @property
    def firmware(self) -> str | None: ...

    @property
    def persisted(self) -> CameraCheckpoint: ...

    def status_at(self, now: Instant) -> Status:
        """Return the status, maintenance included."""
        ...


is_suspect = cast("Callable[[CameraView, float], bool]", deadlines.is_suspect)
"""`deadlines.is_suspect`, for readers: whether a camera is suspect at a monotonic instant (rule C1)."""
