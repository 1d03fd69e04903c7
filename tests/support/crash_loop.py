"""A daemon without broker or HTTP that lives fast and is killed again and again, in a process of its own.

`python -m tests.support.crash_loop CONFIG SEED KILLS` forks, lets the child keep the record of cameras that
flap, fall silent, reboot, and of a link that comes and goes, kills it at a random instant, and looks at the
store as the next process finds it. One line of JSON a kill on standard output: see `Kill`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select as query

from camwatch.app import Application
from camwatch.core.events import Event, Transition
from camwatch.history import schema
from camwatch.history.audit import audit
from camwatch.history.recording_store import RecordingStore
from camwatch.history.store import Store
from camwatch.logs import configure
from camwatch.settings import Settings, load_settings
from camwatch.settings.loading import load
from camwatch.systemd import NULL_NOTIFIER

LATEST_S = 0.12
"""By when a child is killed, from its first report of a transition or, one in four, from its birth."""
_TURN_S = 0.003
_COUNTERS = ("heartbeats", "outages", "reboots", "up", "down", "unknown", "maintenance", "degraded")

Report = Callable[[dict[str, Any]], None]


class Kill(NamedTuple):
    """What was found after one kill; the first two must be empty."""

    problems: list[str]  # of the audit
    gone: list[str]  # that had been reported as stored
    after_s: float
    reported: int  # transitions, by this child
    batches: int  # in the store so far


async def live(settings: Settings, seed: int, report: Report) -> None:
    """Keep the record until killed; report what a scrape shows, and each transition when it is stored."""
    inventory = load(settings)
    store = Store.open(settings.history)
    store.acquire_lock()
    keeper = RecordingStore(store, settings.fleet.timezone, settings.history.retention_days)
    daemon = Application(settings, inventory, keeper, store.load(), NULL_NOTIFIER)
    told: list[Event] = []
    daemon.listeners.append(told.extend)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(daemon.recorder.run())
        tasks.create_task(daemon.monitor.run_deadlines())
        tasks.create_task(daemon.pump_events())
        tasks.create_task(play(daemon, random.Random(seed)))
        while True:
            await asyncio.sleep(_TURN_S)
            if daemon.recorder.pending == 0:
                moves = [event for event in told if isinstance(event, Transition)]
                told.clear()
                stored = [[move.camera, move.at.utc_ms, move.new.value] for move in moves]
                cameras = daemon.monitor.fleet.cameras.values()
                counters = {
                    camera.camera.id: [getattr(camera.persisted, name) for name in _COUNTERS]
                    for camera in cameras
                }
                report({"transitions": stored, "counters": counters})


async def play(daemon: Application, rng: random.Random) -> None:
    """Be the cameras and the link."""
    link = daemon.monitor.receiver("main")
    clock = daemon.monitor.clock
    silent_until = dict.fromkeys(daemon.monitor.heartbeat_topics, 0.0)
    boots = dict.fromkeys(silent_until, 0.0)
    link.subscribed(clock(), session_present=True)
    seq = 0
    while True:
        await asyncio.sleep(_TURN_S)
        now = clock()
        if rng.random() < 0.02:
            link.lost(now, now, "played")
            await asyncio.sleep(rng.choice((0.01, 0.05, 0.12)))
            link.subscribed(clock(), session_present=True)
        link.packets_begin(clock())
        for topic, until in silent_until.items():
            seq += 1
            if now.mono < until:
                continue
            if rng.random() < 0.04:
                silent_until[topic] = now.mono + rng.choice((0.03, 0.06, 0.15))
                if rng.random() < 0.3:
                    link.message(topic.replace("heartbeat", "status"), b'{"status":"offline"}', False)
            elif rng.random() < 0.02:
                boots[topic] = now.mono
            late_s = rng.choice((0.03, 0.06)) if rng.random() < 0.05 else 0.0
            said = {"ts": time.time() - late_s, "seq": seq, "uptime_s": now.mono - boots[topic] - late_s}
            link.message(topic, json.dumps(said).encode(), False)
        link.packets_end(clock())


def kill_one(settings: Settings, seed: int, after_s: float, *, born: bool) -> Iterator[dict[str, Any]]:
    """Fork a child, kill it `after_s` after its birth or first transition; yield its reports."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            asyncio.run(live(settings, seed, lambda said: _say(writing, said)))
        finally:
            os._exit(3)  # a child that ends by itself did not do its work
    os.close(writing)
    said = b""
    while not born and b'"transitions": [[' not in said and (piece := os.read(reading, 1 << 16)):
        said += piece
    deadline = time.monotonic() + after_s
    while (left := deadline - time.monotonic()) > 0:
        if select.select([reading], [], [], left)[0]:
            if not (piece := os.read(reading, 1 << 16)):
                break
            said += piece
    os.kill(child, signal.SIGKILL)
    while piece := os.read(reading, 1 << 16):
        said += piece
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise AssertionError(f"the child ended by itself: {status}")
    yield from map(json.loads, said.rpartition(b"\n")[0].splitlines())


def _say(pipe: int, said: dict[str, Any]) -> None:
    os.write(pipe, json.dumps(said).encode() + b"\n")


def look(settings: Settings, reports: list[dict[str, Any]], after_s: float) -> Kill:
    """Hold what was reported against what the next process finds."""
    with Store.open(settings.history) as store:
        found = audit(store.engine, settings.fleet.timezone)
        past = store.load()
        with store.engine.connect() as connection:
            columns = (schema.cameras.c.id, schema.transitions.c.at_ms, schema.transitions.c.status)
            rows = connection.execute(query(*columns).join_from(schema.transitions, schema.cameras))
            stored = {tuple(row) for row in rows}
    moves = [tuple(move) for report in reports for move in report["transitions"]]
    gone = [f"{move}" for move in moves if move not in stored]
    kept = {memory.camera: memory for memory in past.checkpoints}
    for camera, counted in (reports[-1]["counters"] if reports else {}).items():
        gone += [
            f"{camera}: {name} {count}, now {camera in kept and getattr(kept[camera], name)}"
            for name, count in zip(_COUNTERS, counted, strict=True)
            if count > (getattr(kept[camera], name) if camera in kept else 0)
        ]
    problems = [f"{finding.camera}: {finding.problem}" for finding in found.findings]
    return Kill(problems, gone, after_s, len(moves), past.number)


def main(config: str, seed: str, kills: str) -> None:
    """Kill so many children, and say what was found after each."""
    settings = load_settings(Path(config))
    configure("json", "critical", settings.fleet.timezone)
    rng = random.Random(int(seed))
    for number in range(int(kills)):
        after_s = rng.uniform(0, LATEST_S)
        reports = list(kill_one(settings, number, after_s, born=number % 4 == 0))
        sys.stdout.write(json.dumps(look(settings, reports, after_s)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
