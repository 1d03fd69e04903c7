"""The file watcher: what it reloads, and when."""

from __future__ import annotations

import asyncio
from pathlib import Path

from camwatch.file_watcher import FileWatcher, WatchedFiles, signature


async def test_a_changed_file_is_reloaded_once_it_has_come_to_rest(tmp_path: Path) -> None:
    changing, still = tmp_path / "changing", tmp_path / "still"
    for file in (changing, still):
        file.write_text("old")
    reloaded: asyncio.Queue[str] = asyncio.Queue()

    def watch(file: Path) -> WatchedFiles:
        return WatchedFiles((file,), lambda: reloaded.put(file.read_text()), signature([file]))

    watcher = FileWatcher(0.01)
    task = asyncio.create_task(watcher.run([watch(changing), watch(still)]))
    changing.write_text("new, and longer")
    async with asyncio.timeout(60):
        assert await reloaded.get() == "new, and longer"
        assert reloaded.empty()
        watcher.request_reload()
        assert {await reloaded.get(), await reloaded.get()} == {"new, and longer", "old"}
    task.cancel()


def test_a_signature_leaves_out_missing_files(tmp_path: Path) -> None:
    assert signature([tmp_path / "missing"]) == ()
