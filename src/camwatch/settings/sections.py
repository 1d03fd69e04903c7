"""Every setting of every section: its default, its unit (in its name), its check.

Rules between settings of one section are here, those between sections in `settings`. Settings name the
files that hold secrets. Relative paths are relative to the working directory.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
)

from camwatch.core.model import Camera, Liveness, Purpose, Thresholds
from camwatch.errors import ConfigError, ConfigProblem
from camwatch.settings import validators as checks
from camwatch.settings.value_types import (
    BOUNDED,
    DAY_S,
    SECTION,
    File,
    Finite,
    Id,
    KeyFile,
    Seconds,
    Whole,
    secret,
)
from camwatch.wire.topics import DEFAULT_PREFIX

_LIVENESS = Liveness()
_THRESHOLDS = Thresholds()

_Hold = Annotated[Finite, Field(ge=0, le=DAY_S)]
_Factor = Annotated[Finite, Field(ge=1, le=1000)]
_Celsius = Annotated[Finite, Field(ge=-60, le=150)]
_Rate = Annotated[Finite, Field(ge=0, le=240)]
_Ratio = Annotated[Finite, Field(gt=0, le=1)]


class _Section(BaseModel):
    model_config = SECTION


class FleetSettings(_Section):
    """The folder of the inventory, how often it is checked for changes, and its time zone (rule A5)."""

    path: Path = Path("config/fleet")
    timezone: Annotated[ZoneInfo, BeforeValidator(checks.time_zone)] = ZoneInfo("Europe/Paris")
    reload_interval_s: Seconds = 2.0


class MqttSettings(_Section):
    """Settings common to all brokers."""

    topic_prefix: Annotated[str, AfterValidator(checks.topic_prefix)] = DEFAULT_PREFIX


class LivenessOverride(_Section):
    """Overrides for one purpose, operator or camera (rule L2)."""

    interval_s: Seconds | None = None
    suspect_after: _Factor | None = None
    down_after: _Factor | None = None
    will_grace_s: _Hold | None = None

    def apply_to(self, base: Liveness) -> Liveness:
        """Return `base` with the values that are set here."""
        return dataclasses.replace(base, **self.model_dump(exclude_none=True))


class LivenessSettings(_Section):
    """When a camera is suspect and when it is down (rules L2, L5, S8); factors are multiples of the interval.

    `messages_per_interval` limits the messages of one camera.
    """

    interval_s: Seconds = _LIVENESS.interval_s
    suspect_after: _Factor = _LIVENESS.suspect_after
    down_after: Annotated[_Factor, BOUNDED] = _LIVENESS.down_after
    will_grace_s: _Hold = _LIVENESS.will_grace_s
    stall_after_s: Seconds = 5.0
    messages_per_interval: Annotated[Whole, Field(ge=2, le=1_000_000)] = 20
    purpose: dict[Purpose, LivenessOverride] = {}
    operator: dict[Id, LivenessOverride] = {}
    camera: dict[Id, LivenessOverride] = {}

    @field_validator("down_after")
    @classmethod
    def _is_above_suspect_after(cls, value: float, info: ValidationInfo) -> float:
        if problem := checks.check_order(info.data.get("suspect_after"), value):
            raise ValueError(problem)
        return value

    @field_validator("purpose", "operator", "camera")
    @classmethod
    def _are_in_order(
        cls, value: dict[str, LivenessOverride], info: ValidationInfo
    ) -> dict[str, LivenessOverride]:
        for key, override in value.items():
            suspect_after = override.suspect_after or info.data.get("suspect_after")
            if problem := checks.check_order(
                suspect_after, override.down_after or info.data.get("down_after")
            ):
                raise ValueError(f"in {key}, down_after {problem}")
        return value

    def for_camera(self, camera: Camera) -> Liveness:
        """Return the deadlines of a camera; the nearest setting wins (rule L2).

        From far to near: all, purpose, operator, the row in the inventory, the camera's own table.
        """
        found = Liveness(self.interval_s, self.suspect_after, self.down_after, self.will_grace_s)
        for override in (self.purpose.get(camera.purpose), self.operator.get(camera.operator)):
            found = override.apply_to(found) if override else found
        if camera.interval_s is not None:
            found = dataclasses.replace(found, interval_s=camera.interval_s)
        own = self.camera.get(camera.id)
        return own.apply_to(found) if own else found


class ThresholdsOverride(_Section):
    """Overrides for one purpose."""

    fps_min: _Rate | None = None
    storage_used_max_ratio: _Ratio | None = None
    temperature_min_celsius: _Celsius | None = None
    temperature_max_celsius: _Celsius | None = None
    clock_offset_max_s: Seconds | None = None


class ConditionsSettings(_Section):
    """Thresholds beyond which a camera that is up is degraded (rule C3)."""

    fps_min: _Rate = _THRESHOLDS.fps_min
    storage_used_max_ratio: _Ratio = _THRESHOLDS.storage_used_max_ratio
    temperature_min_celsius: _Celsius = _THRESHOLDS.temperature_min_celsius
    temperature_max_celsius: Annotated[_Celsius, BOUNDED] = _THRESHOLDS.temperature_max_celsius
    clock_offset_max_s: Seconds = _THRESHOLDS.clock_offset_max_s
    purpose: dict[Purpose, ThresholdsOverride] = {}
    _of: dict[Purpose, Thresholds] = PrivateAttr(default_factory=dict)  # shared by a purpose's cameras

    @field_validator("temperature_max_celsius")
    @classmethod
    def _is_above_the_minimum(cls, value: float, info: ValidationInfo) -> float:
        if problem := checks.check_range(info.data, {"temperature_max_celsius": value}):
            raise ValueError(problem)
        return value

    @field_validator("purpose")
    @classmethod
    def _are_in_order(
        cls, value: dict[Purpose, ThresholdsOverride], info: ValidationInfo
    ) -> dict[Purpose, ThresholdsOverride]:
        for key, override in value.items():
            if problem := checks.check_range(info.data, override.model_dump(exclude_none=True)):
                raise ValueError(f"in {key}, temperature_max_celsius {problem}")
        return value

    def for_camera(self, camera: Camera) -> Thresholds:
        """Return the thresholds of a camera; its purpose's override those for all."""
        found = self._of.get(camera.purpose)
        if found is None:
            found = Thresholds(**self.model_dump(exclude={"purpose"}))
            if override := self.purpose.get(camera.purpose):
                found = dataclasses.replace(found, **override.model_dump(exclude_none=True))
            self._of[camera.purpose] = found
        return found


