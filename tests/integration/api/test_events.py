"""The event stream over real sockets: in order, resumable, and to each what is theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camwatch.core.events import Reboot
from camwatch.core.model import Instant
from camwatch.web import event_stream as module
from camwatch.web.auth.principal import LOCAL_ADMIN, Principal
from camwatch.web.event_stream import MAX_STREAMS, RETRY_LATE_MS, EventStream
from tests.support.eventually import eventually
from tests.support.pace import PATIENCE_S
from tests.support.web.serving import serving_site
from tests.support.web.sse_client import Heard, listening
from tests.support.web.two_operator_app import OURS, READER, THEIRS, Town


@asynccontextmanager
async def serving(town: Town, viewer: Principal = LOCAL_ADMIN) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a town with its events alive."""
    town.parts.events._closed = False  # an earlier test may have ended them
    pump = asyncio.create_task(town.parts.events.run())
    try:
        async with serving_site(town.site(viewer)) as client:
            yield client
            town.parts.events.close()
    finally:
        pump.cancel()
        await asyncio.wait({pump})


def reboots(*numbers: int, operator: str = OURS) -> list[Reboot]:
    """Return events that are told apart by their time."""
    camera = "ville-1" if operator == OURS else "zulu-1"
    return [Reboot(camera, operator, Instant(0.0, 1000 * number)) for number in numbers]


def number(heard: Heard) -> str:
    return str(heard.data["at"])


async def test_what_happens_is_told_as_it_happens(new_town: Town) -> None:
    async with serving(new_town) as client, listening(client) as listener:
        await listener.greeted()
        new_town.beat("ville-1").watcher.flush_events()
        heard = await listener.take(2)
    assert [each.name for each in heard] == ["transition", "outage"]
    transition = heard[0].data
    assert (transition["camera"], transition["old"], transition["new"]) == ("ville-1", "down", "up")
    assert transition["at"] == transition["detected_at"] == "2026-01-01T10:32:00Z"
    assert transition["name"] == "Caméra 1"
    assert heard[1].data["open"] is False


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cuts=st.lists(st.integers(0, 6), min_size=1, max_size=5), ahead=st.integers(0, 9))
async def test_a_listener_that_comes_back_misses_nothing_and_hears_nothing_twice(
    old_town: Town, cuts: list[int], ahead: int
) -> None:
    """However often the line is cut, and whatever happens meanwhile."""
    count = sum(cuts) + ahead
    heard: list[Heard] = []
    async with serving(old_town) as client:
        async with listening(client) as listener:
            last = await listener.greeted()
        told = 0
        for cut in cuts:
            old_town.parts.events.publish(reboots(*range(told, told + cut)))
            old_town.parts.events.publish(reboots(*range(100), operator=THEIRS)[: cut % 2])
            told += cut
            async with listening(client, last) as listener:
                wanted = cut + cut % 2
                heard += await listener.take(wanted)
                last = listener.last_id or last
        old_town.parts.events.publish(reboots(*range(told, told + ahead)))
        async with listening(client, last) as listener:
            heard += await listener.take(ahead)
    ours = [number(each) for each in heard if each.data["operator"] == OURS]
    assert len(ours) == len(set(ours)) == count
    assert ours == sorted(ours)
    assert len({each.id for each in heard}) == len(heard)


async def test_a_listener_hears_only_what_is_theirs(old_town: Town) -> None:
    """All that ever happened in the town, as one operator hears it, and as who sees all."""
    raw: dict[str, bytes] = {}
    old_town.parts.events._closed = False
    for viewer in (READER, LOCAL_ADMIN):
        stream = old_town.parts.events.stream(viewer, old_town.first_id)
        pieces = [await anext(stream), await anext(stream)]
        await stream.aclose()
        raw[viewer.name] = b"".join(pieces)
    assert b"zulu" not in raw[READER.name].lower()
    assert b"zulu" in raw[LOCAL_ADMIN.name].lower()
    for name in (b"transition", b"outage", b"incident", b"monitoring_gap"):
        assert b"event: " + name in raw[READER.name], name
    assert b'"cameras":3}' in raw[READER.name]  # of six in the incident
    assert b'"cameras":6}' in raw[LOCAL_ADMIN.name]


async def test_ids_do_not_tell_how_much_happens_to_others(new_town: Town) -> None:
    """They are no numbers that could be counted."""
    events = new_town.parts.events
    stream = events.stream(READER)
    await anext(stream)
    events.publish(reboots(1))
    events.publish(reboots(*range(50), operator=THEIRS))
    events.publish(reboots(2))
    piece = (await anext(stream)).decode()
    await stream.aclose()
    ids = [line[4:].partition("-")[2] for line in piece.splitlines() if line.startswith("id: ")]
    assert len(ids) == 2
    assert all(len(each) == 12 for each in ids)


@pytest.mark.parametrize("last_id", ["0", "5f0c2a9e-9d41c07be8a6", "a b", "-"])
async def test_a_listener_that_was_away_too_long_is_told_to_load_everything(
    new_town: Town, last_id: str
) -> None:
    async with serving(new_town) as client, listening(client, last_id) as listener:
        heard = await listener.next()
        assert heard.name == "resync"
        new_town.beat("ville-1").watcher.flush_events()
        assert (await listener.next()).name == "transition"


