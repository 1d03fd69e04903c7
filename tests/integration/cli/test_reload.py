"""`camwatch reload` asks the daemon, and nobody else who has the store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from camwatch.cli import app
from camwatch.cli.reload import daemon_of
from camwatch.errors import CamwatchError
from camwatch.history.dialects import SESSION_MAX, session_of
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.support.tables import write_fleet

REBASING = """
import sys
from camwatch.history.store import Store
from camwatch.settings import HistorySettings

Store.open(HistorySettings(url=sys.argv[1])).acquire_lock()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_rebase_that_has_the_store_lives_through_a_reload(tmp_path: Path) -> None:
    """The signal that a daemon is asked with would end it."""
    write_fleet(tmp_path / "fleet")
    url = f"sqlite:///{tmp_path / 'camwatch.db'}"
    config = tmp_path / "camwatch.toml"
    config.write_text(f'[fleet]\npath = "{tmp_path / "fleet"}"\n[history]\nurl = "{url}"\n')
    Store.open(HistorySettings(url=url)).close()
    program = [sys.executable, "-c", REBASING, url]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        done = CliRunner().invoke(app, ["reload", "--config", str(config)])
        assert (done.exit_code, process.poll()) == (1, None), done.output
        assert f"no daemon has the store of these settings (process {process.pid} on" in done.output
        process.stdin.close()
        assert process.wait() == 0


def test_a_daemon_on_a_machine_with_a_long_name_is_found() -> None:
    """PostgreSQL cuts the names of sessions."""
    here = "camwatch-production-7f9d5c6b8d-x2x9k.surveillance.aix.example"
    told = session_of(f"daemon 123456 on {here}").removeprefix("camwatch ")
    assert len(f"camwatch {told}") == SESSION_MAX
    assert daemon_of(f"{told} since 2026-11-30 12:00:00 UTC", here) == 123456
    assert daemon_of("daemon 7 on cam since 2026-11-30 12:00:00 UTC", "cam") == 7


@pytest.mark.parametrize(
    "holder", [None, "not known", "process 7 on cam since 2026", "daemon 7 on ca since 2026"]
)
def test_nobody_else_is_asked(holder: str | None) -> None:
    """Neither another process, nor a daemon on a machine whose name begins alike."""
    with pytest.raises(CamwatchError, match="daemon"):
        daemon_of(holder, "cam")
