"""Where requests wait for the store: few at a time, a bounded queue, and nothing kept for who has left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from camwatch.web.auth.principal import LOCAL_ADMIN, Principal, Role
from camwatch.web.problems import ProblemError
from camwatch.web.thread_pool import ThreadPool


class Work:
    """Work that waits for the test, and notes for whom it began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._began = threading.Condition()
        self._gate = threading.Semaphore(0)

    def of(self, who: Principal) -> Callable[[], str]:
        """Return work for someone."""

        def work() -> str:
            with self._began:
                self.begun.append(who.name)
                self._began.notify_all()
            assert self._gate.acquire(timeout=60)
            return who.name

        return work

    def let(self, count: int) -> None:
        """Let so many end."""
        self._gate.release(count)

    async def until(self, count: int) -> None:
        """Wait until so many have begun."""

        def wait() -> None:
            with self._began:
                assert self._began.wait_for(lambda: len(self.begun) >= count, 60)

        await asyncio.to_thread(wait)


def landlord(name: str) -> Principal:
    return Principal(name, Role.VIEWER, frozenset({name}))


ALPHA, BETA, GAMMA = landlord("alpha"), landlord("beta"), landlord("gamma")


async def test_what_one_account_asks_keeps_no_other_from_its_turn() -> None:
    """75 connections of one landlord once had 49 of 49 requests of the admin answered by 503."""
    threads, work = ThreadPool(at_once=4), Work()
    flood = [asyncio.create_task(threads.run(ALPHA, work.of(ALPHA))) for _ in range(75)]
    done, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    refused = [task.exception() for task in done]
    assert len(refused) == 75 - 2 - 8
    for error in refused:
        assert isinstance(error, ProblemError)
        assert (error.status, error.headers["retry-after"]) == (429, "2")
    others = [asyncio.create_task(threads.run(who, work.of(who))) for who in (BETA, GAMMA, BETA, BETA)]
    await work.until(4)
    assert sorted(work.begun) == ["alpha", "alpha", "beta", "gamma"]
    work.let(13)
    assert await asyncio.gather(*others) == ["beta", "gamma", "beta", "beta"]
    work.let(13)
    assert (
        sum(
            not isinstance(each, ProblemError)
            for each in await asyncio.gather(*flood, return_exceptions=True)
        )
        == 10
    )


async def test_those_who_wait_take_turns_and_not_who_came_first() -> None:
    threads, work = ThreadPool(at_once=1), Work()
    jobs = [
        asyncio.create_task(threads.run(who, work.of(who)))
        for who in (ALPHA, ALPHA, ALPHA, ALPHA, BETA, BETA, GAMMA)
    ]
    for count in range(1, 8):
        await work.until(count)
        work.let(1)
    await asyncio.gather(*jobs)
    assert work.begun == ["alpha", "alpha", "beta", "gamma", "alpha", "beta", "alpha"]


async def test_whoever_leaves_while_waiting_or_at_work_takes_nobodys_turn() -> None:
    threads, work = ThreadPool(at_once=1), Work()
    first, second, third = (asyncio.create_task(threads.run(ALPHA, work.of(ALPHA))) for _ in range(3))
    await work.until(1)
    first.cancel()
    second.cancel()
    await asyncio.wait({first, second})
    other = asyncio.create_task(threads.run(BETA, work.of(BETA)))
    work.let(9)
    assert (await third, await other) == ("alpha", "beta")
    assert threads._asking._waiting == {}
    assert threads._asking._free == 1


async def test_without_accounts_there_are_no_others_to_wait_for() -> None:
    threads, work = ThreadPool(at_once=4), Work()
    jobs = [asyncio.create_task(threads.run(LOCAL_ADMIN, work.of(LOCAL_ADMIN))) for _ in range(60)]
    await work.until(4)
    work.let(60)
    assert len(await asyncio.gather(*jobs)) == 60


async def test_a_slow_reader_of_a_long_answer_holds_one_place_only() -> None:
    threads = ThreadPool(drawn=2)
    slow = threads.stream(ALPHA, lambda: iter([b"a", b"b"]))
    assert await anext(slow) == b"a"
    waits = asyncio.ensure_future(anext(threads.stream(ALPHA, lambda: iter([b"a"]))))
    other = threads.stream(BETA, lambda: iter([b"c", b"d"]))
    assert await anext(other) == b"c"
    assert not waits.done()
    await slow.aclose()
    assert await waits == b"a"
    await other.aclose()


async def test_what_a_thread_raises_is_raised_and_its_place_is_free_again() -> None:
    threads = ThreadPool(at_once=1)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await threads.run(ALPHA, lambda: 1 // 0)


async def test_where_no_thread_can_be_started_no_place_is_lost() -> None:
    threads = ThreadPool()
    usual = threading.stack_size(1 << 62)  # more than any machine has
    try:
        for _ in range(2):  # as many as an account has
            with pytest.raises(RuntimeError, match="start new thread"):
                await threads.run(ALPHA, dict)
            with pytest.raises(RuntimeError, match="start new thread"):
                await anext(threads.stream(ALPHA, lambda: iter([b"piece"])))
    finally:
        threading.stack_size(usual)
    async with asyncio.timeout(60):
        assert await threads.run(ALPHA, dict) == {}
        assert [piece async for piece in threads.stream(ALPHA, lambda: iter([b"piece"]))] == [b"piece"]


async def test_a_source_is_drawn_in_order_and_closed_when_the_client_leaves() -> None:
    threads = ThreadPool()
    closed = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            for number in range(100):
                yield b"%d" % number
        finally:
            closed.set()

    drawn = threads.stream(ALPHA, pieces)
    assert [await anext(drawn) for _ in range(3)] == [b"0", b"1", b"2"]
    await drawn.aclose()
    assert closed.is_set()
    assert threads._drawing._free == 2


async def test_slow_streams_do_not_take_the_places_of_those_who_ask() -> None:
    threads = ThreadPool(at_once=1, drawn=1)
    drawn = threads.stream(ALPHA, lambda: iter([b"a", b"b"]))
    assert await anext(drawn) == b"a"
    assert await threads.run(ALPHA, lambda: 7) == 7
    await drawn.aclose()
