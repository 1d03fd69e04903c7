"""`camwatch audit`: verify that the record is consistent and was not changed afterwards."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from camwatch.cli.common import ConfigFile
from camwatch.cli.open_store import open_store
from camwatch.cli.terminal import count, format_datetime, indented, progress, show
from camwatch.errors import CamwatchError, CorrectionError
from camwatch.history.audit import audit

_HASH = re.compile("[0-9a-f]{12,64}")


def audit_command(
    config: ConfigFile = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="REPORT.json|HASH",
            help="Prove that the record continues a report, or a seal (at least 12 digits of it).",
        ),
    ] = None,
) -> None:
    """Verify seals and corrections, and that every camera's status times add up."""
    with open_store(config) as opened:
        anchor = None if since is None else _anchor(since)
        with progress("Audit") as report_progress:
            result = audit(opened.store.engine, opened.zone, report_progress, anchor)
        checked = result.checked
        show(
            f"Checked: {count(checked.cameras, 'camera')}, {count(checked.transitions, 'transition')}, "
            f"{count(checked.outages, 'outage')}, {count(checked.days, 'rolled-up day')}, "
            f"{count(checked.corrections, 'correction')} (head {result.head[:16]}), "
            f"{count(checked.seals, 'seal')} (head {result.sealed})."
        )
        if result.since is not None and not result.findings:
            show(f"The record continues from there: {count(result.since.seals, 'seal')} since.")
            for correction in result.since.corrections:
                show(indented(f"correction {correction}", 2))
        if not result.findings:
            show("The record adds up.")
            return
        for finding in result.findings:
            when = "" if finding.at_ms is None else f", {format_datetime(finding.at_ms, opened.zone)}"
            show(indented(f"{finding.camera or 'the record'}{when}", 2))
            show(indented(finding.problem, 4))
        raise CamwatchError(f"the record does not add up: {count(len(result.findings), 'finding')}")


def _anchor(given: str) -> str:
    """Return the hash of a seal, or its beginning: given itself, or in a JSON report."""
    if _HASH.fullmatch(given):
        return given
    try:
        sealed = json.loads(Path(given).read_bytes())["sealed"]
    except OSError as error:
        raise CorrectionError(f"--since {given}: {error.strerror}: give a report or a hash") from error
    except (ValueError, LookupError, TypeError):
        sealed = None
    if not isinstance(sealed, str) or not _HASH.fullmatch(sealed):
        raise CorrectionError(f"--since {given} is not a JSON report with a seal: give one, or a hash")
    return sealed