async def test_a_listener_that_is_too_slow_is_let_go(new_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs no memory meanwhile: it has a place in the ring that all share."""
    monkeypatch.setattr(module, "BUFFER_SIZE", 50)
    events = EventStream(new_town.parts.live)
    stream = events.stream(LOCAL_ADMIN)
    await anext(stream)
    events.publish(reboots(*range(51)))
    assert b"event: resync" in await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert events.streams == 0


async def test_links_sight_and_inventory_are_told_of(new_town: Town) -> None:
    async with serving(new_town, READER) as client, listening(client) as listener:
        await listener.greeted()
        new_town.lose_sight()
        first, second = await listener.take(2)
        assert (first.name, first.data) == ("link", {"name": "main", "up": False, "problem": None})
        assert (second.name, second.data["now"], second.data["operators"]) == ("visibility", True, [OURS])
        new_town.watcher.load_inventory(new_town.watcher.inventory)
        assert (await listener.next()).name == "inventory_reloaded"


async def test_another_operators_link_is_not_heard_of(new_town: Town) -> None:
    events = new_town.parts.events
    async with serving(new_town, READER) as client, listening(client) as listener:
        await listener.greeted()
        now = new_town.watcher.clock()
        new_town.receivers["zulu-net"].lost(now, now, "as the test asked")
        seen = events.stream(LOCAL_ADMIN)
        await anext(seen)
        assert b"event: link" in await anext(seen)
        await seen.aclose()
        events.publish(reboots(1))
        assert (await listener.next()).name == "reboot"


async def test_a_quiet_stream_gives_signs_of_life_that_can_be_resumed_from(
    new_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.3)
    async with serving(new_town) as client:
        async with listening(client) as listener:
            first = await listener.greeted()
            last = await listener.greeted()
        assert last != first
        new_town.parts.events.publish(reboots(1, 2))
        async with listening(client, last) as listener:
            assert [number(each) for each in await listener.take(2)] == [
                "1970-01-01T00:00:01Z",
                "1970-01-01T00:00:02Z",
            ]


async def test_a_sign_of_life_leads_back_to_what_had_been_told_by_then(new_town: Town) -> None:
    """Also where something was told between its making and its turn."""
    events = new_town.parts.events
    events._closed = False
    stream = events.stream(LOCAL_ADMIN)
    await anext(stream)
    events._signs, events._sign, events._signed = 1, events._new_event_id(events._count), events._count
    events.publish(reboots(1))
    assert b"event: reboot" in await anext(stream)
    sign = (await anext(stream)).decode().partition("id: ")[2].split("\n")[0]
    events.publish(reboots(2))
    again = events.stream(LOCAL_ADMIN, sign)
    await anext(again)
    assert (await anext(again)).count(b"event: reboot") == 1
    for each in (stream, again):
        await each.aclose()


async def test_a_stream_has_its_signs_of_life_while_all_that_happens_is_anothers(
    new_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.3)
    async with serving(new_town, READER) as client, listening(client) as listener:
        first = await listener.greeted()

        async def busy() -> None:
            for at in range(100_000):
                new_town.parts.events.publish([Reboot("zulu-1", THEIRS, Instant(at, at))])
                await asyncio.sleep(0.01)

        others = asyncio.create_task(busy())
        try:
            assert await listener.greeted() != first
        finally:
            others.cancel()


async def test_streams_that_are_left_are_counted_no_more(new_town: Town) -> None:
    events = new_town.parts.events
    async with serving(new_town) as client:
        async with listening(client) as listener:
            await listener.greeted()
            assert events.streams == 1
        await eventually(lambda: not events.streams)


async def test_a_stop_ends_the_streams(new_town: Town) -> None:
    async with serving(new_town) as client, listening(client) as listener:
        await listener.greeted()
        new_town.parts.events.close()
        with pytest.raises(EOFError):
            await listener.next()


async def test_one_account_has_so_many_streams_and_the_oldest_makes_room(old_town: Town) -> None:
    """The end tells a browser to come back later; others, and this machine without accounts, are not hit."""
    events = EventStream(old_town.parts.live)
    first, *others = [events.stream(READER) for _ in range(MAX_STREAMS)]
    local = [events.stream(LOCAL_ADMIN) for _ in range(MAX_STREAMS + 5)]
    for stream in (first, *others, *local):
        await anext(stream)
    waiting = asyncio.ensure_future(anext(first))
    await asyncio.sleep(0)
    another = events.stream(READER)
    await anext(another)
    async with asyncio.timeout(PATIENCE_S):
        assert f"retry: {RETRY_LATE_MS}\n".encode() in await waiting
    assert [piece async for piece in first] == []
    assert events.streams == 2 * MAX_STREAMS + 5
    for stream in (*others, *local, another):
        await stream.aclose()
    assert events.streams == 0
    assert events._listeners == {}
