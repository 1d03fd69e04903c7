"""A file is written whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camwatch.atomic_file import write_atomically


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes (a write past them fails, as on a full disk)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("before", [None, b"the report of yesterday"])
def test_what_does_not_fit_leaves_what_was_there(tmp_path: Path, before: bytes | None) -> None:
    file = tmp_path / "report.html"
    if before is not None:
        file.write_bytes(before)
    with full_disk(4096), pytest.raises(OSError, match="too large") as caught:
        write_atomically(file, b"x" * 10_000)
    assert caught.value.errno == errno.EFBIG
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == (
        {} if before is None else {"report.html": before}
    )


def test_a_new_file_takes_the_place_of_the_old_in_one_step(tmp_path: Path) -> None:
    """Who reads the old one goes on reading it."""
    file = tmp_path / "report.html"
    file.write_bytes(b"old")
    with file.open("rb") as reader:
        write_atomically(file, b"the new one")
        assert reader.read() == b"old"
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [
        ("report.html", b"the new one")
    ]


def test_a_file_has_the_mode_that_it_had_or_the_usual_one(tmp_path: Path) -> None:
    old, new, usual = tmp_path / "old", tmp_path / "new", tmp_path / "usual"
    old.write_bytes(b"old")
    old.chmod(0o640)
    usual.touch()
    for file in (old, new):
        write_atomically(file, b"report")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert new.stat().st_mode == usual.stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    target, link, dangling = tmp_path / "reports" / "october", tmp_path / "latest", tmp_path / "next"
    target.write_bytes(b"old")
    link.symlink_to(target)
    dangling.symlink_to(tmp_path / "reports" / "november")
    for file in (link, dangling):
        write_atomically(file, b"new")
        assert file.is_symlink()
        assert file.read_bytes() == b"new"
    assert target.read_bytes() == b"new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_atomically(pipe, b"report")
    assert pipe.is_fifo(), "else the reader waits for ever"
    reader.join()
    assert read == [b"report"]


def test_a_pipe_of_the_shell_is_written_to() -> None:
    """As `--output /dev/stdout` is: a link to something that has no place among the files."""
    output, given = os.pipe()
    with os.fdopen(output, "rb") as reader:
        write_atomically(Path(f"/dev/fd/{given}"), b"report")
        os.close(given)
        assert reader.read() == b"report"


def test_a_folder_or_a_place_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "no" / "report"):
        with pytest.raises(OSError, match=r"Is a directory|No such file"):
            write_atomically(file, b"report")
    assert list(tmp_path.iterdir()) == []
