"""What the store of a daemon says: read as reports read it, and checked as `camwatch audit` checks it."""

from __future__ import annotations

from pathlib import Path

from camwatch.accounting.records import History
from camwatch.accounting.timeline import StatusInterval, TimelineOverlays, status_time_between
from camwatch.core.status_time import StatusTime
from camwatch.history.dialects import open_engine, read_transaction
from camwatch.history.queries import read
from tests.support.commands import run

FOREVER = 1 << 62


class Book:
    """The record in one SQLite file, up to the last instant that it vouches for."""

    def __init__(self, file: Path) -> None:
        engine = open_engine(f"sqlite:///{file}")
        try:
            with read_transaction(engine) as connection:
                self.record: History = read(connection, None, 0, FOREVER)
        finally:
            engine.dispose()
        overlays = TimelineOverlays(self.record)
        self.cameras = {camera.id: camera for camera in self.record.cameras}
        self.stretches: dict[str, list[StatusInterval]] = {
            camera.id: overlays.intervals(camera, self.record.watermark_ms) for camera in self.record.cameras
        }

    def account(self, camera: str, start: int = 0, end: int = FOREVER) -> StatusTime:
        """Return a camera's account of [start, end), UTC milliseconds."""
        return status_time_between(self.stretches[camera], start, end)

    def in_service(self, camera: str) -> int:
        """Return for how many milliseconds a camera was in service."""
        vouched = self.record.watermark_ms
        return sum(min(span.end, vouched) - span.start for span in self.cameras[camera].service_periods)


async def camwatch(*arguments: str | Path, cwd: Path) -> tuple[int, str, str]:
    """Run a command of camwatch in a folder; return its exit code and what it wrote on both streams."""
    return await run("camwatch", *arguments, cwd=cwd)


async def assert_adds_up(config_file: Path) -> None:
    """Run `camwatch audit`, as a user would."""
    code, out, err = await camwatch("audit", "--config", config_file, cwd=config_file.parent)
    assert code == 0, out + err
    assert "record adds up" in out, out
