"""Commands, flags and exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from camwatch import __version__
from camwatch.cli import accounts, audit, history, maintenance, outages, reload
from camwatch.cli.common import MISCONFIGURED, ConfigFile, exit_with_error, handle_errors, load_config
from camwatch.cli.report import report_command
from camwatch.logs import LogWriter, configure, log_strays
from camwatch.settings import check_secrets, exposures
from camwatch.settings.loading import load

app = typer.Typer(
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
    """Run the daemon until SIGTERM or SIGINT; SIGHUP reloads the inventory, and confirms it."""
    from camwatch.app import run  # noqa: PLC0415 - reports are quicker without the daemon's libraries

    settings, inventory = load_config(config)

    def work() -> None:
        with LogWriter(sys.stderr) as log:
            configure(settings.log.format, settings.log.level, settings.fleet.timezone, log)
            log_strays()
            asyncio.run(run(settings, inventory, log))

    handle_errors(work)


@app.command("check-config")
def check_config(config: ConfigFile = None) -> None:
    """Read settings and inventory, and print every fault that can be seen in them at once.

    What needs sound settings or a sound inventory to be checked is told once those are.
    """
    from camwatch.web.auth import create_authenticator  # noqa: PLC0415 - as above

    settings, inventory = load_config(config)
    handle_errors(lambda: check_secrets(settings))
    handle_errors(lambda: create_authenticator(settings, inventory.operators).close())
    for exposure in exposures(settings):
        typer.echo(f"Warning: {exposure}", err=True)
    in_service = sum(camera.lifecycle == "in_service" for camera in inventory.cameras.values())
    typer.echo(
        f"Configuration OK: {len(inventory.cameras)} cameras ({in_service} in service), "
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
    browser: Annotated[
        bool, typer.Option(help="Open the page in a browser, if there is a screen to open it on.")
    ] = True,
) -> None:
    """Show the whole thing: an embedded broker, 458 simulated cameras, and the daemon watching them."""
    from camwatch.app import running  # noqa: PLC0415 - as above

    try:
        from camwatch import demo  # noqa: PLC0415 - needs the `demo` extra, which the daemon does without
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        exit_with_error(MISCONFIGURED, f"the demo needs {package}: pip install 'camwatch[demo]'")
    handle_errors(lambda: demo.run_demo(duration, port, load, running, browser=browser))


app.command("report")(report_command)


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
    try:
        app()
    except UnicodeEncodeError as error:
        if error.encoding != "utf-8":  # what is printed, where the terminal cannot show it
            raise
        typer.echo("camwatch: an argument is not UTF-8 text", err=True)
        sys.exit(MISCONFIGURED)
