"""Corrections of the record: validated, appended to the hash chain, and audit-logged.

A new kind of correction is a type in `history.corrections` and a
method here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Engine
from structlog.typing import FilteringBoundLogger as BoundLogger

from camwatch.accounting.records import AttributedCause
from camwatch.core.model import Scope
from camwatch.history.correction_writer import append
from camwatch.history.corrections import (
    Correction,
    Maintenance,
    OutageAttribution,
    make_cancellation,
    window_of,
)
from camwatch.history.database_errors import translate_errors
from camwatch.history.dialects import read_transaction
from camwatch.history.outage_list import OutageWithCamera
from camwatch.history.public_ids import public_ids


class Author(NamedTuple):
    """The author of a correction, and the operators whose cameras it may cover (None: all)."""

    name: str
    operators: Iterable[str] | None = None


class MaintenanceRequest(NamedTuple):
    """Announced work in [from_ms, to_ms), UTC milliseconds."""

    scope: Scope
    scope_id: str
    from_ms: int
    to_ms: int


class Cancelled(NamedTuple):
    """The public id of a cancellation, and the new end of the window (None: it is void), UTC milliseconds."""

    correction: int
    end_ms: int | None


class CorrectionService:
    """Appends corrections. Every method blocks: call it in a thread.

    `now_ms` returns the system clock. `audit_log` gets a line for each correction (None: no log). All methods
    raise CorrectionError if the correction is not valid, and StoreError.
    """

    def __init__(
        self, engine: Engine, now_ms: Callable[[], int], audit_log: BoundLogger | None = None
    ) -> None:
        self._engine = engine
        self._now_ms = now_ms
        self._audit_log = audit_log

    def attribute_outage(
        self,
        author: Author,
        reason: str,
        listed: OutageWithCamera,
        cause: AttributedCause,
        *,
        excluded: bool | None,
    ) -> tuple[int, bool]:
        """Append the cause of an outage.

        `excluded`: whether contracts leave the outage out; None: as before. Returns the public id of the
        correction, and whether the outage is excluded now.
        """
        outage = listed.outage
        if excluded is None:
            excluded = outage.attribution is not None and outage.attribution.excluded
        with translate_errors(self._engine), read_transaction(self._engine) as connection:
            number = public_ids(connection).outage_of(outage.id) or 0
        correction = self._append(author, reason, OutageAttribution(number, cause, excluded))
        self._log(
            "outage attributed",
            author=author.name,
            outage=outage.id,
            camera=listed.camera.id,
            cause=str(cause),
            excluded=excluded,
            reason=reason,
            correction=correction,
        )
        return correction, excluded

    def schedule_maintenance(self, author: Author, reason: str, request: MaintenanceRequest) -> int:
        """Append a maintenance window over the author's cameras (rule H3); return its public id."""
        number = self._append(author, reason, Maintenance(*request, _sorted(author.operators)))
        self._log(
            "maintenance added",
            author=author.name,
            window=number,
            scope=str(request.scope),
            id=request.scope_id,
            start=_as_text(request.from_ms),
            end=_as_text(request.to_ms),
            reason=reason,
        )
        return number

    def cancel_maintenance(self, author: Author, reason: str, number: int) -> Cancelled:
        """Append that a window is cancelled for the author's cameras; it stays for the others (rule H3).

        A window that has not begun is deleted; one under way ends now; one that is over no longer counts.
        """
        with translate_errors(self._engine), read_transaction(self._engine) as connection:
            window = window_of(connection, number)
        cancellation = make_cancellation(window, self._now_ms(), _sorted(author.operators))
        correction = self._append(author, reason, cancellation)
        self._log(
            "maintenance cancelled",
            author=author.name,
            window=number,
            scope=str(window.scope),
            id=window.scope_id,
            reason=reason,
            correction=correction,
        )
        return Cancelled(correction, cancellation.from_ms)

    def _log(self, event: str, **details: object) -> None:
        if self._audit_log is not None:
            self._audit_log.info(event, **details)

    def _append(self, author: Author, reason: str, correction: Correction) -> int:
        with translate_errors(self._engine):
            number = append(self._engine, author.name, reason, correction, self._now_ms())
            with read_transaction(self._engine) as connection:
                return public_ids(connection).correction(number)


def _as_text(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _sorted(operators: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if operators is None else tuple(sorted(operators))
