"""The store, opened by a command beside a running daemon."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Connection

from camwatch.accounting.calendar import Calendar
from camwatch.clock import wall_ms
from camwatch.dates import parse_day_or_instant, utc_ms
from camwatch.errors import CorrectionError
from camwatch.history.database_errors import translate_errors
from camwatch.history.dialects import read_transaction
from camwatch.history.metadata import read_metadata
from camwatch.history.store import Store
from camwatch.services.corrections import Author, CorrectionService
from camwatch.settings import load_settings

DATES = "Dates are like 2026-10-01 or 2026-10-01T14:30, local time unless an offset is given."
"""Help on the dates that flags take."""

AuthorName = Annotated[
    str | None, typer.Option("--author", metavar="NAME", help="Author (default: the login name).")
]
ReasonText = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; printed in reports.")]

_CONNECT_TIMEOUT_S = 5.0


class OpenStore(NamedTuple):
    """An open store, and the time zone in which times are read and shown."""

    store: Store
    zone: ZoneInfo

    @property
    def corrections(self) -> CorrectionService:
        """The service that appends corrections."""
        return CorrectionService(self.store.engine, wall_ms)

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a read transaction."""
        return read_transaction(self.store.engine)

    def parse_time(self, flag: str, given: str | None, default: int) -> int:
        """Return the instant given with a flag, UTC milliseconds. Raises CorrectionError."""
        if given is None:
            return default
        try:
            return utc_ms(parse_day_or_instant(given.strip(), self.zone))
        except ValueError as error:
            raise CorrectionError(f"{flag}: {error}") from None


@contextmanager
def open_store(config: Path | None) -> Iterator[OpenStore]:
    """Open the store for one command. Raises ConfigError or StoreError."""
    settings = load_settings(config)
    with (
        Store.open(settings.history, wait_s=_CONNECT_TIMEOUT_S, create=False) as store,
        translate_errors(store.engine),
    ):
        yield OpenStore(store, settings.fleet.timezone)


def author(name: str | None) -> Author:
    """Return the author of a correction: as given, else the login name (that of the user who called sudo).

    Raises CorrectionError if there is none.
    """
    if name is not None:
        return Author(name)
    try:
        return Author(os.environ.get("SUDO_USER") or getpass.getuser())
    except (OSError, KeyError):
        raise CorrectionError("the author is unknown (no login name): give --author") from None


def rolled_up_note(connection: Connection, since_ms: int) -> str:
    """Return since when single outages are stored, if `since_ms` is earlier; else an empty text."""
    known = read_metadata(connection)
    if known.rolled_up_zone is None or since_ms >= known.rolled_up_until_ms:
        return ""
    day = Calendar(known.rolled_up_zone).date_of(known.rolled_up_until_ms)
    return f"Before {day} the store has daily figures only (history.retention_days)."
