"""Shared by all commands: load the configuration, print errors, exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from camwatch.cli.terminal import count
from camwatch.clock import wall_ms
from camwatch.errors import CamwatchError, ConfigError, ConfigProblem, CorrectionError, ReportRequestError
from camwatch.fleet.inventory import Inventory, load_inventory
from camwatch.settings import Settings, load_fleet_settings, load_settings
from camwatch.settings.loading import load

FAILED = 1
MISCONFIGURED = 2

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings file (default: built-in settings and CAMWATCH_… variables).",
    ),
]


def load_config(config: Path | None) -> tuple[Settings, Inventory]:
    """Return valid settings and inventory, or print all problems and exit with code 2."""
    try:
        settings = load_settings(config)
    except ConfigError as error:
        exit_with_config_errors(error.problems + _inventory_problems(config))
    try:
        return settings, load(settings)
    except ConfigError as error:
        exit_with_config_errors(error.problems)


def _inventory_problems(config: Path | None) -> tuple[ConfigProblem, ...]:
    """Return the inventory's problems if invalid settings still say where it is."""
    fleet = load_fleet_settings(config)
    try:
        if fleet is not None:
            load_inventory(fleet.path, fleet.timezone, wall_ms())
    except ConfigError as error:
        return error.problems
    return ()


def exit_with_config_errors(problems: tuple[ConfigProblem, ...]) -> NoReturn:
    """Print all problems of the configuration, and exit with code 2."""
    lines = "\n".join(f"  {problem}" for problem in problems)
    exit_with_error(MISCONFIGURED, f"{count(len(problems), 'fault')} in the configuration:\n{lines}")


@contextmanager
def handle_errors() -> Iterator[None]:
    """Print camwatch's errors and exit: with code 2 for mistakes of the user, else 1."""
    try:
        yield
    except ConfigError as error:
        exit_with_config_errors(error.problems)
    except (CorrectionError, ReportRequestError) as error:
        exit_with_error(MISCONFIGURED, str(error))
    except CamwatchError as error:
        exit_with_error(FAILED, str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def exit_with_error(code: int, message: str) -> NoReturn:
    """Print the message on standard error, and exit with this code."""
    typer.echo(f"camwatch: {message}", err=True)
    raise typer.Exit(code)
