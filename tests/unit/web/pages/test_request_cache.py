"""Work for all who watch is done once, and again for whoever asks later."""

from __future__ import annotations

import asyncio

import pytest

from camwatch.web.pages.request_cache import FRESH_S, TtlCache


async def test_what_many_ask_for_at_once_is_made_once() -> None:
    made: list[int] = []

    async def make() -> int:
        made.append(1)
        await asyncio.sleep(0)
        return len(made)

    shared: TtlCache[int] = TtlCache()
    assert await asyncio.gather(*(shared.get("same", make) for _ in range(5))) == [1] * 5
    assert await shared.get("other", make) == 2


async def test_what_is_no_longer_fresh_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    shared: TtlCache[float] = TtlCache()

    async def make() -> float:
        return loop.time()

    first = await shared.get("it", make)
    monkeypatch.setattr(loop, "time", lambda: began + 2 * FRESH_S)
    assert await shared.get("it", make) != first


async def test_somebody_who_leaves_spoils_it_for_nobody() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def make() -> str:
        begun.set()
        await go.wait()
        return "made"

    shared: TtlCache[str] = TtlCache()
    leaver, stayer = (asyncio.create_task(shared.get("it", make)) for _ in range(2))
    await begun.wait()
    leaver.cancel()
    go.set()
    assert await stayer == "made"
