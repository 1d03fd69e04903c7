"""`camwatch audit`: does the record add up, and was nothing of it changed afterwards."""

from __future__ import annotations

from typing import Annotated

import typer

from camwatch.cli import desk
from camwatch.cli.common import ConfigFile


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
    desk.audit_record(config, since)
