"""`camwatch audit`: verify that the record adds up, and that nothing of it was changed afterwards."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from camwatch.cli.common import FAILED, ConfigFile, exit_with_error
from camwatch.cli.formatting import format_datetime, wrap
from camwatch.cli.open_store import open_store
from camwatch.errors import CorrectionError
from camwatch.history.audit import audit

_HASH = re.compile("[0-9a-f]{12,64}")


def audit_command(
    config: ConfigFile = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="REPORT.json|HASH",
            help="Prove that the record goes on from a report, or from a seal (12 digits at least).",
        ),
    ] = None,
) -> None:
    """Verify seals and corrections, and that every camera's ledger adds up."""
    with open_store(config) as opened:
        anchor = None if since is None else _anchor(since)
        result = audit(opened.engine, opened.zone, _progress(), anchor)
        checked = result.checked
        typer.echo(
            f"Checked: {checked.cameras} cameras, {checked.transitions} transitions, "
            f"{checked.outages} outages,\n{checked.days} folded days, {checked.corrections} corrections "
            f"(head {result.head[:16]}),\n{checked.seals} seals (head {result.sealed})."
        )
        if result.since is not None and not result.findings:
            typer.echo(f"It goes on from there: {result.since.seals} seals since.")
            typer.echo("".join(f"  correction {made}\n" for made in result.since.corrections), nl=False)
        if not result.findings:
            typer.echo("The ledger adds up.")
            return
        for finding in result.findings:
            when = "" if finding.at_ms is None else f", {format_datetime(finding.at_ms, opened.zone)}"
            typer.echo(f"  {finding.camera or 'the record'}{when}")
            typer.echo(wrap(finding.problem, 4))
        count = len(result.findings)
        exit_with_error(FAILED, f"the ledger does not add up: {count} finding{'' if count == 1 else 's'}")


def _anchor(said: str) -> str:
    """Return the hash of a seal, or its beginning, from a report in JSON or as it is."""
    if _HASH.fullmatch(said):
        return said
    try:
        sealed = json.loads(Path(said).read_bytes())["sealed"]
    except OSError as error:
        raise CorrectionError(f"--since {said}: {error.strerror}: name a report, or a hash") from error
    except (ValueError, LookupError, TypeError):
        sealed = None
    if not isinstance(sealed, str) or not _HASH.fullmatch(sealed):
        raise CorrectionError(f"--since {said} is no report in JSON with a seal: name one, or a hash")
    return sealed


def _progress() -> Callable[[int, int], None]:
    """Return what tells on a terminal how far it is, at most ten times a second."""
    shown = 0.0

    def tell(done: int, of: int) -> None:
        nonlocal shown
        if done == of:
            typer.echo("\r" + " " * 40 + "\r", nl=False, err=True)
        elif time.monotonic() - shown > 0.1:
            shown = time.monotonic()
            typer.echo(f"\raudit: camera {done} of {of}", nl=False, err=True)

    return tell if sys.stderr.isatty() else lambda _done, _of: None
