"""The command line. Exit codes: 0 done, 1 failed while running, 2 wrong usage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from camsim import fleet_generator
from camsim.broker import BrokerController, broker_at
from camsim.errors import CamsimError, ScoreError, UsageError
from camsim.fleet import read_fleet
from camsim.runner import play
from camsim.scenario.model import NOTHING, Scenario
from camsim.scenario.parser import read_inline, read_scenario, shipped
from camsim.scenario.value_types import format_duration
from camsim.score.figures import beyond, figures, read_limits
from camsim.score.html_page import page
from camsim.score.matching import score_run
from camsim.score.observations import from_api, from_store
from camsim.score.text_table import table
from camsim.score.truth_reader import read_truth
from camsim.simulator import SimulatorSettings
from camwatch.wire.topics import DEFAULT_PREFIX

app = typer.Typer(
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@contextlib.contextmanager
def _exit_codes() -> Iterator[None]:
    """Print a CamsimError, and exit with its code."""
    try:
        yield
    except CamsimError as error:
        typer.echo(f"camsim: {error}", err=True)
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None


@app.callback()
def camsim() -> None:
    """Simulate a fleet of cameras, and their faults, against a real MQTT broker."""


@app.command()
@_exit_codes()
def run(  # noqa: PLR0913, PLR0917 - each option of the command is an argument
    broker: Annotated[str, typer.Option(metavar="URL", help="mqtt://HOST:PORT, or mqtts:// for TLS")],
    fleet: Annotated[Path, typer.Option(metavar="DIR", help="folder with cameras.csv")],
    interval: Annotated[
        float | None, typer.Option(min=0.05, metavar="S", help="seconds between heartbeats (scenario, or 10)")
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="stop after S seconds (scenario)")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="same seed, same cameras")] = 0,
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE", help="scenario: a file, or the name of a bundled one")
    ] = None,
    action: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ENTRY",
            help="one more entry of the timeline (may be repeated), "
            "like '{action: power_cut, on: {site: ID}, at: 30s, for: 2m}'",
        ),
    ] = None,
    speed: Annotated[float, typer.Option(min=0.01, metavar="K", help="divide all times by K")] = 1.0,
    truth: Annotated[Path | None, typer.Option(metavar="FILE", help="write the ground truth to FILE")] = None,
    connections: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="share N connections, as gateways do (MQTT 5, QoS 0)"),
    ] = None,
    qos: Annotated[int, typer.Option(min=0, max=1, help="quality of service of the heartbeats")] = 0,
    keep_alive: Annotated[int, typer.Option(min=1, max=65535, metavar="S", help="MQTT keep-alive")] = 30,
    username: Annotated[str | None, typer.Option(metavar="U", help="user for all cameras")] = None,
    password_file: Annotated[Path | None, typer.Option(metavar="F", help="the user's password")] = None,
    accounts: Annotated[
        Path | None, typer.Option(metavar="F", help="lines OPERATOR/CAMERA:PASSWORD, a user for each camera")
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(metavar="F", help="authority of its certificate")] = None,
    prefix: Annotated[str, typer.Option(help="prefix of the topics")] = DEFAULT_PREFIX,
    connect_timeout: Annotated[
        float, typer.Option(min=0.1, metavar="S", help="how long to wait for the first connections")
    ] = 30.0,
    broker_stop: Annotated[str | None, typer.Option(metavar="COMMAND", help="stops the broker")] = None,
    broker_start: Annotated[str | None, typer.Option(metavar="COMMAND", help="starts the broker")] = None,
) -> None:
    """Play every camera in service until --duration or a signal (SIGINT, SIGTERM), then say goodbye."""
    if qos and connections:
        raise UsageError("--connections uses QoS 0: leave --qos out")
    if (broker_stop is None) is not (broker_start is None):
        raise UsageError("--broker-stop and --broker-start belong together")
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
        scenario=_scenario(scenario, action or [], duration),
        interval_s=interval,
        speed=speed,
        seed=seed,
        qos=qos,
        prefix=prefix,
        connections=connections,
        connect_timeout_s=connect_timeout,
        broker_control=BrokerController(broker_stop, broker_start) if broker_stop and broker_start else None,
    )
    asyncio.run(play(settings, truth))


@app.command()
def scenarios() -> None:
    """List the bundled scenarios."""
    for name, file in shipped().items():
        scenario = read_scenario(file)
        typer.echo(f"{name}: {scenario.title}, {format_duration(scenario.duration_s or 0)}")
        typer.echo(textwrap.fill(scenario.description, 78, initial_indent="  ", subsequent_indent="  "))


@app.command()
@_exit_codes()
def fleet(
    cameras: Annotated[int, typer.Option(min=1, max=1_000_000, metavar="N", help="how many cameras")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="folder to write the tables into")],
    operators: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="how many operators")] = 9,
    seed: Annotated[int, typer.Option(metavar="N", help="same seed, same fleet")] = 0,
) -> None:
    """Generate an inventory of any size."""
    fleet_generator.write(output, cameras, operators, seed)
    typer.echo(f"{cameras} cameras of {operators} operators: {output}")


@app.command()
@_exit_codes()
def score(
    truth: Annotated[Path, typer.Option(metavar="FILE", help="file written by `camsim run --truth`")],
    camwatch: Annotated[
        str | None, typer.Option(metavar="URL", help="a running camwatch: http://HOST:PORT")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="with --camwatch: file with an API token for all operators"),
    ] = None,
    history: Annotated[
        str | None, typer.Option(metavar="URL", help="its store: sqlite:///FILE or postgresql://…")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="draw truth and record of the worst cameras")
    ] = None,
    limits: Annotated[
        Path | None, typer.Option(metavar="FILE", help="maximum figures; exit 1 if exceeded")
    ] = None,
    down_after: Annotated[
        float, typer.Option(min=1, help="as in camwatch's settings, liveness.down_after")
    ] = 4.5,
) -> None:
    """Compare camwatch with the ground truth."""
    if (camwatch is None) is (history is None):
        raise ScoreError("give one of --camwatch and --history")
    most = {} if limits is None else read_limits(limits)
    real = read_truth(truth)
    record = (
        from_store(history)
        if history is not None
        else from_api(f"{camwatch}", real.began_ms, real.ended_ms, token_file)
    )
    marks = score_run(real, record, down_after)
    found = figures(marks, down_after)
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else table(found), nl=as_json)
    if html is not None:
        try:
            html.write_text(page(found, table(found), marks), "utf-8")
        except OSError as error:
            raise ScoreError(f"--html {html}: cannot be written: {error.strerror}") from None
    failed = beyond(found, most)
    for line in failed:
        typer.echo(f"beyond the limits: {line}", err=True)
    if failed:
        raise typer.Exit(1)


def _scenario(file: Path | None, entries: Sequence[str], duration_s: float | None) -> Scenario:
    """Return the scenario, with the entries of the command line after its own."""
    scenario = NOTHING if file is None else read_scenario(file)
    return replace(
        scenario,
        duration_s=scenario.duration_s if duration_s is None else duration_s,
        timeline=(*scenario.timeline, *map(read_inline, entries)),
    )


def main() -> None:
    """Run the command line."""
    app(prog_name="camsim")
