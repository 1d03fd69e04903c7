"""The command line. Exit codes: 0 success, 1 failure while running, 2 wrong usage or configuration."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from camwatch import __version__
from camwatch.cli import accounts, audit, history, maintenance, outages, reload
from camwatch.cli.common import MISCONFIGURED, CommandGroup, ConfigFile, UsageError, load_config
from camwatch.cli.report import report_command
from camwatch.cli.terminal import count
from camwatch.logs import LogWriter, configure, log_strays
from camwatch.settings import check_secrets, exposures
from camwatch.settings.loading import load

app = typer.Typer(
    cls=CommandGroup,
    help="Watch the health of a city's surveillance cameras.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(outages.app, name="outages")
app.add_typer(maintenance.app, name="maintenance")
app.add_typer(accounts.app, name="accounts")
app.add_typer(history.app, name="history")
app.command("audit")(audit.audit_command)
app.command("reload")(reload.reload_command)


@app.command("run")
def run_command(config: ConfigFile = None) -> None:
    """Run the daemon until SIGTERM or SIGINT; SIGHUP reloads and confirms the inventory."""
    from camwatch.app import run  # noqa: PLC0415 - reports start faster without the daemon's libraries

    settings, inventory = load_config(config)
    with LogWriter(sys.stderr) as log:
        configure(settings.log.format, settings.log.level, settings.fleet.timezone, log)
        log_strays()
        asyncio.run(run(settings, inventory, log))


@app.command("check-config")
def check_config(config: ConfigFile = None) -> None:
    """Check settings and inventory, and print all problems found.

    Checks that need valid settings or a valid inventory run once those are.
    """
    from camwatch.web.auth import create_authenticator  # noqa: PLC0415 - as above

    settings, inventory = load_config(config)
    check_secrets(settings)
    create_authenticator(settings, inventory.operators).close()
    for exposure in exposures(settings):
        typer.echo(f"Warning: {exposure}", err=True)
    in_service = sum(camera.lifecycle == "in_service" for camera in inventory.cameras.values())
    typer.echo(
        f"Configuration OK: {count(len(inventory.cameras), 'camera')} ({in_service} in service), "
        f"{count(len(inventory.operators), 'operator')}, {count(len(inventory.sites), 'site')}, "
        f"{count(len(inventory.windows), 'maintenance window')}, {count(len(settings.brokers), 'broker')}."
    )


@app.command("demo")
def demo_command(
    duration: Annotated[
        float | None,
        typer.Option(metavar="S", min=1.0, help="Stop after this many seconds, with a summary."),
    ] = None,
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="HTTP port; 0: any free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser, if there is a display.")] = True,
) -> None:
    """Run everything at once: an embedded broker, 458 simulated cameras, and the daemon watching them."""
    from camwatch.app import running  # noqa: PLC0415 - as above

    try:
        from camwatch import demo  # noqa: PLC0415 - needs the `demo` extra
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise UsageError(f"the demo needs {package}: pip install 'camwatch[demo]'") from error
    demo.run_demo(duration, port, load, running, browser=browser)


app.command("report")(report_command)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Watch the health of a city's surveillance cameras."""
    if show:
        typer.echo(f"camwatch {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    try:
        app()
    except UnicodeEncodeError as error:
        if error.encoding != "utf-8":  # output that the terminal cannot show
            raise
        typer.echo("camwatch: an argument is not UTF-8 text", err=True)
        sys.exit(MISCONFIGURED)
