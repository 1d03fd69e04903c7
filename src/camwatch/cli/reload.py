"""`camwatch reload`: have a running daemon read its inventory."""

from __future__ import annotations

import os
import re
import signal
import socket
from typing import Annotated

import typer

from camwatch.cli.common import FAILED, ConfigFile, exit_with_error, handle_errors, load_config
from camwatch.settings import Settings


def reload_command(
    config: ConfigFile = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Take a reading that is held back, too: what it drops is meant.")
    ] = False,
) -> None:
    """Check the inventory, then have the daemon on this machine read it; the log says what came of it."""
    settings, inventory = load_config(config)
    handle_errors(lambda: _ask(settings, signal.SIGHUP if confirm else signal.SIGUSR1))
    typer.echo(f"Asked: {len(inventory.cameras)} cameras in the tables.")


def _ask(settings: Settings, number: signal.Signals) -> None:
    from camwatch.history.store import Store  # noqa: PLC0415 - others are quicker without it

    with Store.open(settings.history, create=False) as store:
        holder = store.holder()
    process = daemon_of(holder, socket.gethostname())
    try:
        os.kill(process, number)
    except ProcessLookupError:
        exit_with_error(FAILED, f"process {process} is gone: is the daemon running?")
    except PermissionError:
        exit_with_error(FAILED, f"process {process} is another user's: ask as that user, or as root")


def daemon_of(holder: str | None, here: str) -> int:
    """Return the process of the daemon that is the `Store.holder`; leave if it does not run `here`.

    Nobody else is asked: `camwatch history rebase` would die of it.
    """
    from camwatch.history.dialects import SESSION_MAX, session_of  # noqa: PLC0415 - as above

    found = holder and re.match(r"daemon (\d+) on (\S*)", holder)
    if not found:
        has = f" ({holder} has it)" if holder else ""
        exit_with_error(FAILED, f"no daemon has the store that these settings name{has}: is it running?")
    process, host = int(found[1]), found[2]
    cut = len(session_of(found[0])) == SESSION_MAX
    if host != here and not (cut and here.startswith(host)):
        exit_with_error(FAILED, f"the daemon runs on {host}: ask there")
    return process
