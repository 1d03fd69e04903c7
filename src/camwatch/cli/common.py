"""What every command does alike: read the configuration, tell its faults, leave with the right exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from camwatch.clock import wall_ms
from camwatch.errors import CamwatchError, ConfigurationError, Fault, QuestionError
from camwatch.fleet.inventory import Inventory, load_inventory
from camwatch.loading import load
from camwatch.settings import Settings, load_fleet_settings, load_settings

FAILED = 1
MISCONFIGURED = 2

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings file (without: defaults and CAMWATCH_… variables)."
    ),
]


def checked(config: Path | None) -> tuple[Settings, Inventory]:
    """Return sound settings and inventory, or print every fault and leave with exit code 2."""
    try:
        settings = load_settings(config)
    except ConfigurationError as error:
        misconfigured(error.faults + _faults_of_inventory(config))
    try:
        return settings, load(settings)
    except ConfigurationError as error:
        misconfigured(error.faults)


def _faults_of_inventory(config: Path | None) -> tuple[Fault, ...]:
    """Return what is wrong with the inventory, too, when the settings are faulty; nothing if they hide it."""
    fleet = load_fleet_settings(config)
    try:
        if fleet is not None:
            load_inventory(fleet.path, fleet.timezone, wall_ms())
    except ConfigurationError as error:
        return error.faults
    return ()


def misconfigured(faults: tuple[Fault, ...]) -> NoReturn:
    """Print every fault of the configuration, and leave with exit code 2."""
    count = len(faults)
    lines = "\n".join(f"  {fault}" for fault in faults)
    fail(MISCONFIGURED, f"{count} {'fault' if count == 1 else 'faults'} in the configuration:\n{lines}")


def guarded(work: Callable[[], None]) -> None:
    """Do the work; tell what went wrong, and leave with the exit code that says whose fault it was."""
    try:
        work()
    except ConfigurationError as error:
        misconfigured(error.faults)
    except QuestionError as error:
        fail(MISCONFIGURED, str(error))
    except CamwatchError as error:
        fail(FAILED, str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def fail(code: int, message: str) -> NoReturn:
    """Say why on standard error, and leave with this exit code."""
    typer.echo(f"camwatch: {message}", err=True)
    raise typer.Exit(code)
