"""`camwatch audit`: does the record add up, and was nothing of it changed afterwards."""

from __future__ import annotations

from camwatch.cli import desk
from camwatch.cli.common import ConfigFile


def audit_command(config: ConfigFile = None) -> None:
    """Verify the chain of corrections, and that every camera's ledger adds up."""
    desk.audit_record(config)
