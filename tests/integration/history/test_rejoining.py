"""A store that went back is noticed before it is written, and goes on from what memory still has (H1)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from camwatch.core.model import CameraConfig, Lifecycle, Status
from camwatch.errors import StoreWentBackError
from camwatch.history import write_queue
from camwatch.history.store import Store
from camwatch.history.write_queue import Queue, QueueItem
from camwatch.settings import HistorySettings
from tests.support.copies import Copies, InFile, InServer
from tests.support.eventually import eventually
from tests.support.fleet import enrolment, fleet, window
from tests.support.history.builders import batch, camera, ms, outage, rows, went
from tests.support.history.recorder_fixture import Kept
from tests.support.history.scenes import Scene, scene

LOST = "SELECT began_ms, ended_ms FROM monitoring_gaps WHERE cause = 'lost'"


@pytest.fixture(params=["sqlite", "postgresql"])
def copies(request: pytest.FixtureRequest, tmp_path: Path) -> Copies:
    """Return a store that can go back."""
    if request.param == "sqlite":
        return InFile(tmp_path / "camwatch.db")
    return InServer(request.getfixturevalue("postgres"))


@pytest.mark.parametrize("emptied", [False, True])
def test_a_store_that_went_back_is_not_written_before_it_is_taken_as_it_is(
    copies: Copies, emptied: bool
) -> None:
    """H1: a batch that follows upon others than those in the store is not stored on top of it."""
    with Store.open(HistorySettings(url=copies.url)) as store:
        store.acquire_lock()
        store.write(batch(1, went(Status.UP, 1)))
        copies.take()
        store.write(batch(2, outage(2)))
        store.write(batch(3, outage(3, ended=True)))
        copies.empty() if emptied else copies.put_back()
        for _ in range(2):
            with pytest.raises(StoreWentBackError, match="not the one that camwatch wrote last"):
                store.write(batch(4, outage(4)))
        assert rows(store, "SELECT * FROM outages") == []
        past = store.load()
        assert past.number == (0 if emptied else 1)
        assert past.ours is not emptied
        store.write(batch(past.number + 1, outage(4)))
        assert len(rows(store, "SELECT * FROM outages")) == 1


def test_a_store_that_another_daemon_wrote_meanwhile_is_not_written(store_url: str) -> None:
    """H1: the number alone would fit."""
    with Store.open(HistorySettings(url=store_url)) as one:
        one.write(batch(1))
        one.close()
        with Store.open(HistorySettings(url=store_url)) as other:
            other.load()
            other.write(batch(2))
        with pytest.raises(StoreWentBackError):
            one.write(batch(2, outage(2)))
        assert not one.load().ours


async def played_until(played: Scene, count: int) -> None:
    """Let a camera change so often that so many transitions of it are stored."""
    while len(played.stored()) < count:
        played.flap(1)
        await eventually(lambda: not played.chronicle.pending)


async def test_what_memory_still_has_is_stored_again(copies: Copies) -> None:
    """H1: a standby that lacks the last batches is made whole, without a restart; counters do not fall."""
    async with scene(copies.url) as (played, _):
        await played_until(played, 3)
        copies.take()
        await played_until(played, 9)
        before = played.stored()
        counted = played.watch.cameras["cam-1"].persisted
        copies.put_back()
        played.flap(1)
        await eventually(lambda: not played.chronicle.pending and len(played.stored()) > 9)
        assert played.stored()[:9] == before
        assert rows(played.store, LOST) == []
        assert played.chronicle.problem is None
        assert played.chronicle.write_errors > 0
        assert played.watch.cameras["cam-1"].persisted.up >= counted.up


async def test_what_memory_has_no_more_is_a_gap(copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    """H1: the time of it is unknown, named as lost, and all goes on."""
    monkeypatch.setattr(write_queue, "_KEPT_BATCHES", 1)
    async with scene(copies.url) as (played, _):
        await played_until(played, 3)
        copies.take()
        await played_until(played, 9)
        copies.put_back()
        played.flap(1)
        await eventually(lambda: not played.chronicle.pending and bool(rows(played.store, LOST)))
        assert "unknown" in {status for _, status in played.stored()[1:]}
        assert played.stored()[-1][0] == played.t
        await eventually(lambda: played.chronicle.problem is None)


async def test_where_cameras_stood_meanwhile_is_stored_again(copies: Copies) -> None:
    """H1, V7: each place from its own instant, also of a camera that is gone."""
    query = "SELECT camera_key, site, since_ms FROM placements ORDER BY 1, 3"
    async with scene(copies.url) as (played, _):
        await played_until(played, 1)
        copies.take()
        moved, gone = camera("cam-1", site="gare"), camera("cam-3", site="port")
        for inventory in ([moved, camera("cam-2"), gone], [moved, camera("cam-2")]):
            played.t += 100
            played.chronicle.record_inventory(inventory, ())
            played.watch.reload(played.now(), [CameraConfig(each) for each in inventory], ())
            played.tell()
            await played_until(played, len(played.stored()) + 1)
        before = rows(played.store, query)
        assert len(before) == 4
        copies.put_back()
        played.flap(1)
        await eventually(lambda: not played.chronicle.pending and played.chronicle.problem is None)
        assert rows(played.store, query) == before


async def test_a_store_that_was_emptied_begins_anew(copies: Copies) -> None:
    """H1: its tables are made, what memory has is stored, and the rest is named as lost."""
    async with scene(copies.url) as (played, _):
        await played_until(played, 3)
        copies.empty()
        played.flap(1)
        await eventually(lambda: not played.chronicle.pending and bool(rows(played.store, LOST)))
        assert played.stored()[-1][0] == played.t
        await eventually(lambda: played.chronicle.problem is None)


async def test_a_copy_from_before_a_store_was_emptied_is_detected(
    copies: Copies,
) -> None:
    """H1: batches are numbered anew, so a number of before names none of them: hours do not go in silence."""
    async with scene(copies.url) as (played, _):
        await played_until(played, 9)
        copies.take()
        await played_until(played, 20)
        copies.empty()
        played.flap(1)
        await eventually(lambda: not played.chronicle.pending and bool(rows(played.store, LOST)))
        copies.put_back()
        played.flap(1)
        await eventually(lambda: not played.chronicle.pending and len(played.stored()) > 9)
        gaps = rows(played.store, LOST)
        assert any(began <= ms(9) and ended >= ms(20) for began, ended in gaps)


def test_a_batch_that_was_never_stored_is_followed_by_none_that_is_known() -> None:
    """H1: of a store that claims more than was written nothing is known."""
    waiting = Queue(5)
    waiting.add(QueueItem((went(Status.UP, 1),), (), (), 1))
    waiting.batch()
    waiting.stored()
    assert [waiting.since(number).whole for number in (4, 5, 6, 7)] == [False, True, True, False]


def test_a_store_that_goes_back_while_it_is_made_whole_is_made_whole_once() -> None:
    """H1: what was to be stored again is made anew; what waits comes after it, once."""
    waiting = Queue(5)
    waiting.add(QueueItem((went(Status.UP, 1),), (), (), 1))
    waiting.batch()
    waiting.stored()
    waiting.add(QueueItem((went(Status.DOWN, 2), went(Status.UP, 3)), (), (), 2))
    waiting.batch()
    waiting.rejoin(3, batch(0, went(Status.UP, 1), went(Status.DOWN, 2)))
    assert (waiting.batch().number, waiting.pending) == (4, 4)
    assert waiting.since(3) == ([went(Status.UP, 1)], [], [], False)
    waiting.rejoin(0, batch(0, went(Status.UP, 1)))
    assert (waiting.batch().number, waiting.pending) == (1, 3)
    waiting.stored()
    assert (waiting.batch().number, waiting.pending) == (2, 2)
    assert waiting.since(1) == ([], [], [], True)
    assert len(list(waiting.events())) == 2


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["beats", "silence", "blind", "stall", "remove", "retire", "keep"]),
        st.integers(1, 400),
    ),
    max_size=10,
)


def play(kept: Kept, acts: Iterable[tuple[str, int]]) -> None:
    """Let things happen, each kept at once."""
    world = kept.world
    for act, seconds in acts:
        if act == "beats":
            world.beats(world.t + seconds, *list(world.watch.cameras)[:1])
        elif act == "silence":
            world.to(world.t + seconds)
        elif act == "blind":
            world.blind(world.t, world.t + seconds)
        elif act == "stall":
            world.stall(world.t + seconds)
        elif act == "remove":
            kept.reload(*fleet(1 + seconds % 2))
        elif act == "retire":
            kept.reload(
                *fleet(1),
                enrolment("cam-2", lifecycle=[Lifecycle.RETIRED, Lifecycle.PLANNED][seconds % 2]),
            )
        kept.keep()


@pytest.mark.parametrize(
    ("before", "meanwhile"),
    [
        # Blind for a moment within an outage, then retired at once: the stay ends where the sight returned.
        (
            [("silence", 337), ("stall", 17), ("retire", 76), ("blind", 119), ("silence", 234)],
            [("keep", 226), ("beats", 153), ("retire", 171), ("silence", 3), ("blind", 139)],
        ),
        # Down when the older record ended, gone after it: vouched was less than until then (E5).
        ([("stall", 15), ("blind", 122), ("silence", 152), ("keep", 287)], [("remove", 30)]),
    ],
)
def test_a_store_that_went_back_adds_up_when_memory_has_nothing(
    tmp_path: Path, before: list[tuple[str, int]], meanwhile: list[tuple[str, int]]
) -> None:
    """H1, E3, E5."""
    copies = InFile(tmp_path / "camwatch.db")
    with Store.open(HistorySettings(url=copies.url)) as store:
        store.acquire_lock()
        kept = Kept(store, *fleet(2), windows=[window(300, 700)])
        kept.world.beats(50)
        play(kept.keep(), before)
        copies.take()
        play(kept, meanwhile)
        copies.put_back()
        store._drop_connection()
        kept.rejoin(0)
        assert kept.problems() == []


@settings(max_examples=30)
@given(before=ACTS, meanwhile=ACTS, after=ACTS, remembered=st.integers(0, 12))
@example(  # it left the inventory in an outage, and came back as planned
    before=[("keep", 165)],
    meanwhile=[("silence", 300), ("remove", 10), ("retire", 85), ("silence", 286), ("remove", 350)],
    after=[("remove", 1), ("silence", 100)],
    remembered=4,
)
@example(  # it left and was back at the instant at which a blindness ended
    before=[("silence", 100), ("retire", 145)],
    meanwhile=[("remove", 285), ("blind", 61), ("beats", 164)],
    after=[("blind", 34), ("remove", 64), ("remove", 395), ("blind", 263)],
    remembered=2,
)
def test_whenever_a_store_goes_back_its_record_adds_up(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[str, int]],
    meanwhile: list[tuple[str, int]],
    after: list[tuple[str, int]],
    remembered: int,
) -> None:
    """H1, A1, S7: whatever happened before, meanwhile and after, and however much memory still has."""
    copies = InFile(tmp_path_factory.mktemp("rejoining") / "camwatch.db")
    with Store.open(HistorySettings(url=copies.url)) as store:
        store.acquire_lock()
        kept = Kept(store, *fleet(2), windows=[window(300, 700)])
        kept.world.beats(50)
        play(kept.keep(), before)
        copies.take()
        play(kept, meanwhile)
        copies.put_back()
        store._drop_connection()
        kept.rejoin(remembered)
        assert kept.problems() == []
        play(kept, after)
        assert kept.problems() == []
