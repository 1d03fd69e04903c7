"""Every setting: its default, its unit (in its name), its check.

They come from a TOML file, overridden by environment variables `CAMWATCH_…` with `__` between levels
(`CAMWATCH_HTTP__LISTEN`, `CAMWATCH_BROKERS__0__URL`). Secrets come from files that settings name.
Relative paths are relative to the working directory. `docs/settings.md` is for those who set them.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from camwatch import settings_checks as checks
from camwatch import settings_source as source
from camwatch.core.model import Camera, Lifecycle, Liveness, Purpose, Thresholds
from camwatch.errors import ConfigurationError, Fault
from camwatch.wire.topics import DEFAULT_PREFIX

_LIVENESS = Liveness()
_THRESHOLDS = Thresholds()
_DAY_S = 86_400

_Finite = Annotated[float, BeforeValidator(checks.not_boolean), Field(allow_inf_nan=False)]
_Whole = Annotated[int, BeforeValidator(checks.not_boolean)]
_Seconds = Annotated[_Finite, Field(gt=0, le=_DAY_S)]
_Hold = Annotated[_Finite, Field(ge=0, le=_DAY_S)]
_Factor = Annotated[_Finite, Field(ge=1, le=1000)]
_Celsius = Annotated[_Finite, Field(ge=-60, le=150)]
_Rate = Annotated[_Finite, Field(ge=0, le=240)]
_Ratio = Annotated[_Finite, Field(gt=0, le=1)]
_Id = Annotated[str, AfterValidator(checks.identifier)]
_Label = Annotated[str, AfterValidator(checks.label)]
_File = Annotated[Path, AfterValidator(checks.readable_file)]
# A value that another setting bounds is checked even where it is the default.
_BOUNDED = Field(validate_default=True)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class FleetSettings(_Section):
    """Where the inventory lies, how often it is looked at, and the time zone of its dates (rule A5)."""

    path: Path = Path("config/fleet")
    timezone: Annotated[ZoneInfo, BeforeValidator(checks.time_zone)] = ZoneInfo("Europe/Paris")
    reload_check_s: _Seconds = 2.0


class MqttSettings(_Section):
    """What is common to all brokers."""

    topic_prefix: Annotated[str, AfterValidator(checks.topic_prefix)] = DEFAULT_PREFIX


class Broker(_Section):
    """One MQTT broker, its session, and the operators whose topics it carries (none named: all)."""

    name: _Label = "main"
    url: Annotated[str, AfterValidator(checks.broker_url)] = "mqtt://127.0.0.1:1883"
    protocol: Literal["5", "3.1.1"] = "5"
    client_id: _Label = "camwatch"
    session_expiry_s: Annotated[_Whole, Field(ge=0, le=2**32 - 1)] = 86_400
    keep_alive_s: Annotated[_Whole, Field(ge=1, le=65_535)] = 30
    connect_timeout_s: _Seconds = 10.0
    reconnect_min_s: _Seconds = 0.5
    reconnect_max_s: Annotated[_Seconds, _BOUNDED] = 30.0
    operators: tuple[_Id, ...] = ()
    username: str | None = None
    password_file: _File | None = None
    ca_file: _File | None = None
    cert_file: _File | None = None
    key_file: _File | None = None

    @field_validator("reconnect_max_s")
    @classmethod
    def _is_not_below_the_least(cls, value: float, info: ValidationInfo) -> float:
        least = info.data.get("reconnect_min_s", value)
        if value < least:
            raise ValueError(f"must be at least reconnect_min_s ({least:g}), it is {value:g}")
        return value

    @field_validator("password_file")
    @classmethod
    def _has_a_username(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value and info.data.get("protocol") == "3.1.1" and info.data.get("username", "") is None:
            raise ValueError("needs a username, too: MQTT 3.1.1 takes no password without one")
        return value

    @field_validator("ca_file", "cert_file", "key_file")
    @classmethod
    def _is_for_an_encrypted_session(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value and "url" in info.data and not checks.endpoint(info.data["url"]).encrypted:
            raise ValueError("needs an encrypted session: begin url with mqtts:// or wss://")
        return value

    @field_validator("key_file")
    @classmethod
    def _has_a_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value and info.data.get("cert_file", value) is None:
            raise ValueError("needs a cert_file, too: a key alone proves nothing")
        return value

    @property
    def scheme(self) -> str:
        """mqtt, mqtts, ws or wss."""
        return checks.endpoint(self.url).scheme

    @property
    def host(self) -> str:
        """Name or address, without the brackets of IPv6."""
        return checks.endpoint(self.url).host

    @property
    def port(self) -> int:
        """The port of the URL, or the usual one of its scheme."""
        return checks.endpoint(self.url).port

    @property
    def path(self) -> str:
        """The path of the WebSocket: `/mqtt` where the URL has none."""
        return checks.endpoint(self.url).path

    def password(self) -> str | None:
        """Return what `password_file` holds now, without one line end; None where no file is named.

        Raises ConfigurationError where it cannot be read.
        """
        if self.password_file is None:
            return None
        try:
            text = self.password_file.read_bytes().decode()
        except OSError as error:
            problem = f"{self.password_file} cannot be read: {error.strerror}"
        except UnicodeDecodeError:
            problem = f"{self.password_file} is no UTF-8 text"
        else:
            return text.removesuffix("\n").removesuffix("\r")
        raise ConfigurationError((Fault(f"broker {self.name}: password_file", problem),))


class LivenessOverride(_Section):
    """What differs for one purpose, operator or camera (rule L2)."""

    interval_s: _Seconds | None = None
    suspect_after: _Factor | None = None
    down_after: _Factor | None = None
    hint_hold_s: _Hold | None = None

    def over(self, base: Liveness) -> Liveness:
        """Return `base` with what is set here."""
        return dataclasses.replace(base, **self.model_dump(exclude_none=True))


class LivenessSettings(_Section):
    """When a camera is suspect and when it is down (rules L2, L5, S8); factors are of the interval."""

    interval_s: _Seconds = _LIVENESS.interval_s
    suspect_after: _Factor = _LIVENESS.suspect_after
    down_after: Annotated[_Factor, _BOUNDED] = _LIVENESS.down_after
    hint_hold_s: _Hold = _LIVENESS.hint_hold_s
    stall_after_s: _Seconds = 5.0
    purpose: dict[Purpose, LivenessOverride] = {}
    operator: dict[_Id, LivenessOverride] = {}
    camera: dict[_Id, LivenessOverride] = {}

    @field_validator("down_after")
    @classmethod
    def _is_above_suspect_after(cls, value: float, info: ValidationInfo) -> float:
        if problem := checks.order_problem(info.data.get("suspect_after"), value):
            raise ValueError(problem)
        return value

    @field_validator("purpose", "operator", "camera")
    @classmethod
    def _are_in_order(
        cls, value: dict[str, LivenessOverride], info: ValidationInfo
    ) -> dict[str, LivenessOverride]:
        for key, override in value.items():
            suspect_after = override.suspect_after or info.data.get("suspect_after")
            if problem := checks.order_problem(
                suspect_after, override.down_after or info.data.get("down_after")
            ):
                raise ValueError(f"in {key}, down_after {problem}")
        return value

    def of(self, camera: Camera) -> Liveness:
        """Return the deadlines of a camera: for all, then its purpose, operator, own row, own table."""
        found = Liveness(self.interval_s, self.suspect_after, self.down_after, self.hint_hold_s)
        for override in (self.purpose.get(camera.purpose), self.operator.get(camera.operator)):
            found = override.over(found) if override else found
        if camera.interval_s is not None:
            found = dataclasses.replace(found, interval_s=camera.interval_s)
        own = self.camera.get(camera.id)
        return own.over(found) if own else found


class ThresholdsOverride(_Section):
    """What differs for one purpose."""

    fps_min: _Rate | None = None
    storage_used_max_ratio: _Ratio | None = None
    temperature_min_celsius: _Celsius | None = None
    temperature_max_celsius: _Celsius | None = None
    clock_offset_max_s: _Seconds | None = None


class ConditionsSettings(_Section):
    """Beyond these a camera that is up is degraded (rule C3)."""

    fps_min: _Rate = _THRESHOLDS.fps_min
    storage_used_max_ratio: _Ratio = _THRESHOLDS.storage_used_max_ratio
    temperature_min_celsius: _Celsius = _THRESHOLDS.temperature_min_celsius
    temperature_max_celsius: Annotated[_Celsius, _BOUNDED] = _THRESHOLDS.temperature_max_celsius
    clock_offset_max_s: _Seconds = _THRESHOLDS.clock_offset_max_s
    purpose: dict[Purpose, ThresholdsOverride] = {}

    @field_validator("temperature_max_celsius")
    @classmethod
    def _is_above_the_least(cls, value: float, info: ValidationInfo) -> float:
        if problem := checks.range_problem(info.data, {"temperature_max_celsius": value}):
            raise ValueError(problem)
        return value

    @field_validator("purpose")
    @classmethod
    def _are_in_order(
        cls, value: dict[Purpose, ThresholdsOverride], info: ValidationInfo
    ) -> dict[Purpose, ThresholdsOverride]:
        for key, override in value.items():
            if problem := checks.range_problem(info.data, override.model_dump(exclude_none=True)):
                raise ValueError(f"in {key}, temperature_max_celsius {problem}")
        return value

    def of(self, camera: Camera) -> Thresholds:
        """Return the thresholds of a camera: for all, then its purpose."""
        base = Thresholds(**self.model_dump(exclude={"purpose"}))
        override = self.purpose.get(camera.purpose)
        return dataclasses.replace(base, **override.model_dump(exclude_none=True)) if override else base


class HistorySettings(_Section):
    """Where transitions and outages are kept. The URL may hold a password, so no repr shows it."""

    url: Annotated[str, AfterValidator(checks.store_url), Field(repr=False)] = "sqlite:///camwatch.db"

    @property
    def scheme(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.url.partition(":")[0]


class HttpSettings(_Section):
    """Where metrics, health and pages are served; port 0 takes a free one."""

    listen: Annotated[str, AfterValidator(checks.listen_address)] = "127.0.0.1:9458"

    @property
    def host(self) -> str:
        """Name or address, without the brackets of IPv6."""
        return checks.listener(self.listen)[0]

    @property
    def port(self) -> int:
        """The port; 0 for any that is free."""
        return checks.listener(self.listen)[1]


class LogSettings(_Section):
    """How camwatch tells what it does: `auto` is `console` on a terminal, `json` elsewhere."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(BaseSettings):
    """All settings; each has a default. `load_settings` reads them; tests and the demo pass them by name."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    fleet: FleetSettings = FleetSettings()
    mqtt: MqttSettings = MqttSettings()
    brokers: tuple[Broker, ...] = (Broker(),)
    liveness: LivenessSettings = LivenessSettings()
    conditions: ConditionsSettings = ConditionsSettings()
    history: HistorySettings = HistorySettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()

    _origin: source.Origin = PrivateAttr(default_factory=source.Origin)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `settings_source` has laid together, and nothing behind its back.

        The library's own sources neither reach into a list of tables nor tell every fault with its place.
        """
        return (init_settings,)

    @field_validator("brokers")
    @classmethod
    def _are_distinct(cls, value: tuple[Broker, ...]) -> tuple[Broker, ...]:
        if not value:
            raise ValueError("must name at least one broker")
        for name, count in Counter(broker.name for broker in value).items():
            if count > 1:
                raise ValueError(f"{count} brokers are named {name!r}: give each a name of its own")
        sessions = Counter((broker.host, broker.port, broker.client_id) for broker in value)
        for (host, port, client_id), count in sessions.items():
            if count > 1:
                raise ValueError(
                    f"{count} sessions with {host}:{port} have the client_id {client_id!r}, "
                    "and would throw each other out: give each its own"
                )
        return value

    def liveness_of(self, camera: Camera) -> Liveness:
        """Return the deadlines of a camera; the nearest setting wins (rule L2)."""
        return self.liveness.of(camera)

    def thresholds_of(self, camera: Camera) -> Thresholds:
        """Return beyond what a camera is degraded; its purpose's setting wins (rule C3)."""
        return self.conditions.of(camera)


