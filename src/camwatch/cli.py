"""Commands, flags and exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from camwatch import __version__
from camwatch.app import load, run, running
from camwatch.errors import CamwatchError, ConfigurationError, Fault
from camwatch.fleet.inventory import Inventory, load_inventory
from camwatch.logs import configure
from camwatch.settings import Settings, load_fleet_settings, load_settings

_FAILED = 1
_MISCONFIGURED = 2

app = typer.Typer(
    help="Watch the health of a city's surveillance cameras.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings file (without: defaults and CAMWATCH_… variables)."
    ),
]


@app.command("run")
def run_command(config: ConfigFile = None) -> None:
    """Run the daemon until SIGTERM or SIGINT; SIGHUP reloads the inventory."""
    settings, inventory = _checked(config)
    configure(settings.log.format, settings.log.level, settings.fleet.timezone)
    _guarded(lambda: asyncio.run(run(settings, inventory)))


@app.command("check-config")
def check_config(config: ConfigFile = None) -> None:
    """Read settings and inventory, and print every fault in them at once."""
    settings, inventory = _checked(config)
    in_service = sum(camera.lifecycle == "in_service" for camera in inventory.cameras.values())
    typer.echo(
        f"Sound: {len(inventory.cameras)} cameras ({in_service} in service), "
        f"{len(inventory.operators)} operators, "
        f"{len(inventory.sites)} sites, {len(inventory.windows)} maintenance windows, "
        f"{len(settings.brokers)} {'broker' if len(settings.brokers) == 1 else 'brokers'}."
    )


@app.command("demo")
def demo_command(
    duration: Annotated[
        float | None,
        typer.Option(metavar="S", min=1.0, help="Watch for so many seconds, then end with a summary."),
    ] = None,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="HTTP port; 0 takes a free one.")
    ] = 0,
) -> None:
    """Show the whole thing: an embedded broker, 458 simulated cameras, and the daemon watching them."""
    try:
        from camwatch import demo  # noqa: PLC0415 - needs the `demo` extra, which the daemon does without
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        _fail(_MISCONFIGURED, f"the demo needs {package}: pip install 'camwatch[demo]'")
    _guarded(lambda: demo.show(duration, port, load, running))


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Watch the health of a city's surveillance cameras."""
    if show:
        typer.echo(f"camwatch {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    app()


def _checked(config: Path | None) -> tuple[Settings, Inventory]:
    """Return sound settings and inventory, or print every fault and leave with exit code 2."""
    try:
        settings = load_settings(config)
    except ConfigurationError as error:
        _misconfigured(error.faults + _faults_of_inventory(config))
    try:
        return settings, load(settings)
    except ConfigurationError as error:
        _misconfigured(error.faults)


def _faults_of_inventory(config: Path | None) -> tuple[Fault, ...]:
    """Return what is wrong with the inventory, too, when the settings are faulty; nothing if they hide it."""
    fleet = load_fleet_settings(config)
    try:
        if fleet is not None:
            load_inventory(fleet.path, fleet.timezone)
    except ConfigurationError as error:
        return error.faults
    return ()


def _misconfigured(faults: tuple[Fault, ...]) -> NoReturn:
    count = len(faults)
    lines = "\n".join(f"  {fault}" for fault in faults)
    _fail(_MISCONFIGURED, f"{count} {'fault' if count == 1 else 'faults'} in the configuration:\n{lines}")


def _guarded(work: Callable[[], None]) -> None:
    try:
        work()
    except ConfigurationError as error:
        _misconfigured(error.faults)
    except CamwatchError as error:
        _fail(_FAILED, str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(code: int, message: str) -> NoReturn:
    typer.echo(f"camwatch: {message}", err=True)
    raise typer.Exit(code)
