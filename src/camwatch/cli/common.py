"""Shared by all commands: load the configuration, print errors, exit codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from camwatch.cli.terminal import count
from camwatch.clock import wall_ms
from camwatch.errors import CamwatchError, ConfigError, ConfigProblem, CorrectionError, ReportRequestError
from camwatch.fleet.inventory import Inventory, load_inventory
from camwatch.settings import Settings, load_fleet_settings, load_settings
from camwatch.settings.loading import load

FAILED = 1
MISCONFIGURED = 2


class UsageError(CamwatchError):
    """The arguments of a command are not valid; the text contains the remedy."""


class CommandGroup(TyperGroup):
    """All commands: prints camwatch's errors, and exits with code 2 for mistakes of the user, else 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            lines = "\n".join(f"  {problem}" for problem in error.problems)
            message = f"{count(len(error.problems), 'fault')} in the configuration:\n{lines}"
            code = MISCONFIGURED
        except (CorrectionError, ReportRequestError, UsageError) as error:
            message, code = str(error), MISCONFIGURED
        except CamwatchError as error:
            message, code = str(error), FAILED
        except KeyboardInterrupt:
            sys.exit(130)
        typer.echo(f"camwatch: {message}", err=True)
        raise typer.Exit(code)


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings file (default: built-in settings and CAMWATCH_… variables).",
    ),
]


def load_config(config: Path | None) -> tuple[Settings, Inventory]:
    """Return valid settings and inventory. Raises ConfigError with all problems."""
    try:
        settings = load_settings(config)
    except ConfigError as error:
        raise ConfigError(error.problems + _inventory_problems(config)) from error
    return settings, load(settings)


def _inventory_problems(config: Path | None) -> tuple[ConfigProblem, ...]:
    """Return the inventory's problems, if the settings that locate it are valid."""
    fleet = load_fleet_settings(config)
    try:
        if fleet is not None:
            load_inventory(fleet.path, fleet.timezone, wall_ms())
    except ConfigError as error:
        return error.problems
    return ()
