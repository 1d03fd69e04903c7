"""Runs the daemon and logs its history: `python -m benchmarks.recorder_process FOLDER SETTINGS MEMORY`.

Late ticks of the event loop go to FOLDER/ticks, as `benchmarks.loop_ticker` has them, and each batch that was
stored goes to FOLDER/batches, a line of JSON. With `without` for MEMORY the daemon remembers nothing, so
that the costs of history can be separated from all others.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from benchmarks.loop_ticker import start_ticker
from camwatch import app
from camwatch.core.events import Event, Transition
from camwatch.core.model import Camera, MaintenanceWindow, Status
from camwatch.history.recorder import Recorder
from camwatch.history.recording_store import RecordingStore
from camwatch.history.sealing import Seal
from camwatch.history.write_queue import Batch
from camwatch.logs import configure
from camwatch.settings import load_settings
from camwatch.settings.loading import load

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKS, BATCHES = "ticks", "batches"


@dataclass(frozen=True, slots=True)
class Stored:
    """One batch: when it was stored (monotonic seconds), how long that took, and what was in it.

    `deaths` counts the transitions to down, the first of which was noticed `waited_s` before.
    """

    at: float
    took_s: float
    events: int
    memories: int
    deaths: int
    waited_s: float


def batches(folder: Path) -> Iterator[Stored]:
    """Yield what the daemon has stored so far."""
    file = folder / BATCHES
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return (Stored(**json.loads(line)) for line in lines if line.endswith("\n"))


class TracingStore(RecordingStore):
    """The daemon's store, which reports every batch once it is stored."""

    output: TextIO

    def write(self, batch: Batch) -> Seal | None:
        """Store a batch."""
        began = time.monotonic()
        sealed = super().write(batch)
        ended = time.monotonic()
        deaths = [
            event.detected_at.utc_ms
            for event in batch.events
            if isinstance(event, Transition) and event.new is Status.DOWN
        ]
        waited_s = time.time() - min(deaths) / 1000 if deaths else 0.0
        stored = Stored(
            ended, ended - began, len(batch.events), len(batch.checkpoints), len(deaths), waited_s
        )
        self.output.write(json.dumps(asdict(stored)) + "\n")
        return sealed


class NullRecorder(Recorder):
    """A history that takes no note of anything."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._over = asyncio.Event()

    def record_events(self, events: Sequence[Event]) -> None:
        """Forget what has just happened."""

    def record_inventory(self, cameras: Iterable[Camera], windows: Iterable[MaintenanceWindow]) -> None:
        """Forget who is watched."""

    async def run(self) -> None:
        """Do nothing, until `close`."""
        await self._over.wait()

    async def close(self, within_s: float) -> bool:  # noqa: ARG002 - there is nothing to wait for
        """End; there is nothing left to store."""
        self._over.set()
        return True


async def _run(folder: Path, config: Path, memory: str) -> None:
    settings = load_settings(config)
    configure(settings.log.format, settings.log.level, settings.fleet.timezone)
    with (
        (folder / TICKS).open("w", buffering=1) as ticks,
        (folder / BATCHES).open("w", buffering=1) as output,
    ):
        TracingStore.output = output
        # The daemon offers no hook here, and needs none but for this: what it is built of is replaced.
        vars(app)["RecordingStore"] = TracingStore
        if memory == "without":
            vars(app)["Recorder"] = NullRecorder
        start_ticker(ticks)
        await app.run(settings, load(settings))


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
