"""`camwatch reload`: have a running daemon read its inventory."""

from __future__ import annotations

import os
import re
import signal
import socket
from typing import Annotated

import typer

from camwatch.cli.common import FAILED, ConfigFile, checked, fail, guarded
from camwatch.settings import Settings


def reload_command(
    config: ConfigFile = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Take a reading that is held back, too: what it drops is meant.")
    ] = False,
) -> None:
    """Check the inventory, then have the daemon on this machine read it; the log says what came of it."""
    settings, inventory = checked(config)
    guarded(lambda: _ask(settings, signal.SIGHUP if confirm else signal.SIGUSR1))
    typer.echo(f"Asked: {len(inventory.cameras)} cameras in the tables.")


def _ask(settings: Settings, number: signal.Signals) -> None:
    from camwatch.history.store import Store  # noqa: PLC0415 - others are quicker without it

    with Store.open(settings.history, create=False) as store:
        holder = store.holder()
    found = holder and re.match(r"process (\d+) on (\S+)", holder)
    if not found:
        fail(FAILED, "no daemon has the store that these settings name: is it running?")
    process, host = int(found[1]), found[2]
    if host != socket.gethostname():
        fail(FAILED, f"the daemon runs on {host}: ask there")
    try:
        os.kill(process, number)
    except ProcessLookupError:
        fail(FAILED, f"process {process} is gone: is the daemon running?")
    except PermissionError:
        fail(FAILED, f"process {process} is another user's: ask as that user, or as root")
