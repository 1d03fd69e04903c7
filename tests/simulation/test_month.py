"""A month of a fleet, judged by the daemon's real parts, against a naive ledger of the truth (rule A1).

Two classes of instants: what was seen (proofs, packets, hints, windows) is equal to the millisecond; what
could only be inferred (the start of an outage by silence) is the rule's instant, to the millisecond too,
and within one interval of what the camera really did.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from camwatch.core.calendar import Calendar
from camwatch.core.ledger import Account, total
from camwatch.core.record import OPEN_END
from camwatch.core.tally import CALENDAR, ROLLING
from camwatch.core.timeline import Overlays, Stretch, account_of
from camwatch.history.audit import audit
from camwatch.history.engine import begin_read
from camwatch.history.reading import read
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.simulation import naive
from tests.simulation.daemon import VirtualDaemon
from tests.simulation.truth import HOUR, PARIS, Truth, draw


class Onlooker:
    """Looks at the daemon after each write and each start."""

    def __init__(self) -> None:
        self.counters: dict[str, tuple[int, ...]] = {}
        self.looks = 0
        self.starts = 0

    def __call__(self, daemon: VirtualDaemon) -> None:
        """Counters never go back; now and then, the audit passes and the windows are those of the record."""
        for camera in daemon.run.watcher.watch.cameras.values():
            kept = camera.stored
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
        starts |= {name: unit(calendar, now).starts for name, unit in CALENDAR.items()}
        standing = daemon.run.watcher.standing
        assert standing is not None
        for operator in {operator for operator, _ in lives}:
            told = standing.accounts(operator, now)
            mine = [life for (owner, _), life in lives.items() if owner == operator]
            for name, start in starts.items():
                assert told[name] == total(account_of(life, start, now) for life in mine), (operator, name)


def stretches(store: Store, until: int) -> dict[tuple[str, str], list[Stretch]]:
    """Return what every camera was, as the record says."""
    with begin_read(store.engine) as connection:
        record = read(connection, None, 0, OPEN_END)
    overlays = Overlays(record)
    return {(camera.operator, camera.id): overlays.stretches(camera, until) for camera in record.cameras}


async def played(truth: Truth, folder: Path) -> str:
    """Play a truth, and return where the store is."""
    url = f"sqlite:///{folder / 'month.db'}"
    daemon = VirtualDaemon(truth, url, Onlooker())
    try:
        await daemon.play()
    finally:
        daemon.close()
    return url


def spent(account: Account) -> dict[str, int]:
    """Return an account as the naive ledger writes it."""
    return {
        "up": account.up,
        "down": account.down,
        "unknown": account.unknown,
        "maintenance": account.maintenance,
    }


def differences(truth: Truth, url: str) -> list[str]:
    """Return every account, outage and counter that the store and the naive ledger do not agree on."""
    found = []
    clock = range(truth.steps[0] - HOUR, truth.steps[1] + 4 * HOUR) if truth.steps else range(0)
    with Store.open(HistorySettings(url=url)) as store:
        with begin_read(store.engine) as connection:
            record = read(connection, None, 0, OPEN_END)
        cameras = {camera.id: camera for camera in record.cameras}
        theirs = {name: life for (_, name), life in stretches(store, truth.ends).items()}
        memories = {memory.camera: memory for memory in store.load().memories}
        for name, life in naive.lives(truth).items():
            mine = naive.ledger(life, truth.works)
            if truth.steps:  # an hour that never was is nobody's
                gap = (truth.steps[0], truth.steps[0] + HOUR)
                mine = naive.painted(mine, [gap], "unknown", "up down")
            for start, end in [*naive.days(), (truth.begins, truth.ends)]:
                said = spent(account_of(theirs.get(name, []), start, end))
                expected = naive.account(mine, start, end)
                if start < clock.stop and clock.start < end:
                    said, expected = _coarse(said), _coarse(expected)
                if said != expected:
                    found.append(f"{name} [{start}, {end}): {said}, not {expected}")
            record_of = cameras.get(name)
            outages = [
                naive.Outage(each.at_ms, each.end_ms, each.cause.value)
                for each in (record_of.outages if record_of else [])
            ]
            if [each for each in outages if each.start not in clock] != [
                each for each in naive.outages(life, truth.works) if each.start not in clock
            ]:
                found.append(f"{name} outages")
            memory = memories.get(name)
            if memory is not None and not truth.steps:
                until = truth.ends if memory.settled_ms is None else memory.settled_ms
                exported = Account(memory.up, memory.down, memory.unknown, memory.maintenance)
                judged = naive.account(naive.as_judged(life, truth.works), truth.begins, until)
                if spent(exported) != judged:
                    found.append(f"{name} counters: {spent(exported)}, not {judged}")
        found += [str(finding) for finding in audit(store.engine, PARIS).findings]
    return found


def _coarse(account: dict[str, int]) -> dict[str, int]:
    """Return what is asked of a day on which the clock was set: it adds up."""
    return {"in service": sum(account.values())}


@pytest.mark.parametrize(("seed", "steps"), [(6, False), (10, True)])
async def test_a_month_adds_up_as_the_naive_ledger_says(seed: int, steps: bool, tmp_path: Path) -> None:
    """A1, S1-S9, L1-L9, V1-V6: every account of every camera, over the month and over each day."""
    truth = draw(seed, steps=steps)
    url = await played(truth, tmp_path)
    assert differences(truth, url) == []


@pytest.mark.parametrize("seed", [6])
def test_what_is_inferred_lies_within_an_interval_of_the_truth(seed: int) -> None:
    """L3: an outage that was seen to begin in sight begins an interval after the last sign of life."""
    truth = draw(seed)
    sight = [item.at for item in truth.items if item.kind in _SIGHT]
    checked = 0
    for life in naive.lives(truth).values():
        for before, piece in pairwise(life.pieces):
            if before.status != "up" or piece.cause != "timeout":
                continue
            last = max(proof for proof in life.proofs if proof <= piece.start)
            if not any(last < at <= piece.start for at in sight):
                assert piece.start - last == life.interval
                checked += 1
    assert checked > 30


_SIGHT = ("lost", "subscribed", "stall", "stop", "crash", "start")
