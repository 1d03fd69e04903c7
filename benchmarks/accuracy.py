"""`python -m benchmarks.accuracy SCENARIO` plays a scenario to a real camwatch and marks what it judged.

`python -m benchmarks.accuracy --faults` plays faults of the broker and the daemon to cameras of every kind.

There is a Mosquitto that keeps sessions, the daemon, and `camsim` with the reference fleet; then come
`camwatch audit` and `camsim score`. The figures in docs/explanation/accuracy.md were measured this way. At a
`--speed` above 1 the interval shrinks with the scenario, so the machine's own delays weigh more.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.fault_scores import marked, table
from benchmarks.faults import Played, played
from benchmarks.process import Process
from tests.support.mosquitto import free_port, program

_ROOT = Path(__file__).parents[1]
_LIMITS = _ROOT / "simulator" / "limits.yaml"
_USUAL_INTERVAL_S = 10.0
_BROKER = """\
listener {port} 127.0.0.1
user root
allow_anonymous true
max_queued_messages 0
persistence true
persistence_location {folder}/
pid_file {folder}/broker.pid
"""
_CONFIG = """\
[fleet]
path = "{fleet}"
[[brokers]]
name = "main"
url = "mqtt://127.0.0.1:{broker}"
[clock]
require_sync = false
[liveness]
interval_s = {interval}
will_grace_s = {interval}
[history]
url = "sqlite:///{folder}/camwatch.db"
[http]
listen = "127.0.0.1:{http}"
"""


class AccuracyRun:
    """One scenario, played in `folder` at a speed."""

    def __init__(self, folder: Path, fleet: Path, speed: float) -> None:
        self._folder, self._fleet = folder, fleet
        self._port, self._http = free_port(), free_port()
        self.config = folder / "camwatch.toml"
        self._broker = folder / "mosquitto.conf"
        interval = _USUAL_INTERVAL_S / speed
        self._broker.write_text(_BROKER.format(port=self._port, folder=folder))
        self.config.write_text(
            _CONFIG.format(
                fleet=fleet.resolve(), broker=self._port, interval=interval, folder=folder, http=self._http
            )
        )

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Have the broker and the daemon run."""
        try:
            subprocess.run(shlex.split(self._start), check=True, capture_output=True)
            with Process([_bin("camwatch"), "run", "--config", str(self.config)], self._folder / "log") as it:
                it.wait_until_ready(self._http, "/-/ready")
                yield
        finally:
            subprocess.run(["sh", "-c", self._stop], check=False, capture_output=True)

    def play(self, *options: str) -> None:
        """Play to the end; progress goes to standard error. Raises BenchmarkError if that is not reached."""
        command = [_bin("camsim"), "run", "--broker", f"mqtt://127.0.0.1:{self._port}"]
        command += ["--fleet", str(self._fleet), "--truth", str(self.truth)]
        command += ["--broker-stop", self._stop, "--broker-start", self._start, *options]
        if subprocess.run(command, check=False, stdout=sys.stderr).returncode:
            raise BenchmarkError(f"camsim failed: {shlex.join(command)}")

    def marks(self, *options: str) -> int:
        """Print what the ledger and the judge say; return 1 if one of them finds fault."""
        audit = subprocess.run([_bin("camwatch"), "audit", "--config", str(self.config)], check=False)
        store = f"sqlite:///{self._folder}/camwatch.db"
        score = [_bin("camsim"), "score", "--truth", str(self.truth), "--history", store, *options]
        return max(audit.returncode, subprocess.run(score, check=False).returncode)

    @property
    def truth(self) -> Path:
        """Where camsim writes what really was."""
        return self._folder / "truth.jsonl"

    @property
    def _start(self) -> str:
        return f"{program('mosquitto')} -d -c {self._broker}"

    @property
    def _stop(self) -> str:
        pid = self._folder / "broker.pid"
        return f"kill $(cat {pid}) && while kill -0 $(cat {pid} 2>/dev/null) 2>/dev/null; do sleep 0.02; done"


def _bin(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def main() -> int:
    """Play and mark; return 0 if all is within the limits, 1 if not, 2 if nothing was marked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("scenario", nargs="?", help="a file, or the name of a shipped scenario")
    parser.add_argument("--speed", type=float, default=1.0, help="this many times faster than real time (1)")
    parser.add_argument("--duration", type=float, help="end after this many seconds of the scenario")
    parser.add_argument("--fleet", type=Path, default=_ROOT / "config" / "fleet", help="the inventory")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave truth, store and logs there")
    parser.add_argument("--html", help="where to draw the cameras that differ most")
    faults = parser.add_argument_group("faults of the broker and the daemon, instead of a scenario")
    faults.add_argument("--faults", action="store_true")
    faults.add_argument("--minutes", type=float, default=10.0, help="how long a run takes (10)")
    faults.add_argument("--runs", type=int, default=1, help="how many (1); the first has --seed")
    faults.add_argument("--at-once", type=int, default=4, help="how many at the same time (4)")
    faults.add_argument("--interval", type=float, default=2.0, help="seconds between two heartbeats (2)")
    faults.add_argument("--cameras", type=int, default=70, help="of a run, a seventh of each kind (70)")
    said = parser.parse_args()
    if (said.scenario is None) is not said.faults:
        parser.error("give a scenario, or --faults")
    return _faults(said) if said.faults else _scenario(said)


def _faults(said: argparse.Namespace) -> int:
    """Play runs under faults, and print their figures; return 1 if an account does not add up."""
    began, seed = time.monotonic(), int(said.seed)

    def progress(number: int, run: Played) -> None:
        minutes = (time.monotonic() - began) / 60
        count = sum(run.faults.values())
        print(f"{number}/{said.runs} runs in {minutes:.1f} min; {count} faults", file=sys.stderr)

    with _place(said) as folder:
        seeds, seconds = range(seed, seed + said.runs), said.minutes * 60
        playing = played(folder, seeds, seconds, said.interval, said.cameras, said.at_once, progress)
        runs = asyncio.run(playing)
    print(table(marked(runs), runs))
    return int(not runs or not all(run.sound for run in runs))


@contextlib.contextmanager
def _place(said: argparse.Namespace) -> Iterator[Path]:
    """Yield the folder to play in: one that is kept, or that goes with the run."""
    if said.keep is not None:
        said.keep.mkdir(parents=True)
        yield said.keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="camwatch-accuracy-") as folder:
        yield Path(folder)


def _scenario(said: argparse.Namespace) -> int:
    """Play a scenario and mark it."""
    options = ["--scenario", said.scenario, "--speed", f"{said.speed:g}", "--seed", said.seed]
    options += [] if said.duration is None else ["--duration", f"{said.duration:g}"]
    try:
        with _place(said) as folder:
            rehearsal = AccuracyRun(folder, said.fleet, said.speed)
            with rehearsal.running():
                rehearsal.play(*options)
            return rehearsal.marks("--limits", str(_LIMITS), *(["--html", said.html] if said.html else []))
    except (BenchmarkError, subprocess.CalledProcessError) as error:
        print(f"no result: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
