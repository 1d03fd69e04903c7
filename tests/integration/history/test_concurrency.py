"""The thread of the record: the loop awaits it, the end of the process does not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from functools import partial

import pytest

from camwatch.concurrency import Worker
from tests.support.pace import PATIENCE_S


async def test_what_the_work_returns_or_raises_comes_back_in_order() -> None:
    worker = Worker("record")
    threads: set[str] = set()

    def work(number: int) -> int:
        threads.add(threading.current_thread().name)
        return 10 // number

    assert [await worker.run(partial(work, number)) for number in (1, 2, 5)] == [10, 5, 2]
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: work(0))
    assert await worker.run(lambda: work(10)) == 1
    assert worker.is_idle
    assert threads == {"record"}
    worker.close()


async def test_a_cancelled_caller_gets_no_result_and_the_work_continues() -> None:
    worker = Worker("record")
    release = threading.Event()
    waiting = asyncio.create_task(worker.run(release.wait))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    idle = [worker.is_idle]
    release.set()
    assert await worker.run(lambda: 1) == 1
    assert [*idle, worker.is_idle] == [False, True]
    worker.close()


def test_a_process_ends_while_the_work_hangs() -> None:
    code = (
        "import asyncio, threading\n"
        "from camwatch.concurrency import Worker\n"
        "async def main():\n"
        "    hangs = asyncio.create_task(Worker('record').run(threading.Event().wait))\n"
        "    await asyncio.sleep(0.05)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_S)
