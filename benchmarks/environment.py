"""A stage: each peer running with a broker of its own, all for the same number of cameras.

They stay up through the whole comparison, so rounds can be interleaved and every peer is measured as it
runs in practice: every camera known, every series made.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from benchmarks.errors import BenchmarkError, LostMessagesError
from benchmarks.load_generator import LoadGenerator, LoadReport
from benchmarks.peers import Camwatch, GoExporter, Peer, Place, PythonExporter, mosquitto_sub
from benchmarks.process import Process, get
from tests.support.mosquitto import Mosquitto

if TYPE_CHECKING:
    from pathlib import Path

_NOTHING_IS_DROPPED = """\
allow_anonymous true
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
max_inflight_bytes 0
connection_messages false
log_type error
log_type subscribe
"""
_PATIENCE_S = 90.0
_LOOKS_BEFORE_LOST = 6


@dataclass(frozen=True, slots=True)
class Round:
    """What one program used for one flood, of which it processed every message."""

    cpu_s: float
    flood: LoadReport

    @property
    def us_per_message(self) -> float:
        """User and system microseconds per heartbeat."""
        return self.cpu_s / self.flood.messages * 1e6


class Running:
    """One peer, started, with its broker."""

    def __init__(self, peer: Peer, process: Process, flood: LoadGenerator) -> None:
        self.peer = peer
        self.process = process
        self._flood = flood

    def metrics(self) -> str:
        """Return its `/metrics`, plain."""
        status, body = get(self.peer.port, "/metrics", {"Accept-Encoding": "identity"})
        if status != 200:
            raise BenchmarkError(f"{self.peer.name}: /metrics answers {status} {body[:200]!r}")
        return body.decode()

    def warm_up(self) -> None:
        """Send a heartbeat of each camera until one pass arrives whole: the peer has subscribed."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            before = self.peer.processed(self.metrics())
            sent = self._flood.run(self.peer.place.broker_port, 1).messages
            self.process.settled_cpu_s()
            if self.peer.processed(self.metrics()) - before == sent:
                return
        raise BenchmarkError(f"{self.peer.name} takes no heartbeats: {self.peer.complaint(self.metrics())}")

    def beat_evenly(self, interval_s: float) -> LoadReport:
        """Let every camera send one heartbeat, evenly over an interval."""
        return self._flood.run(self.peer.place.broker_port, 1, interval_s, spread=True)

    def take(self, messages: int, pace_s: float = 0.0) -> Round:
        """Flood the peer; return what it used until it had processed all, by its own count.

        With `pace_s` each camera sends once per that many seconds, evenly spread, instead of all at once.
        Raises LostMessagesError when it is at rest and has not processed all.
        """
        metrics = self.metrics()
        before = self.peer.processed(metrics)
        used, start = 0.0, self.process.settled_cpu_s()
        report = self._flood.run(self.peer.place.broker_port, messages, pace_s, spread=pace_s > 0)
        missing, looks = report.messages, 0
        while missing:
            if looks == _LOOKS_BEFORE_LOST:
                complaint = self.peer.complaint(metrics) or "and does not say why"
                text = f"{self.peer.name} did not process {missing} of {report.messages} messages"
                raise LostMessagesError(f"{text}, {complaint}; {self.process.last_output()}")
            used += self.process.settled_cpu_s() - start
            metrics = self.metrics()
            start = self.process.cpu_s()
            still = report.messages - (self.peer.processed(metrics) - before)
            looks = looks + 1 if still == missing else 0
            missing = still
        if complaint := self.peer.complaint(metrics):
            raise BenchmarkError(f"{self.peer.name} {complaint}")
        return Round(used, report)


class Environment:
    """All peers at one size of fleet; leaving it ends every process."""

    def __init__(self, cameras: int, folder: Path, kinds: tuple[type[Peer], ...] | None = None) -> None:
        self.cameras = cameras
        self.running: dict[type[Peer], Running] = {}
        self._folder = folder
        self._kinds = kinds or (Camwatch, GoExporter, PythonExporter)
        self._flood = LoadGenerator(cameras)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            self._sub_broker = stack.enter_context(broker(self._folder / "mosquitto_sub"))
            for kind in self._kinds:
                self.running[kind] = self._start(kind)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, kind: type[Peer]) -> Running:
        folder = self._folder / kind.name
        its_broker = self._stack.enter_context(broker(folder))
        peer = kind(Place(its_broker.port, self.cameras, folder))
        process = Process(peer.command(), folder / "output.log", peer.environment())
        self._stack.enter_context(process)
        process.wait_until_ready(peer.port, peer.ready_path)
        running = Running(peer, process, self._flood)
        running.warm_up()
        return running

    def beat(self, running: Running, passes: int, every_s: float) -> LoadReport:
        """Let every camera of one peer send so many heartbeats, all at once each `every_s` seconds."""
        return self._flood.run(running.peer.place.broker_port, passes * self.cameras, every_s)

    def take_with_mosquitto_sub(self, messages: int) -> Round:
        """Flood Mosquitto's C client, which receives and prints; it ends with the last message."""
        passes = -(-messages // self.cameras)
        subscribed = self._sub_broker.log().count("heartbeat")
        command = mosquitto_sub(self._sub_broker.port, passes * self.cameras)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                deadline = time.monotonic() + _PATIENCE_S
                self._wait_for_subscription(subscribed + 1, deadline)
                report = self._flood.run(self._sub_broker.port, messages)
                usage = _wait(process, deadline)
            except BaseException:
                process.kill()
                raise
        return Round(usage.ru_utime + usage.ru_stime, report)

    def _wait_for_subscription(self, number: int, deadline: float) -> None:
        while self._sub_broker.log().count("heartbeat") < number:
            if time.monotonic() > deadline:
                raise BenchmarkError("mosquitto_sub does not subscribe")
            time.sleep(0.02)


def broker(folder: Path) -> Mosquitto:
    """Return a broker, not yet started, that drops nothing."""
    return Mosquitto(folder, _NOTHING_IS_DROPPED)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> resource.struct_rusage:
    while time.monotonic() < deadline:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        time.sleep(0.02)
    raise BenchmarkError("mosquitto_sub did not receive every message")
