"""Stores that the daemon does not take: damaged files, and stores that another daemon has."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import signal
from pathlib import Path

import pytest

from tests.support.cameras import playing
from tests.support.daemon import Daemon, broker
from tests.support.eventually import eventually
from tests.support.faults import assert_none_decreased, problems, settings
from tests.support.ledger import camwatch
from tests.support.mosquitto import Mosquitto
from tests.support.postgres import PostgreSQL


@pytest.fixture
async def lived(tmp_path: Path, mosquitto: Mosquitto, fleet: Path) -> Path:
    """Return the settings of a daemon that ran and stopped; its store is beside them."""
    store = tmp_path / "camwatch.db"
    async with playing(mosquitto.url, fleet):
        daemon = Daemon(tmp_path, settings(fleet, store, broker(mosquitto.url)))
        try:
            daemon.start()
            await daemon.runs()
            await daemon.until_all("up")
            await daemon.stored()
            assert await daemon.end() == 0, daemon.text
        finally:
            await daemon.release()
    return daemon.config_file


def digest(folder: Path) -> dict[str, str]:
    """Return what is in every file of a store, but for what whoever reads makes anew."""
    files = (path for path in folder.glob("camwatch.db*") if not path.name.endswith(("-shm", ".lock")))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.stat().st_size}


def config_at(store: Path, like: Path) -> Path:
    """Write settings like these for another file, and return them."""
    config = store.with_name("camwatch.toml")
    config.write_text(like.read_text().replace(str(like.parent / "camwatch.db"), str(store)))
    return config


async def test_a_damaged_file_is_refused_with_a_remedy_and_never_written(lived: Path) -> None:
    """Its beginning destroyed, a page in its middle overwritten, its end cut off: of each a copy, twice."""
    sound = (lived.parent / "camwatch.db").read_bytes()
    page = 4096 * (len(sound) // 4096 // 2)
    damaged = {
        "header": b"no database".ljust(100, b"\0") + sound[100:],
        "page": sound[:page] + b"\xff" * 4096 + sound[page + 4096 :],
        "cut": sound[: page + 100],
    }
    await asyncio.gather(*(refused(lived, name, content) for name, content in damaged.items()))


async def refused(lived: Path, name: str, content: bytes) -> None:
    """Offer this file to the commands."""
    folder = lived.parent / name
    folder.mkdir()
    store = folder / "camwatch.db"
    store.write_bytes(content)
    config = config_at(store, lived)
    before = digest(folder)
    for command in ("run", "audit"):
        code, out, err = await camwatch(command, "--config", config, cwd=folder)
        assert code == 2, (name, command, out, err)
        assert f"{store} is damaged" in err
        assert "see docs/how-to/backup.md for how to restore" in err
        assert "Traceback" not in err
        assert digest(folder) == before, (name, command)


async def test_what_was_restored_is_taken_and_goes_on(
    lived: Path, tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """The way that the refusal names: a copy instead of the damaged file."""
    store = lived.parent / "camwatch.db"
    shutil.copy(store, tmp_path / "copy.db")
    store.write_bytes(b"gone" * 5000)
    assert (await camwatch("audit", "--config", lived, cwd=tmp_path))[0] == 2
    shutil.copy(tmp_path / "copy.db", store)
    daemon = Daemon(tmp_path, settings(fleet, store, broker(mosquitto.url)))
    try:
        daemon.start()
        await daemon.runs()
        assert await daemon.end() == 0, daemon.text
    finally:
        await daemon.release()
    assert problems(lived) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_second_daemon_is_refused_until_the_first_is_gone(
    kind: str, tmp_path: Path, mosquitto: Mosquitto, fleet: Path, postgres: PostgreSQL
) -> None:
    """One daemon, one store; `kill -9` frees it at once."""
    store = postgres.url(postgres.fresh()) if kind == "postgresql" else tmp_path / "camwatch.db"
    first, second = (
        Daemon(tmp_path / name, settings(fleet, store, broker(mosquitto.url, client_id=name)))
        for name in ("first", "second")
    )
    async with playing(mosquitto.url, fleet, qos=1):
        try:
            first.start()
            await first.runs()
            await first.until_all("up")
            second.start()
            await eventually(lambda: second.exit_code is not None)
            assert second.exit_code == 1  # it may pass
            assert "is in use by another camwatch" in second.text
            assert f"daemon {first.pid} on " in second.text
            assert "Traceback" not in second.text
            before = await first.stored()  # it goes on
            assert (await first.get("/-/ready")).status_code == 200
            assert before.value("camwatch_history_write_errors_total") == 0
            assert await first.end(signal.SIGKILL) == -9
            second.start()
            await second.runs()
            await second.until_all("up")
            assert_none_decreased(before, await second.stored())
            assert await second.end() == 0, second.text
        finally:
            await first.release()
            await second.release()
    assert problems(second.config_file) == []
