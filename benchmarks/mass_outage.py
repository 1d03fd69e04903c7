"""10,000 cameras go down at once: how soon that is stored, and how long storing it holds the loop.

The same is done by a daemon that remembers nothing, since judging and notifying hold the loop as well.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.environment import Environment, Running
from benchmarks.errors import LostMessagesError
from benchmarks.loop_latency import late_ticks, longest
from benchmarks.process import get
from benchmarks.recorder_process import TICKS
from benchmarks.with_history import WithHistory, with_history

if TYPE_CHECKING:
    from pathlib import Path

_INTERVAL_S = 1.0
_SILENCE_S = 4.5 * _INTERVAL_S
_LOOK_S = 0.1
_AFTERMATH_S = 1.5  # what the loop still does about them: checkpoints, the journal's lines
_PATIENCE_S = 15.0
_MORE_CHANCES = 2


@dataclass(slots=True)
class MassOutage:
    """One value a death: seconds from noticing to stored, of the transition that waited longest; holds."""

    stored: list[float]
    held: list[float]

    @property
    def stored_s(self) -> float:
        """The median, seconds."""
        return statistics.median(self.stored) if self.stored else 0.0

    @property
    def held_s(self) -> float:
        """The median, seconds."""
        return statistics.median(self.held)


def mass_outage(
    cameras: int, folder: Path, times: int, *, url: str | None = None, memory: bool = True
) -> MassOutage:
    """Several times, let all cameras give a heartbeat, fall silent together, and go down."""
    kind = with_history(_INTERVAL_S, url=url, memory=memory)
    found = MassOutage([], [])
    with Environment(cameras, folder, (kind,)) as stage:
        chances = times + _MORE_CHANCES
        while len(found.held) < times:
            chances -= 1
            try:
                _all_die(stage, stage.running[kind], found)
            except (
                LostMessagesError
            ):  # on a busy machine some lived longer: the daemon was held up, and saw it
                if not chances:
                    raise
    return found


def _all_die(stage: Environment, running: Running, found: MassOutage) -> None:
    peer = running.peer
    if not isinstance(peer, WithHistory):
        raise TypeError(peer)
    before, declared = len(peer.stored()), _declared_down(peer)
    with running.process.frozen():  # the heartbeats wait in its socket, to arrive as one
        stage.beat(running, 1, 0.0)
    thawed = time.monotonic()
    time.sleep(_SILENCE_S - _LOOK_S)
    deadline = time.monotonic() + _PATIENCE_S
    waited: list[float] = []
    while peer.memory == "with":
        mine = [batch for batch in peer.stored()[before:] if batch.deaths]
        if sum(batch.deaths for batch in mine) >= stage.cameras:
            waited.append(max(batch.waited_s for batch in mine))
            break
        if time.monotonic() > deadline:
            count = sum(batch.deaths for batch in mine)
            raise LostMessagesError(f"only {count} of {stage.cameras} deaths were stored")
        time.sleep(_LOOK_S)
    time.sleep(_AFTERMATH_S)
    began = thawed + _SILENCE_S - 2 * _LOOK_S
    held = longest(late_ticks(peer.folder / TICKS), began, time.monotonic())
    died = _declared_down(peer) - declared
    if died < stage.cameras:
        raise LostMessagesError(f"only {died} of {stage.cameras} cameras were seen to die")
    found.stored += waited
    found.held.append(held)


def _declared_down(peer: WithHistory) -> int:
    _, body = get(peer.port, "/metrics", {"Accept-Encoding": "identity"})
    name = b"\ncamwatch_detection_delay_seconds_count "
    _, _, rest = body.partition(name)
    return int(float(rest.split(b"\n", 1)[0] or b"0"))
