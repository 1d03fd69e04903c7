"""What writes the log: in order, in a thread of its own, and whoever logs never waits for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from camwatch.logs import LogWriter


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """Give both ends of a pipe that holds a page."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(writer, "w") as stream:
        yield reader, stream
        with contextlib.suppress(OSError):
            os.close(reader)


def test_what_is_logged_is_written_in_order_before_the_end(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    with LogWriter(stream) as log:
        for number in range(100):
            log.write(f"line {number} é\n")
    assert os.read(reader, 4096).decode() == "".join(f"line {number} é\n" for number in range(100))
    assert log.dropped == 0


def test_a_reader_that_hangs_costs_lines_beyond_those_that_are_kept(pipe: tuple[int, TextIO]) -> None:
    """What was logged meanwhile is there once it reads again: the oldest lines, and no torn one."""
    reader, stream = pipe
    log = LogWriter(stream, kept=10)
    for number in range(2000):
        log.write(f"{number:<99}\n")
    log.close(within_s=0.01)
    assert log.dropped > 1900
    held = 2000 - log.dropped
    text = b""
    while text.count(b"\n") < held:
        text += os.read(reader, 65536)
    numbers = [int(line) for line in text.decode().splitlines()]
    assert numbers == sorted(numbers)
    assert numbers[0] == 0
    assert all(len(line) == 99 for line in text.decode().splitlines())


def test_a_reader_that_is_gone_costs_the_lines_and_raises_nothing(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    os.close(reader)
    with LogWriter(stream) as log:
        for number in range(5):
            log.write(f"line {number}\n")
    assert log.dropped == 5


def test_a_full_disk_costs_the_lines_and_raises_nothing() -> None:
    with Path("/dev/full").open("w") as stream, LogWriter(stream) as log:
        log.write("one\n")
        log.write("two\n")
    assert log.dropped == 2


def test_a_file_that_does_not_block_is_waited_for(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    os.set_blocking(stream.fileno(), False)
    with LogWriter(stream) as log:
        for _ in range(100):
            log.write("x" * 99 + "\n")
        text = b""
        while text.count(b"\n") < 100:
            text += os.read(reader, 4096)
    assert log.dropped == 0
