"""All settings: how they are read, and what must hold between sections and the inventory.

They come from a TOML file, overridden by environment variables `CAMWATCH_…` with `__` between levels
(`CAMWATCH_HTTP__LISTEN`, `CAMWATCH_BROKERS__0__URL`). `docs/reference/settings.md` is their reference.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from camwatch.core.model import Lifecycle
from camwatch.errors import ConfigError, ConfigProblem
from camwatch.fleet.inventory import Inventory
from camwatch.settings import sections, sources
from camwatch.settings import validators as checks
from camwatch.settings.brokers import Broker
from camwatch.settings.sections import (
    AccessSettings,
    FleetSettings,
    HistorySettings,
    HttpSettings,
    LivenessSettings,
)

__all__ = [
    "AccessSettings",
    "Broker",
    "FleetSettings",
    "HistorySettings",
    "HttpSettings",
    "LivenessSettings",
    "Settings",
    "check_secrets",
    "exposures",
    "load_fleet_settings",
    "load_settings",
    "validate_against_inventory",
]


class _Loadable(BaseSettings):
    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(cls, *_: Any, **known: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources that `load_settings` passes, or else what code passes by name."""
        arguments = known["init_settings"]
        return arguments().pop("sources", (arguments,))  # type: ignore[no-any-return]


class Settings(_Loadable):
    """All settings; each has a default."""

    fleet: FleetSettings = FleetSettings()
    mqtt: sections.MqttSettings = sections.MqttSettings()
    brokers: tuple[Broker, ...] = (Broker(),)
    liveness: LivenessSettings = LivenessSettings()
    conditions: sections.ConditionsSettings = sections.ConditionsSettings()
    objectives: sections.ObjectivesSettings = sections.ObjectivesSettings()
    clock: sections.ClockSettings = sections.ClockSettings()
    history: HistorySettings = HistorySettings()
    http: HttpSettings = HttpSettings()
    access: AccessSettings = AccessSettings()
    log: sections.LogSettings = sections.LogSettings()

    _origin: sources.Origin = PrivateAttr(default_factory=sources.Origin)

    @field_validator("brokers")
    @classmethod
    def _are_distinct(cls, value: tuple[Broker, ...]) -> tuple[Broker, ...]:
        if not value:
            raise ValueError("must name at least one broker")
        for name, count in Counter(broker.name for broker in value).items():
            if count > 1:
                raise ValueError(f"{count} brokers are named {name!r}: give each its own name")
        sessions = Counter((*broker.endpoint[1:3], broker.client_id) for broker in value)
        for (host, port, client_id), count in sessions.items():
            if count > 1:
                raise ValueError(
                    f"{count} sessions with {host}:{port} have the client_id {client_id!r}, "
                    "and would disconnect each other: give each its own client_id"
                )
        return value

    def place(self, *path: str | int, problem: str = "") -> str:
        """Return where a setting was written: the variable, or the file and the key."""
        return self._origin.place(path, problem)


class _FleetAlone(_Loadable, extra="ignore"):
    fleet: FleetSettings = FleetSettings()


def load_fleet_settings(file: Path | None, environ: Mapping[str, str] = os.environ) -> FleetSettings | None:
    """Return the section [fleet] whatever faults the other sections have; None if it is faulty itself."""
    try:
        return sources.load(_FleetAlone, file, environ)[0].fleet
    except ConfigError:
        return None


def load_settings(file: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings in `file` (None: the defaults), overridden by `environ`.

    Raises ConfigError with every fault.
    """
    settings, origin = sources.load(Settings, file, environ)
    settings._origin = origin  # noqa: SLF001 - set here only
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
    """Return warnings: brokers whose password is sent unencrypted."""
    return tuple(
        f"broker {broker.name}: the password is sent unencrypted: begin url with mqtts:// or wss://"
        for broker in settings.brokers
        if broker.exposes_password
    )


def validate_against_inventory(settings: Settings, inventory: Inventory) -> tuple[ConfigProblem, ...]:
    """Return the faults of the settings that only show with an inventory."""
    found = (
        *_unknown_ids(settings, inventory),
        *_uncovered_operators(settings, inventory),
        *_invalid_thresholds(settings, inventory),
        *_open_without_auth(settings),
    )
    return tuple(ConfigProblem(settings.place(*path, problem=problem), problem) for path, problem in found)


def _unknown_ids(settings: Settings, inventory: Inventory) -> Iterator[tuple[sources.Steps, str]]:
    for number, broker in enumerate(settings.brokers):
        for operator in broker.operators:
            if operator not in inventory.operators:
                yield ("brokers", number, "operators"), f"{operator!r} is not an operator in the inventory"
    for operator in sorted(settings.liveness.operator.keys() - inventory.operators.keys()):
        yield ("liveness", "operator", operator), "is not an operator in the inventory"
    for camera in sorted(settings.liveness.camera.keys() - inventory.cameras.keys()):
        yield ("liveness", "camera", camera), "is not a camera in the inventory"


def _uncovered_operators(settings: Settings, inventory: Inventory) -> Iterator[tuple[sources.Steps, str]]:
    """Find operators whose cameras no broker carries: their status would always be unknown."""
    carried = {operator for broker in settings.brokers for operator in broker.operators}
    if all(broker.operators for broker in settings.brokers):
        expected = (row for row in inventory.cameras.values() if row.lifecycle is not Lifecycle.RETIRED)
        cameras = Counter(camera.operator for camera in expected)
        for operator in sorted(cameras.keys() - carried):
            count = f"{cameras[operator]} in the inventory"
            yield (
                ("brokers",),
                f"no broker carries the cameras of {operator!r} ({count}): add it to operators of a broker",
            )


def _open_without_auth(settings: Settings) -> Iterator[tuple[sources.Steps, str]]:
    """Find an address open to other machines without accounts: every client would be an administrator."""
    if settings.access.accounts_file is None and not settings.http.is_loopback:
        problem = (
            f"{settings.http.listen} accepts connections from other machines, and there are no accounts: set "
            "accounts_file in [access] and create an account with `camwatch accounts add`, or listen on "
            "127.0.0.1 (docs/how-to/access.md)"
        )
        yield ("http", "listen"), problem


def _invalid_thresholds(settings: Settings, inventory: Inventory) -> Iterator[tuple[sources.Steps, str]]:
    reported: set[str] = set()
    for camera in inventory.cameras.values():
        liveness = settings.liveness.for_camera(camera)
        problem = checks.check_order(liveness.suspect_after, liveness.down_after)
        if problem and problem not in reported:
            reported.add(problem)
            yield ("liveness",), f"for camera {camera.id}, down_after {problem}"
