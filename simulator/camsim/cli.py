"""The command line: `camsim run`. Exit codes: 0 done, 1 failed while running, 2 wrong usage."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from camsim.broker import broker_at
from camsim.errors import CamsimError, UsageError
from camsim.faults import parse_fault
from camsim.fleet import read_fleet
from camsim.progress import Progress
from camsim.simulator import Simulator, SimulatorSettings
from camsim.statistics import Statistics
from camwatch.wire.topics import DEFAULT_PREFIX

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback()
def camsim() -> None:
    """Play a fleet of cameras against a real MQTT broker, and what befalls them."""


@app.command()
def run(  # noqa: PLR0913, PLR0917 - each option of the command is an argument
    broker: Annotated[str, typer.Option(metavar="URL", help="mqtt://HOST:PORT, or mqtts:// for TLS")],
    fleet: Annotated[Path, typer.Option(metavar="DIR", help="folder that holds cameras.csv")],
    interval: Annotated[
        float, typer.Option(min=0.05, metavar="S", help="seconds between two heartbeats")
    ] = 10.0,
    duration: Annotated[float | None, typer.Option(min=0, metavar="S", help="stop after S seconds")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="the same seed plays the same cameras")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="KIND:SELECTOR@START+DURATION; KIND power, network, flap or commission; SELECTOR camera=ID, "
            "site=ID, operator=ID or all; seconds; without +DURATION until the end. May be repeated",
        ),
    ] = None,
    qos: Annotated[int, typer.Option(min=0, max=1, help="quality of service of the heartbeats")] = 0,
    keep_alive: Annotated[int, typer.Option(min=1, max=65535, metavar="S", help="MQTT keep-alive")] = 30,
    username: Annotated[
        str | None, typer.Option(metavar="U", help="the broker's user for all cameras")
    ] = None,
    password_file: Annotated[Path | None, typer.Option(metavar="F", help="holds the user's password")] = None,
    accounts: Annotated[
        Path | None, typer.Option(metavar="F", help="lines OPERATOR/CAMERA:PASSWORD, a user for each camera")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(metavar="F", help="authority of the broker's certificate")
    ] = None,
    prefix: Annotated[str, typer.Option(help="the topics begin with this")] = DEFAULT_PREFIX,
    connect_timeout: Annotated[
        float, typer.Option(min=0.1, metavar="S", help="how long to wait for the first connections")
    ] = 30.0,
) -> None:
    """Play every camera in service until --duration or a signal (SIGINT, SIGTERM), then say goodbye."""
    try:
        settings = SimulatorSettings(
            broker=broker_at(
                broker,
                username=username,
                password_file=password_file,
                ca_file=ca_file,
                accounts_file=accounts,
                keep_alive_s=keep_alive,
            ),
            fleet=read_fleet(fleet),
            interval_s=interval,
            seed=seed,
            faults=tuple(parse_fault(spec) for spec in fault or ()),
            qos=qos,
            prefix=prefix,
            connect_timeout_s=connect_timeout,
        )
        asyncio.run(_play(settings, duration))
    except UsageError as error:
        _fail(error, 2)
    except CamsimError as error:
        _fail(error, 1)


async def _play(settings: SimulatorSettings, duration_s: float | None) -> None:
    """Play until the time is over or a signal comes; the first signal ends cleanly, a second at once."""
    progress = Progress(sys.stdout)
    statistics = Statistics(on_change=progress.show, on_notice=progress.note)
    playing = asyncio.create_task(_session(Simulator(settings, statistics), duration_s))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    following = asyncio.create_task(progress.follow(statistics))
    await asyncio.wait({playing})
    following.cancel()
    if not playing.cancelled():
        playing.result()
    progress.note(statistics.summary())


async def _session(simulator: Simulator, duration_s: float | None) -> None:
    async with simulator:
        statistics = simulator.statistics
        statistics.on_notice(f"{statistics.connected}/{statistics.expected} connected, playing")
        await simulator.play(duration_s)


def _fail(error: CamsimError, code: int) -> NoReturn:
    typer.echo(f"camsim: {error}", err=True)
    raise typer.Exit(code)


def main() -> None:
    """Run the command line."""
    app(prog_name="camsim")
