"""The output of the demo: a live display on a terminal, lines of text elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from camwatch.core.events import Event, IncidentEvent, Transition
from camwatch.core.model import Cause, Instant, Status
from camwatch.monitoring.service import MonitorService
from camwatch.settings import Settings

_FRAMES_PER_S = 4
_PLAIN_EVERY_S = 5.0
_LAST = 8
_ALWAYS = (Status.PLANNED, Status.UNKNOWN, Status.DOWN, Status.UP)  # others get a column when they occur
_COLOURS = {
    Status.UP: "green",
    Status.DOWN: "bold red",
    Status.UNKNOWN: "yellow",
    Status.MAINTENANCE: "cyan",
    Status.PLANNED: "blue",
    Status.RETIRED: "dim",
}


class RunningDaemon(Protocol):
    """What the demo needs of the daemon."""

    monitor: MonitorService
    listeners: list[Callable[[list[Event]], None]]
    port: int


class DemoScreen:
    """The content of the display, kept up to date by events."""

    def __init__(self, daemon: RunningDaemon, settings: Settings) -> None:
        self.watcher = daemon.monitor
        self.inventory = daemon.monitor.inventory
        self.url = f"http://127.0.0.1:{daemon.port}"
        self.zone = settings.fleet.timezone
        self.step = ""
        self.most_up = 0
        self.log: deque[tuple[str, str, str]] = deque(maxlen=_LAST)  # time, text, colour
        self.pending_lines: list[str] = []
        self._grouped: dict[tuple[str, Status, Status, Cause | None], list[Transition]] = {}
        self._begun = time.monotonic()
        self._seen = (self._begun, 0)
        self._rate = 0.0
        self._outages = 0

    def on_events(self, events: Iterable[Event]) -> None:
        """Record transitions and incidents."""
        for event in events:
            if isinstance(event, Transition):
                self._outages += event.new is Status.DOWN
                where = "the fleet" if event.old is Status.UNKNOWN else event.site
                self._grouped.setdefault((where, event.old, event.new, event.cause), []).append(event)
            elif isinstance(event, IncidentEvent):
                self.flush_grouped(at_once=True)
                what = f"{event.kind} incident at {event.id} {'began' if event.opened else 'ended'}"
                self._note(event.detected_at, what, "bold magenta")

    def flush_grouped(self, *, at_once: bool = False) -> None:
        """Log equal transitions of several cameras in one line, a second after the first of them."""
        now = self.watcher.clock()
        for key, events in list(self._grouped.items()):
            first = events[0].detected_at
            if now.mono - first.mono < 1.0 and not at_once:
                continue
            del self._grouped[key]
            where, old, new, cause = key
            who = events[0].camera if len(events) == 1 else f"{where}: {len(events)} cameras"
            what = f"{old} → {new}"
            if new is Status.DOWN:
                late = max(event.detected_at.mono - event.at.mono for event in events)
                what = f"down ({cause}), noticed after {late:.1f} s"
            self._note(first, f"{who} {what}", _COLOURS[new])

    def set_step(self, text: str) -> None:
        """Show what the simulator does now."""
        self.step = text
        self._note(self.watcher.clock(), f"simulator: {text}", "bold")

    def counts(self) -> Counter[tuple[str, Status]]:
        """Count cameras by operator and status; the operator `""` is all of them."""
        now = self.watcher.clock()
        result = Counter(
            (operator, camera.status_at(now))
            for camera in self.watcher.fleet.cameras.values()
            for operator in (camera.camera.operator, "")
        )
        self.most_up = max(self.most_up, result["", Status.UP])
        return result

    def rate(self) -> float:
        """Return heartbeats per second, over the last second or more."""
        moment, total = self._seen
        now, heartbeats = time.monotonic(), self.heartbeats
        if now - moment >= 1.0:
            self._rate = (heartbeats - total) / (now - moment)
            self._seen = (now, heartbeats)
        return self._rate

    @property
    def heartbeats(self) -> int:
        """Heartbeats judged since the start."""
        return sum(camera.heartbeats for camera in self.watcher.fleet.cameras.values())

    def sample_metrics(self) -> list[str]:
        """Return a few lines of `/metrics` that match the table."""
        counts = self.counts()
        lines = [
            f'camwatch_site_incident{{site="{group.id}"}} 1'
            for group in self.watcher.fleet.incidents.values()
            if group.kind == "site" and group.since is not None
        ]
        up = counts["ville", Status.UP]
        return [*lines[:3], f'camwatch_operator_cameras{{operator="ville",status="up"}} {up}']

    def summary(self) -> str:
        """Return a summary of the demo."""
        return (
            f"\nThe demo ran for {time.monotonic() - self._begun:.0f} s.\n"
            f"  cameras now      {self.state()}\n"
            f"  most up at once  {self.most_up}\n"
            f"  heartbeats       {self.heartbeats:,}\n"
            f"  outages seen     {self._outages}\n"
            "To watch your own cameras: README.md, 'Installation'\n"
        )

    def state(self) -> str:
        """Return the number of cameras in each status that occurs."""
        counts = self.counts()
        return ", ".join(f"{count} {status}" for status in Status if (count := counts["", status]))

    def _note(self, at: Instant, text: str, colour: str) -> None:
        self.log.append((self._clock(at), text, colour))
        self.pending_lines.append(f"{self._clock(at)} {text}")

    def _clock(self, at: Instant) -> str:
        return datetime.fromtimestamp(at.utc_ms / 1000, self.zone).strftime("%H:%M:%S")


def _display(screen: DemoScreen) -> Group:
    counts = screen.counts()
    table = Table(title="Cameras by operator and status", title_justify="left", expand=False)
    table.add_column("operator", max_width=30, no_wrap=True)
    shown = [status for status in Status if status in _ALWAYS or counts["", status]]
    for status in shown:
        table.add_column(status.value, justify="right", style=_COLOURS[status])
    names = {"": "all", **{operator.id: operator.id for operator in screen.inventory.operators.values()}}
    for operator, name in names.items():
        cells = [str(counts[operator, status] or "·") for status in shown]
        table.add_row(name, *cells, style="bold" if not operator else "", end_section=not operator)
    lines = [
        Text(f"{clock} {text}", style=colour, no_wrap=True, overflow="ellipsis")
        for clock, text, colour in screen.log
    ]
    return Group(
        Text("camwatch demo", style="bold")
        + Text(f"   {screen.rate():.0f} heartbeats/s   Ctrl-C ends it", style="dim"),
        Text(f"{screen.url}/", style="bold underline") + Text(f"   {screen.url}/metrics", style="dim"),
        table,
        Text(f"Now: {screen.step}", style="bold"),
        *lines,
        Text("From /metrics:", style="dim"),
        *(
            Text(f"  {line}", style="dim", no_wrap=True, overflow="ellipsis")
            for line in screen.sample_metrics()
        ),
    )


async def show_live(screen: DemoScreen) -> None:
    """Redraw the display until cancelled."""
    with Live(_display(screen), auto_refresh=False) as live:
        while True:
            await asyncio.sleep(1 / _FRAMES_PER_S)
            screen.flush_grouped()
            live.update(_display(screen), refresh=True)


async def show_plain(screen: DemoScreen) -> None:
    """Print events as lines, and the state every few seconds, until cancelled."""
    typer.echo(f"camwatch demo: {screen.url}/metrics")
    due = 0.0
    while True:
        screen.flush_grouped()
        lines, screen.pending_lines = screen.pending_lines, []
        if time.monotonic() >= due:
            due = time.monotonic() + _PLAIN_EVERY_S
            lines.append(f"         {screen.state()}; {screen.rate():.0f} heartbeats/s")
            lines += [f"         {line}" for line in screen.sample_metrics() if "incident" in line]
        typer.echo("".join(f"{line}\n" for line in lines), nl=False)
        await asyncio.sleep(1 / _FRAMES_PER_S)
