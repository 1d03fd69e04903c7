"""A month of a fleet, judged by the daemon's real parts, against what its cameras sent (rule A1).

Two classes of instants: what was seen (proofs, packets, hints, windows) is equal to the millisecond; what
could only be inferred (the start of an outage by silence) is the rule's instant, to the millisecond too,
and within one interval of what the camera really did.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import OPEN_ENDED
from camwatch.accounting.rolling_window import CALENDAR, ROLLING
from camwatch.accounting.timeline import StatusInterval, TimelineOverlays, status_time_between
from camwatch.core.model import Status
from camwatch.core.status_time import sum_status_times
from camwatch.history.audit import audit
from camwatch.history.dialects import read_transaction
from camwatch.history.queries import read
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.simulation.daemon import Taken, VirtualDaemon
from tests.simulation.truth import PARIS, Truth, draw


class Onlooker:
    """Looks at the daemon after each write and each start."""

    def __init__(self) -> None:
        self.counters: dict[str, tuple[int, ...]] = {}
        self.looks = 0
        self.starts = 0

    def __call__(self, daemon: VirtualDaemon) -> None:
        """Counters never go back; now and then, the audit passes and the windows are those of the record."""
        for camera in daemon.run.watcher.fleet.cameras.values():
            kept = camera.persisted
            accounts = (kept.up, kept.down, kept.unknown, kept.maintenance, kept.degraded)
            counters = (*accounts, kept.heartbeats, kept.outages, kept.reboots)
            before = self.counters.get(camera.camera.id, counters)
            assert all(new >= old for new, old in zip(counters, before, strict=True)), camera.camera.id
            self.counters[camera.camera.id] = counters
        self.looks += 1
        if daemon.starts > self.starts:
            self.starts = daemon.starts
            if self.starts % 3 == 0:
                assert audit(daemon.run.store.engine, PARIS).findings == []
        elif self.looks % 60 == 0:
            self._compare_windows(daemon)

    def _compare_windows(self, daemon: VirtualDaemon) -> None:
        """A5: what the scrape reads is what the record says."""
        now = daemon.run.watcher.clock().utc_ms
        lives = stretches(daemon.run.store, now)
        calendar = Calendar(PARIS)
        starts = {name: now - length for name, length in ROLLING.items()}
        starts |= {name: unit(calendar, now).start for name, unit in CALENDAR.items()}
        standing = daemon.run.chronicle.rolling
        assert standing is not None
        for operator in {operator for operator, _ in lives}:
            told = standing.status_times(operator, now)
            mine = [life for (owner, _), life in lives.items() if owner == operator]
            for name, start in starts.items():
                assert told[name] == sum_status_times(
                    status_time_between(life, start, now) for life in mine
                ), (
                    operator,
                    name,
                )


def stretches(store: Store, until: int) -> dict[tuple[str, str], list[StatusInterval]]:
    """Return what every camera was, as the record says."""
    with read_transaction(store.engine) as connection:
        record = read(connection, None, 0, OPEN_ENDED)
    overlays = TimelineOverlays(record)
    return {(camera.operator, camera.id): overlays.dated(camera, until) for camera in record.cameras}


async def played(truth: Truth, folder: Path) -> tuple[str, list[Taken]]:
    """Play a truth; return where the store is, and what was heard."""
    url = f"sqlite:///{folder / 'month.db'}"
    daemon = VirtualDaemon(truth, url, Onlooker())
    try:
        await daemon.play()
    finally:
        daemon.close()
    return url, daemon.heard


def contradictions(truth: Truth, url: str, heard: list[Taken]) -> list[str]:
    """Return what the audit finds, and the heartbeats of cameras that the record says were down then."""
    with Store.open(HistorySettings(url=url)) as store:
        lives = {name: life for (_, name), life in stretches(store, truth.ends).items()}
        found = [str(finding) for finding in audit(store.engine, PARIS).findings]
    crashes = [(item.since, item.at) for item in truth.items if item.kind == "crash"]
    checked = 0
    for sent, came, at in heard:
        if sent.word or sent.uptime_s is None or any(since <= came <= lost for since, lost in crashes):
            continue  # what was heard just before a crash is forgotten
        checked += 1
        way = came - sent.at
        # One on time proves the instant at which it came (rule L8).
        proven = at + way if way <= truth.intervals[sent.camera] else at
        found += [
            f"{sent.camera} was down at {proven}, when it sent a heartbeat"
            for piece in lives.get(sent.camera, [])
            if piece.status is Status.DOWN and piece.start <= proven < piece.end
        ]
    assert checked > 10_000
    return found


@pytest.mark.parametrize(("seed", "steps"), [(6, False), (10, True)])
async def test_a_month_is_in_the_record_as_it_was(seed: int, steps: bool, tmp_path: Path) -> None:
    """A1, A5, E4, S9: the audit passes, windows are those of the record, nobody who spoke was down."""
    truth = draw(seed, steps=steps)
    assert contradictions(truth, *await played(truth, tmp_path)) == []