class ClockSettings(_Section):
    """Whether a start waits for a synchronised clock, and for how long at most (rule T4)."""

    require_sync: bool = True
    sync_timeout_s: Seconds = 60.0


class ObjectivesSettings(_Section):
    """The promised availability by purpose; operators' objectives are in the inventory (rule A7)."""

    purpose: dict[Purpose, _Ratio] = {}


class HistorySettings(_Section):
    """Where the record is stored, and for how long. The URL may contain a password, so repr omits it."""

    url: Annotated[str, AfterValidator(checks.store_url), Field(repr=False)] = "sqlite:///camwatch.db"
    password_file: File | None = None
    checkpoint_interval_s: Seconds | None = None
    retention_days: Annotated[Whole, Field(ge=400, le=36_500)] = 1100
    connect_timeout_s: Seconds = 30.0

    @field_validator("password_file")
    @classmethod
    def _is_for_a_server(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        url = info.data.get("url", "")
        if value and url.startswith("sqlite:"):
            raise ValueError("is for PostgreSQL only: an SQLite file has no password")
        if value and checks.url_has_password(url):
            raise ValueError("contradicts the url, which contains a password: remove it from the url")
        return value

    @property
    def scheme(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.url.partition(":")[0]

    def password(self) -> str | None:
        """Return the content of `password_file` without one line end; None if it is not set.

        Raises ConfigError if the file cannot be read.
        """
        return secret(self.password_file, "history.password_file")


class HttpSettings(_Section):
    """Where metrics, health and pages are served, and how; port 0 takes a free port."""

    listen: Annotated[str, AfterValidator(checks.listen_address)] = "127.0.0.1:10458"
    cert_file: File | None = None
    key_file: KeyFile | None = None
    root_path: Annotated[str, AfterValidator(checks.root_path)] = ""
    metrics_token_file: File | None = None
    metrics_public: bool = False
    connections_per_address: Annotated[int, Field(ge=10, le=2000)] = 100
    tiles_url: Annotated[str, AfterValidator(checks.tiles_url)] = ""
    tiles_attribution: str = ""

    @field_validator("metrics_public")
    @classmethod
    def _is_not_both(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("metrics_token_file"):
            raise ValueError("contradicts metrics_token_file: keep one of the two")
        return value

    @property
    def host(self) -> str:
        """Name or address, without the brackets of IPv6."""
        return checks.listener(self.listen)[0]

    @property
    def port(self) -> int:
        """The port; 0 for any free one."""
        return checks.listener(self.listen)[1]

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return checks.is_loopback(self.host)

    @property
    def tiles_origins(self) -> tuple[str, ...]:
        """The origins of map tiles, for the content security policy; empty without tiles."""
        parts = urlsplit(self.tiles_url)
        return (f"{parts.scheme}://{parts.netloc}",) if self.tiles_url else ()

    def metrics_token(self) -> str | None:
        """Return the content of `metrics_token_file`; None if it is not set.

        Raises ConfigError if the file cannot be read or the token is too weak.
        """
        token = secret(self.metrics_token_file, "http.metrics_token_file")
        if token is not None and (len(token) < 16 or not token.isascii() or not token.isprintable()):
            problem = (
                "must contain at least 16 printable ASCII characters: create one with openssl rand -hex 32"
            )
            raise ConfigError((ConfigProblem("http.metrics_token_file", problem),))
        return token


class AccessSettings(_Section):
    """The accounts file, and the proxy that may authenticate users."""

    accounts_file: Path | None = None
    session_hours: Annotated[Finite, Field(gt=0, le=24 * 366)] = 12.0
    proxy_header: Annotated[str, AfterValidator(checks.header_name)] | None = None
    proxy_addresses: Annotated[tuple[str, ...], AfterValidator(checks.networks), BOUNDED] = ()
    proxy_names_host: bool = False

    @field_validator("proxy_addresses")
    @classmethod
    def _are_named(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("proxy_header") and not value:
            raise ValueError(
                "must name the proxy that sends proxy_header: from other addresses the header is not trusted"
            )
        return value


class LogSettings(_Section):
    """Format and level of the log: `auto` is `console` on a terminal, `json` elsewhere."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"
