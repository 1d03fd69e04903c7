"""All settings together: how they are read, and what must hold between sections and the inventory.

They come from a TOML file, overridden by environment variables `CAMWATCH_…` with `__` between levels
(`CAMWATCH_HTTP__LISTEN`, `CAMWATCH_BROKERS__0__URL`). The sections are in `sections`.
`docs/reference/settings.md` is for those who set them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PrivateAttr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from camwatch.core.model import Camera, Lifecycle, Liveness, Thresholds
from camwatch.errors import ConfigError, ConfigProblem
from camwatch.fleet.inventory import Inventory
from camwatch.settings import sources as source
from camwatch.settings import validators as checks
from camwatch.settings.brokers import Broker
from camwatch.settings.sections import (
    AccessSettings,
    ClockSettings,
    ConditionsSettings,
    FleetSettings,
    HistorySettings,
    HttpSettings,
    LivenessSettings,
    LogSettings,
    MqttSettings,
    ObjectivesSettings,
)

__all__ = [
    "AccessSettings",
    "Broker",
    "ClockSettings",
    "ConditionsSettings",
    "FleetSettings",
    "HistorySettings",
    "HttpSettings",
    "LivenessSettings",
    "LogSettings",
    "MqttSettings",
    "ObjectivesSettings",
    "Settings",
    "check_secrets",
    "exposures",
    "load_fleet_settings",
    "load_settings",
    "location_of",
    "validate_against_inventory",
]


class Settings(BaseSettings):
    """All settings; each has a default. `load_settings` reads them; tests and the demo pass them by name."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    fleet: FleetSettings = FleetSettings()
    mqtt: MqttSettings = MqttSettings()
    brokers: tuple[Broker, ...] = (Broker(),)
    liveness: LivenessSettings = LivenessSettings()
    conditions: ConditionsSettings = ConditionsSettings()
    objectives: ObjectivesSettings = ObjectivesSettings()
    clock: ClockSettings = ClockSettings()
    history: HistorySettings = HistorySettings()
    http: HttpSettings = HttpSettings()
    access: AccessSettings = AccessSettings()
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
        """Take what `sources` has laid together, and nothing behind its back.

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
        return self.liveness.for_camera(camera)

    def thresholds_of(self, camera: Camera) -> Thresholds:
        """Return beyond what a camera is degraded; its purpose's setting wins (rule C3)."""
        return self.conditions.of(camera)


class _FleetAlone(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    fleet: FleetSettings = FleetSettings()


def location_of(settings: Settings, *path: str) -> str:
    """Return where a setting was written, as faults name it."""
    return settings._origin.place(path)  # noqa: SLF001 - this module's own


def load_fleet_settings(file: Path | None, environ: Mapping[str, str] = os.environ) -> FleetSettings | None:
    """Return the section [fleet], however wrong the others are; None if it is wrong itself."""
    mine = {name: value for name, value in environ.items() if name.startswith(f"{source.PREFIX}FLEET__")}
    try:
        return source.load(_FleetAlone, file, mine)[0].fleet
    except ConfigError:
        return None


def load_settings(file: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of `file` (none: the defaults), overridden by `environ`.

    Raises ConfigError with every fault found.
    """
    settings, origin = source.load(Settings, file, environ)
    settings._origin = origin  # noqa: SLF001 - our own, and set once
    return settings


def check_secrets(settings: Settings) -> None:
    """Read every file that holds a secret or a name. Raises ConfigError with every fault."""
    faults: list[ConfigProblem] = []
    readers = [settings.history.password, settings.http.metrics_token]
    readers += [read for broker in settings.brokers for read in (broker.user, broker.password)]
    for read in readers:
        try:
            read()
        except ConfigError as error:
            faults += error.problems
    if faults:
        raise ConfigError(tuple(faults))


def exposures(settings: Settings) -> tuple[str, ...]:
    """Return what is sound but unwise: passwords of brokers in clear text."""
    return tuple(
        f"broker {broker.name}: the password crosses the network in clear text: begin url with mqtts:// or wss://"
        for broker in settings.brokers
        if broker.exposes_password
    )


def validate_against_inventory(settings: Settings, inventory: Inventory) -> tuple[ConfigProblem, ...]:
    """Return what the settings say of operators and cameras that does not hold for this inventory."""
    place = settings._origin.place  # noqa: SLF001 - this module's own
    found = (
        *_unknown_ids(settings, inventory),
        *_uncovered_operators(settings, inventory),
        *_invalid_thresholds(settings, inventory),
        *_open_without_auth(settings),
    )
    return tuple(ConfigProblem(place(path, problem), problem) for path, problem in found)


def _unknown_ids(settings: Settings, inventory: Inventory) -> Iterator[tuple[source.Steps, str]]:
    for number, broker in enumerate(settings.brokers):
        for operator in broker.operators:
            if operator not in inventory.operators:
                yield ("brokers", number, "operators"), f"{operator!r} is no operator of the inventory"
    for operator in sorted(settings.liveness.operator.keys() - inventory.operators.keys()):
        yield ("liveness", "operator", operator), "is no operator of the inventory"
    for camera in sorted(settings.liveness.camera.keys() - inventory.cameras.keys()):
        yield ("liveness", "camera", camera), "is no camera of the inventory"


def _uncovered_operators(settings: Settings, inventory: Inventory) -> Iterator[tuple[source.Steps, str]]:
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


def _open_without_auth(settings: Settings) -> Iterator[tuple[source.Steps, str]]:
    """Find a door that everybody could go through: without accounts, whoever comes may do everything."""
    if settings.access.accounts_file is None and not settings.http.is_loopback:
        problem = (
            f"{settings.http.listen} can be reached from other machines, and there are no accounts: name a "
            "file with accounts_file in [access] and make one with `camwatch accounts add`, or listen on "
            "127.0.0.1 (docs/how-to/access.md)"
        )
        yield ("http", "listen"), problem


def _invalid_thresholds(settings: Settings, inventory: Inventory) -> Iterator[tuple[source.Steps, str]]:
    told: set[str] = set()
    for camera in inventory.cameras.values():
        liveness = settings.liveness_of(camera)
        problem = checks.check_order(liveness.suspect_after, liveness.down_after)
        if problem and problem not in told:
            told.add(problem)
            yield ("liveness",), f"for camera {camera.id}, down_after {problem}"
