"""Where requests wait for the store: few at a time, a bounded queue, and nothing kept for who has left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from camwatch.web.problems import Problem
from camwatch.web.threads import Threads


async def test_no_more_than_a_few_run_at_once_and_more_than_the_queue_holds_are_refused() -> None:
    threads = Threads(at_once=2, drawn=1, waiting=3)
    gate, running = threading.Event(), threading.Semaphore(0)

    def work() -> int:
        running.release()
        gate.wait(20)
        return 1

    asked = [asyncio.create_task(threads.run(work)) for _ in range(9)]
    done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    refused = [task.exception() for task in done]
    assert all(isinstance(error, Problem) and error.status == 503 for error in refused)
    gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(answer == 1 for answer in answers) == 6  # two run, one place is for drawing, three wait
    assert await threads.run(lambda: 2) == 2


async def test_what_a_thread_raises_is_raised_and_its_place_is_free_again() -> None:
    threads = Threads(at_once=1, waiting=0)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)


async def test_a_source_is_drawn_in_order_and_closed_when_the_client_leaves() -> None:
    threads = Threads()
    closed = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            for number in range(100):
                yield b"%d" % number
        finally:
            closed.set()

    drawn = threads.draw(pieces)
    assert [await anext(drawn) for _ in range(3)] == [b"0", b"1", b"2"]
    await drawn.aclose()
    assert closed.is_set()
    assert threads._drawing._value == 2


async def test_slow_streams_do_not_take_the_places_of_those_who_ask() -> None:
    threads = Threads(at_once=1, drawn=1)
    drawn = threads.draw(lambda: iter([b"a", b"b"]))
    assert await anext(drawn) == b"a"
    assert await threads.run(lambda: 7) == 7
    await drawn.aclose()
