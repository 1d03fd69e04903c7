"""`camwatch reload`: make a running daemon read its inventory."""

from __future__ import annotations

import os
import re
import signal
import socket
from typing import Annotated

import typer

from camwatch.cli.common import ConfigFile, load_config
from camwatch.cli.terminal import count
from camwatch.errors import CamwatchError
from camwatch.history.dialects import SESSION_MAX, session_of
from camwatch.history.store import Store


def reload_command(
    config: ConfigFile = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Apply a reload that is held back because it drops cameras.")
    ] = False,
) -> None:
    """Check the inventory, then make the daemon on this machine reload it; its log has the result."""
    settings, inventory = load_config(config)
    with Store.open(settings.history, create=False) as store:
        holder = store.holder()
    process = daemon_of(holder, socket.gethostname())
    try:
        os.kill(process, signal.SIGHUP if confirm else signal.SIGUSR1)
    except ProcessLookupError:
        raise CamwatchError(f"process {process} does not exist any more: is the daemon running?") from None
    except PermissionError:
        raise CamwatchError(
            f"process {process} belongs to another user: run this as that user or root"
        ) from None
    typer.echo(f"Reload requested: {count(len(inventory.cameras), 'camera')} in the tables.")


def daemon_of(holder: str | None, here: str) -> int:
    """Return the process id of the daemon in a `Store.holder`.

    Only a daemon gets the signal: it would kill `camwatch history rebase`. Raises CamwatchError if the holder
    is not a daemon, or does not run on host `here`.
    """
    found = holder and re.match(r"daemon (\d+) on (\S*)", holder)
    if not found:
        used = f" ({holder} has it)" if holder else ""
        raise CamwatchError(f"no daemon has the store of these settings{used}: is it running?")
    process, host = int(found[1]), found[2]
    truncated = len(session_of(found[0])) == SESSION_MAX
    if host != here and not (truncated and here.startswith(host)):
        raise CamwatchError(f"the daemon runs on {host}: run this there")
    return process
