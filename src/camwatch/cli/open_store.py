"""The store, opened by a command beside a running daemon."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Connection, Engine

from camwatch.accounting.calendar import Calendar
from camwatch.cli.common import FAILED, MISCONFIGURED, exit_with_config_errors, exit_with_error
from camwatch.errors import CamwatchError, ConfigError, CorrectionError
from camwatch.fleet.fields import FieldError, datetime_ms
from camwatch.history.database_errors import translate_errors
from camwatch.history.metadata import read_metadata
from camwatch.history.store import Store
from camwatch.services.corrections import Author, CorrectionService
from camwatch.settings import load_settings

DATES = "Dates are like 2026-10-01 or 2026-10-01T14:30, local time unless an offset is given."
"""Help on the dates that flags take."""

AuthorName = Annotated[
    str | None, typer.Option("--author", metavar="NAME", help="Who says so (without: the login name).")
]
ReasonText = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; reports print it.")]

_PATIENCE_S = 5.0  # how long a command waits for a server


class OpenStore(NamedTuple):
    """An open store, and the zone of times."""

    store: Store
    zone: ZoneInfo

    @property
    def engine(self) -> Engine:
        """The engine of the store."""
        return self.store.engine

    @property
    def corrections(self) -> CorrectionService:
        """The service that appends corrections."""
        return CorrectionService(self.engine, now_ms)

    def parse_time(self, flag: str, said: str | None, default: int) -> int:
        """Return the instant that a flag names, UTC milliseconds. Raises CorrectionError."""
        if said is None:
            return default
        try:
            return datetime_ms(self.zone, date_alone=True)(said.strip())
        except FieldError as error:
            raise CorrectionError(f"{flag}: {error}") from None


@contextmanager
def open_store(config: Path | None) -> Iterator[OpenStore]:
    """Open the store for one command; on errors, print them and exit with the right code."""
    try:
        settings = load_settings(config)
        with (
            Store.open(settings.history, wait_s=_PATIENCE_S, create=False) as store,
            translate_errors(store.engine),
        ):
            yield OpenStore(store, settings.fleet.timezone)
    except ConfigError as error:
        exit_with_config_errors(error.problems)
    except CorrectionError as error:
        exit_with_error(MISCONFIGURED, str(error))
    except CamwatchError as error:
        exit_with_error(FAILED, str(error))


def now_ms() -> int:
    """Return the time of the machine's clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


def author(name: str | None) -> Author:
    """Return who makes a correction: without a name the login name, behind `sudo` that of the person.

    Raises CorrectionError if there is none.
    """
    if name is not None:
        return Author(name)
    try:
        return Author(os.environ.get("SUDO_USER") or getpass.getuser())
    except (OSError, KeyError):
        raise CorrectionError("nobody is logged in: say with --author who makes the correction") from None


def rolled_up_note(connection: Connection, since_ms: int) -> str:
    """Return since when outages are kept, if `since_ms` is earlier; else an empty text."""
    known = read_metadata(connection)
    if known.rolled_up_zone is None or since_ms >= known.rolled_up_until_ms:
        return ""
    day = Calendar(known.rolled_up_zone).date_of(known.rolled_up_until_ms)
    return f"Before {day} only daily accounts are kept (history.retention_days)."
