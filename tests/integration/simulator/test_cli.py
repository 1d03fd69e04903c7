"""`camsim run` as a tester uses it: a process, its words, its exit code."""

from __future__ import annotations

import asyncio
import io
import json
import re
import signal
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from camsim import fleet_generator
from camsim.cli import app
from camsim.runner import Progress
from camsim.scenario.parser import shipped
from camsim.stats import Statistics
from camwatch.core.telemetry import SessionStatus
from camwatch.fleet.inventory import load_inventory
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.pace import PATIENCE_S, SCALE
from tests.support.simulator.builders import row, table
from tests.support.simulator.mqtt_observer import observing
from tests.support.simulator.process import camsim, finished


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Six cameras at two sites, and a planned one."""
    rows = [row(f"cam-{n}", f"site-{n // 3}") for n in range(6)]
    return table(tmp_path / "fleet", *rows, row("cam-6", "site-2", "planned"))


async def test_a_run_ends_after_its_duration_with_a_summary(mosquitto: Mosquitto, fleet: Path) -> None:
    cut = f"{{action: power_cut, on: {{site: site-1}}, at: {0.2 * SCALE}, for: {0.3 * SCALE}}}"
    faults = ["--action", cut, "--action", f"{{action: commission, at: {0.1 * SCALE}}}"]
    pace = ["--interval", str(0.2 * SCALE), "--duration", str(1.5 * SCALE)]
    run = ["run", "--broker", mosquitto.url, "--fleet", str(fleet), *pace]
    async with observing(mosquitto.url) as observer:
        code, out, err = await finished(await camsim(*run, *faults, "--seed", "7", "--qos", "1"))
        await observer.until(
            lambda: all(observer.last(f"cam-{n}") is SessionStatus.GOODBYE for n in range(7))
        )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "6/6 connected, playing"
    assert f"{0.1 * SCALE:g} s: commission: all (1 camera)" in lines
    assert f"{0.2 * SCALE:g} s: power cut: site site-1 (3 cameras)" in lines
    summary = r"7 cameras, 10 connections, \d\d heartbeats sent, 3 reconnects, 0 failures, 2 entries played"
    assert re.fullmatch(summary, lines[-1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_says_goodbye_for_every_camera(
    mosquitto: Mosquitto, fleet: Path, number: signal.Signals
) -> None:
    async with observing(mosquitto.url) as observer:
        run = await camsim("run", "--broker", mosquitto.url, "--fleet", str(fleet), "--interval", "0.2")
        await observer.until(lambda: all(observer.heartbeats(f"cam-{n}") for n in range(6)))
        run.send_signal(number)
        code, out, err = await finished(run)
        await observer.until(
            lambda: all(observer.last(f"cam-{n}") is SessionStatus.GOODBYE for n in range(6))
        )
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("6 cameras (1 still planned), 6 connections")


async def test_a_signal_while_connecting_ends_at_once(fleet: Path) -> None:
    """A server that accepts connections and says nothing: Ctrl-C must not wait for its answer."""
    greeted = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        run = await camsim(
            "run", "--broker", url, "--fleet", str(fleet), "--connect-timeout", str(PATIENCE_S)
        )
        await greeted.wait()
        run.send_signal(signal.SIGINT)
        code, out, err = await finished(run)
    assert (code, err) == (0, "")
    assert "0 connections, 0 heartbeats sent" in out


async def test_nobody_listening_ends_with_1_and_says_what_to_do_once(fleet: Path) -> None:
    url = f"mqtt://127.0.0.1:{free_port()}"
    run = ["run", "--broker", url, "--fleet", str(fleet), "--connect-timeout", str(0.5 * SCALE)]
    code, out, err = await finished(await camsim(*run))
    assert code == 1
    assert (out + err).count("Traceback") == 0
    assert out.count("nobody listens there") == 1
    assert err.startswith("camsim: no camera could connect: ")
    assert "start the broker, or correct --broker" in err
    assert len(err.splitlines()) == 1


async def test_a_low_limit_of_open_files_is_raised(mosquitto: Mosquitto, tmp_path: Path) -> None:
    rows = [row(f"cam-{n}") for n in range(60)]
    run = [
        "run",
        "--broker",
        mosquitto.url,
        "--fleet",
        str(table(tmp_path / "many", *rows)),
        "--duration",
        "0",
    ]
    code, out, err = await finished(await camsim(*run, files=40))
    assert (code, err) == (0, "")
    assert "60/60 connected, playing" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--action", "{action: reboot, on: {site: site-9}}"],
            "--action:1:1: no camera of the fleet has site 'site-9'",
        ),
        (["--action", "{action: reboott}"], "--action:1:10: action: write one of"),
        (["--action", "{action: commission, on: {camera: cam-1}}"], "nothing to commission"),
        (
            ["--action", "{action: flap}"],
            "--action:1:1: flap has no end: give it 'for', or the run a --duration",
        ),
        (["--action", "{action: broker_restart}"], "say how, with --broker-stop and --broker-start"),
        (["--scenario", "nothing-of-the-sort"], "is neither a file nor a bundled scenario: use one of "),
        (["--connections", "2", "--qos", "1"], "leave --qos out"),
        (["--broker-stop", "true"], "belong together"),
        (["--truth", "/nowhere/truth"], "--truth /nowhere/truth: cannot be written"),
        (["--broker", "ws://127.0.0.1"], "write mqtt://HOST:PORT"),
        (["--fleet", "/nowhere"], "/nowhere/cameras.csv: does not exist"),
        (["--qos", "2"], "--qos"),
        (["--interval", "0"], "--interval"),
        (["--password-file", "/nowhere"], "needs --username"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(fleet: Path, arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(
        app, ["run", "--broker", "mqtt://127.0.0.1:1", "--fleet", str(fleet), *arguments]
    )
    assert result.exit_code == 2
    assert says in result.stderr


def test_a_wrong_row_ends_with_2_and_its_file_and_line(tmp_path: Path) -> None:
    folder = table(tmp_path, row(), row("cam-2", lifecycle="lost"))
    result = CliRunner().invoke(app, ["run", "--broker", "mqtt://127.0.0.1:1", "--fleet", str(folder)])
    assert result.exit_code == 2
    assert f"{folder}/cameras.csv:3: lifecycle 'lost'" in result.stderr


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def test_a_terminal_shows_one_line_in_place_and_notes_that_stay() -> None:
    screen = _Terminal()
    progress, statistics = Progress(screen), Statistics(expected=458)
    following = asyncio.create_task(progress.follow(statistics))
    await eventually(screen.getvalue)
    following.cancel()
    progress.note("done")
    shown, erased, note = screen.getvalue().partition("\x1b[2K")
    assert "0/458 connected, 0 heartbeats sent" in shown
    assert "\n" not in shown
    assert erased
    assert note.endswith("done\n")


def test_scenarios_lists_what_ships_within_80_columns() -> None:
    result = CliRunner().invoke(app, ["scenarios"])
    assert result.exit_code == 0
    for name in shipped():
        assert f"\n{name}: " in f"\n{result.stdout}"
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_fleet_makes_an_inventory_that_camwatch_takes(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    made = ["fleet", "--cameras", "500", "--operators", "7", "--seed", "3", "--output", str(folder)]
    assert CliRunner().invoke(app, made).exit_code == 0
    inventory = load_inventory(folder, ZoneInfo("Europe/Paris"))
    assert (len(inventory.cameras), len(inventory.operators)) == (500, 7)
    assert len({camera.purpose for camera in inventory.cameras.values()}) == 3
    assert (
        fleet_generator.tables(500, 7, 3)
        == fleet_generator.tables(500, 7, 3)
        != fleet_generator.tables(500, 7, 4)
    )
    again = CliRunner().invoke(app, made)
    assert again.exit_code == 2
    assert "operators.csv exists already: choose another folder" in again.stderr


async def test_the_truth_of_a_run_is_written_and_is_that_of_the_plan(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    truth, cut = tmp_path / "truth.jsonl", "{action: power_cut, at: 0.4, on: {camera: cam-1}}"
    run = ["run", "--broker", mosquitto.url, "--fleet", str(fleet), "--interval", "0.4", "--duration", "2"]
    before = time.time()
    code, _, err = await finished(await camsim(*run, "--action", cut, "--speed", "2", "--truth", str(truth)))
    assert (code, err) == (0, "")
    read = [json.loads(line) for line in truth.read_text("utf-8").splitlines()]
    assert (read[0]["kind"], read[0]["interval_s"], read[0]["speed"]) == ("run", 0.2, 2)
    assert before - 0.1 <= read[0]["began_ms"] / 1000 <= time.time()
    assert read[-1]["at_s"] >= 1.0  # which is two of the scenario
    (died,) = [line for line in read if line["kind"] == "alive" and line["why"] == "power_cut"]
    assert (died["camera"], died["until_s"]) == ("cam-1", 0.2)
