"""The recorder at work: a real store in a file, the real core, and a store that goes away and comes back."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from camwatch.core.model import Lifecycle, MaintenanceWindow, Scope, Status
from camwatch.errors import RejectReason, StoreError
from camwatch.history import correction_writer, corrections
from camwatch.history.store import Store
from camwatch.history.write_queue import news
from camwatch.rejections import RejectedMessages
from camwatch.settings import HistorySettings
from tests.support.eventually import eventually
from tests.support.fleet import World, enrolment
from tests.support.history.builders import at, camera
from tests.support.history.scenes import Scene, scene
from tests.support.pace import PATIENCE_S

PARIS = ZoneInfo("Europe/Paris")


async def test_what_happens_is_stored_in_order(tmp_path: Path) -> None:
    """A1: one transition after the other, however they fall into batches."""
    async with scene(tmp_path) as (played, _):
        for _ in range(50):
            played.flap(3)
            await asyncio.sleep(0)
        await eventually(lambda: not played.chronicle.pending)
        stored = played.stored()
    assert [t for t, _ in stored] == [0, *range(1, 151)]
    assert all(first[1] != second[1] for first, second in pairwise(stored[1:]))
    assert [batch.number for batch in played.keeper.written] == list(range(1, len(played.keeper.written) + 1))


async def test_a_store_that_is_away_loses_nothing_and_says_so(tmp_path: Path) -> None:
    """What waits is counted, the problem is told until the store is back, and counters wait with it."""
    async with scene(tmp_path) as (played, _):
        await eventually(lambda: not played.chronicle.pending)
        played.keeper.away = True
        exported = played.watch.cameras["cam-1"].persisted
        played.flap(20)
        await eventually(lambda: played.chronicle.problem is not None)
        assert "the store is away" in f"{played.chronicle.problem}"
        assert played.chronicle.pending == 20
        assert played.chronicle.write_errors > 0
        assert played.watch.cameras["cam-1"].persisted is exported
        played.keeper.away = False
        await eventually(lambda: not played.chronicle.pending and played.chronicle.problem is None)
        assert len(played.stored()) == 21
        assert played.watch.cameras["cam-1"].persisted.status in (Status.UP, Status.DOWN)


async def test_refusals_are_exported_as_they_are_stored(tmp_path: Path) -> None:
    """What was exported is not taken back by a crash: it waits for the store, as the other counters do."""
    async with scene(tmp_path) as (played, _):
        await eventually(lambda: not played.chronicle.pending)
        played.keeper.away = True
        played.rejections.record(RejectReason.LATE, "cam-1", played.now())
        await eventually(lambda: played.chronicle.problem is not None)
        tally = played.rejections.refused["cam-1"]["late"]
        assert (tally.count, tally.stored) == (1, 0)
        played.keeper.away = False
        await eventually(lambda: tally.stored == 1)
        assert played.store.load().rejected == [RejectedMessages("cam-1", "ville", "late", 1)]


async def test_a_file_that_another_program_has_locked_is_waited_for(tmp_path: Path) -> None:
    """The database itself says that it is locked; what happened meanwhile is stored once it is free."""
    async with scene(tmp_path) as (played, _):
        await eventually(lambda: not played.chronicle.pending)
        other = sqlite3.connect(tmp_path / "camwatch.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        played.flap(5)
        await eventually(lambda: played.chronicle.problem is not None)
        assert "lock" in f"{played.chronicle.problem}"
        other.execute("COMMIT")
        other.close()
        await eventually(lambda: not played.chronicle.pending)
        assert [t for t, _ in played.stored()] == [0, 1, 2, 3, 4, 5]


async def test_a_stop_while_the_store_is_away_ends_and_leaves_what_was_stored(tmp_path: Path) -> None:
    """S6: what could not be stored is blind time for the next process; the store vouches for no more."""
    async with scene(tmp_path) as (played, task):
        await eventually(lambda: not played.chronicle.pending)
        vouched = played.store.load().watermark_ms
        played.keeper.away = True
        played.flap(5)
        await asyncio.wait_for(played.chronicle.close(8.0), PATIENCE_S)
        assert played.chronicle.pending == 5
        await task
        assert played.store.load().watermark_ms == vouched
        played.keeper.away = False


async def test_a_stop_stores_the_rest(tmp_path: Path) -> None:
    """A clean stop loses nothing: not even what was told in its last turn."""
    async with scene(tmp_path, checkpoint_interval_s=3600.0) as (played, task):
        await eventually(lambda: not played.chronicle.pending)
        played.flap(7)
        await played.chronicle.close(8.0)
        await task
        assert len(played.stored()) == 8
        assert played.store.load().watermark_ms == at(7).utc_ms
        settled = {memory.camera: memory.accounted_until_ms for memory in played.store.load().checkpoints}
        assert settled["cam-2"] == at(7).utc_ms


async def test_corrections_are_taken_over_without_a_restart(tmp_path: Path) -> None:
    """A6: maintenance that people added in another process holds from the next checkpoint on."""
    async with scene(tmp_path) as (played, _):
        await eventually(lambda: not played.chronicle.pending and played.chronicle.rolling is not None)
        before = played.chronicle.rolling
        said = corrections.Maintenance(Scope.CAMERA, "cam-1", at(10).utc_ms, at(20).utc_ms)
        correction_writer.append(played.store.engine, "Zoé", "travaux", said)
        await eventually(lambda: bool(played.taken) and played.chronicle.rolling is not before)
        assert played.taken == [
            (MaintenanceWindow(Scope.CAMERA, "cam-1", at(10).utc_ms, at(20).utc_ms, "travaux"),)
        ]
        accounts = played.chronicle.rolling
        assert accounts is not None
        assert accounts.status_times("ville", at(30).utc_ms)["1h"].maintenance == 10_000


async def test_a_camera_that_moves_takes_no_maintenance_of_its_old_site_with_it(tmp_path: Path) -> None:
    """A4, A6: what was entered for a site holds for the cameras that stand there, in the past as well."""
    async with scene(tmp_path) as (played, _):
        await eventually(lambda: not played.chronicle.pending and played.chronicle.rolling is not None)
        said = corrections.Maintenance(Scope.SITE, "mairie", at(10).utc_ms, at(20).utc_ms)
        correction_writer.append(played.store.engine, "Zoé", "travaux", said)

        def maintained() -> int:
            accounts = played.chronicle.rolling
            return 0 if accounts is None else accounts.status_times("ville", at(30).utc_ms)["1h"].maintenance

        await eventually(lambda: maintained() == 20_000)
        played.chronicle.record_inventory([replace(camera("cam-1"), site="ecole"), camera("cam-2")], ())
        await eventually(lambda: maintained() == 10_000)


async def test_the_operators_accounts_wait_for_a_store_that_is_away_at_the_start(tmp_path: Path) -> None:
    """A5: none are better than wrong ones; they come with the store."""
    with Store.open(HistorySettings(url=f"sqlite:///{tmp_path / 'camwatch.db'}")) as store:
        store.acquire_lock()
        played = Scene(store, 0.05, 10_000)
        played.keeper.away = True
        task = asyncio.create_task(played.chronicle.run())
        await eventually(lambda: played.chronicle.problem is not None)
        assert played.chronicle.rolling is None
        played.keeper.away = False
        await eventually(lambda: played.chronicle.rolling is not None)
        await played.chronicle.close(8.0)
        await task


async def test_more_than_can_wait_ends_the_chronicle_with_a_clear_word(tmp_path: Path) -> None:
    """Memory is bounded: the daemon stops, rather than vouch for what it forgot."""
    async with scene(tmp_path, pending_max=100) as (played, task):
        await eventually(lambda: not played.chronicle.pending)
        vouched = played.store.load().watermark_ms
        played.keeper.away = True
        played.flap(150)
        with pytest.raises(StoreError, match="more than 100 events wait for the store: camwatch stops"):
            await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
        assert played.chronicle.pending == 100
        assert played.store.load().watermark_ms == vouched


async def test_what_cannot_be_read_is_told_once_and_stays_so_while_writes_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that is damaged in half: a write that succeeds does not make it well."""
    async with scene(tmp_path) as (played, _):
        played.keeper.damaged = True
        await eventually(lambda: played.chronicle.problem is not None)
        errors = played.chronicle.write_errors
        written = len(played.keeper.written)
        played.flap(3)
        await eventually(lambda: played.chronicle.write_errors > errors + 2)
        assert len(played.keeper.written) > written
        assert "damaged" in f"{played.chronicle.problem}"
        assert capsys.readouterr().out.count("figures not derived") == 1
        played.keeper.damaged = False
        await eventually(lambda: played.chronicle.problem is None)


def test_a_camera_that_is_planned_is_remembered_once() -> None:
    """V1: the next process must know that it was, to put it in service at a date that passed meanwhile."""
    world = World(enrolment(lifecycle=Lifecycle.PLANNED))
    planned = world.camera()
    first = news(planned, world.now, 5000)
    assert first is not None
    assert first.underlying_status is Status.PLANNED
    planned.persisted = first
    assert news(planned, world.to(100).now, 5000) is None


async def test_a_stop_waits_for_the_store_no_longer_than_it_is_given(tmp_path: Path) -> None:
    """What has been taken by the parts of a stop before it is not there for the store."""
    with Store.open(HistorySettings(url=f"sqlite:///{tmp_path / 'camwatch.db'}")) as store:
        store.acquire_lock()
        played = Scene(store, 0.05, 10_000)
        played.keeper.away = True
        task = asyncio.create_task(played.chronicle.run())
        await eventually(lambda: played.chronicle.problem is not None)
        played.flap(5)
        await played.chronicle.close(0.0)
        await asyncio.wait({task})
        assert task.cancelled()
        assert played.chronicle.pending >= 5
