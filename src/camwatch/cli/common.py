"""What every command does alike: read the configuration, tell its faults, leave with the right exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from camwatch.clock import wall_ms
from camwatch.errors import CamwatchError, ConfigError, ConfigProblem, ReportRequestError
from camwatch.fleet.inventory import Inventory, load_inventory
from camwatch.settings import Settings, load_fleet_settings, load_settings
from camwatch.settings.loading import load

FAILED = 1
MISCONFIGURED = 2

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings file (without: defaults and CAMWATCH_… variables)."
    ),
]


def load_config(config: Path | None) -> tuple[Settings, Inventory]:
    """Return sound settings and inventory, or print every fault and leave with exit code 2."""
    try:
        settings = load_settings(config)
    except ConfigError as error:
        exit_with_config_errors(error.problems + _faults_of_inventory(config))
    try:
        return settings, load(settings)
    except ConfigError as error:
        exit_with_config_errors(error.problems)


def _faults_of_inventory(config: Path | None) -> tuple[ConfigProblem, ...]:
    """Return what is wrong with the inventory, too, when the settings are faulty; nothing if they hide it."""
    fleet = load_fleet_settings(config)
    try:
        if fleet is not None:
            load_inventory(fleet.path, fleet.timezone, wall_ms())
    except ConfigError as error:
        return error.problems
    return ()


def exit_with_config_errors(faults: tuple[ConfigProblem, ...]) -> NoReturn:
    """Print every fault of the configuration, and leave with exit code 2."""
    count = len(faults)
    lines = "\n".join(f"  {fault}" for fault in faults)
    exit_with_error(
        MISCONFIGURED, f"{count} {'fault' if count == 1 else 'faults'} in the configuration:\n{lines}"
    )


def handle_errors(work: Callable[[], None]) -> None:
    """Do the work; tell what went wrong, and leave with the exit code that says whose fault it was."""
    try:
        work()
    except ConfigError as error:
        exit_with_config_errors(error.problems)
    except ReportRequestError as error:
        exit_with_error(MISCONFIGURED, str(error))
    except CamwatchError as error:
        exit_with_error(FAILED, str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def exit_with_error(code: int, message: str) -> NoReturn:
    """Say why on standard error, and leave with this exit code."""
    typer.echo(f"camwatch: {message}", err=True)
    raise typer.Exit(code)