class Registered(Protocol):
    """What the settings are checked against: the ids that the inventory knows."""

    @property
    def operators(self) -> Mapping[str, object]:
        """By id."""

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """By id."""


class _FleetAlone(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    fleet: FleetSettings = FleetSettings()


def load_fleet_settings(file: Path | None, environ: Mapping[str, str] = os.environ) -> FleetSettings | None:
    """Return the section [fleet], however wrong the others are; None if it is wrong itself."""
    mine = {name: value for name, value in environ.items() if name.startswith(f"{source.PREFIX}FLEET__")}
    try:
        return source.load(_FleetAlone, file, mine)[0].fleet
    except ConfigurationError:
        return None


def load_settings(file: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of `file` (none: the defaults), overridden by `environ`.

    Raises ConfigurationError with every fault found.
    """
    settings, origin = source.load(Settings, file, environ)
    settings._origin = origin  # noqa: SLF001 - our own, and set once
    return settings


def check_against(settings: Settings, inventory: Registered) -> tuple[Fault, ...]:
    """Return what the settings say of operators and cameras that does not hold for this inventory."""
    place = settings._origin.place  # noqa: SLF001 - this module's own
    found = (
        *_strangers(settings, inventory),
        *_unheard(settings, inventory),
        *_contradictions(settings, inventory),
    )
    return tuple(Fault(place(path, problem), problem) for path, problem in found)


def _strangers(settings: Settings, inventory: Registered) -> Iterator[tuple[source.Steps, str]]:
    for number, broker in enumerate(settings.brokers):
        for operator in broker.operators:
            if operator not in inventory.operators:
                yield ("brokers", number, "operators"), f"{operator!r} is no operator of the inventory"
    for operator in sorted(settings.liveness.operator.keys() - inventory.operators.keys()):
        yield ("liveness", "operator", operator), "is no operator of the inventory"
    for camera in sorted(settings.liveness.camera.keys() - inventory.cameras.keys()):
        yield ("liveness", "camera", camera), "is no camera of the inventory"


def _unheard(settings: Settings, inventory: Registered) -> Iterator[tuple[source.Steps, str]]:
    """Find operators whose cameras no broker carries: camwatch would be blind for them for ever."""
    carried = {operator for broker in settings.brokers for operator in broker.operators}
    if all(broker.operators for broker in settings.brokers):
        expected = (row for row in inventory.cameras.values() if row.lifecycle is not Lifecycle.RETIRED)
        cameras = Counter(camera.operator for camera in expected)
        for operator in sorted(cameras.keys() - carried):
            count = f"{cameras[operator]} in the inventory"
            yield (
                ("brokers",),
                f"none carries the cameras of {operator!r} ({count}): add it to operators of one",
            )


def _contradictions(settings: Settings, inventory: Registered) -> Iterator[tuple[source.Steps, str]]:
    told: set[str] = set()
    for camera in inventory.cameras.values():
        liveness = settings.liveness_of(camera)
        problem = checks.order_problem(liveness.suspect_after, liveness.down_after)
        if problem and problem not in told:
            told.add(problem)
            yield ("liveness",), f"for camera {camera.id}, down_after {problem}"
