"""What the window asks of the rest of the house; `app` hands it over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from camwatch.accounting.records import (
    OPEN_ENDED,
    AttributedCause,
    CameraHistory,
    GapRecord,
    History,
    MaintenanceRecord,
    OutageRecord,
)
from camwatch.accounting.rolling import RollingAccounts
from camwatch.core.model import Camera, Instant, Liveness, Purpose, Scope
from camwatch.core.monitor import FleetMonitor
from camwatch.core.scoped_incidents import ScopedIncidents
from camwatch.core.status_time import StatusTime
from camwatch.errors import RejectReason
from camwatch.fleet.inventory import HeldReload, Inventory
from camwatch.i18n import Lang, ReportFormat
from camwatch.rejections import RejectionCount


class LinkReport(Protocol):
    """A link's messages, and why it is not subscribed (None: it is)."""

    received: int
    problem: str | None


class Rejections(Protocol):
    """What was refused."""

    @property
    def counts(self) -> Mapping[RejectReason, int]:
        """Messages by reason."""

    @property
    def unregistered(self) -> Mapping[str, int]:
        """Messages by the id of a camera that the inventory does not know, latest last."""

    @property
    def refused(self) -> Mapping[str, Mapping[str, RejectionCount]]:
        """Messages by camera and reason."""

    @property
    def dropped(self) -> Mapping[str, Mapping[str, RejectionCount]]:
        """Heartbeats by camera and the name of a field of theirs that could not be used."""


class Live(Protocol):
    """The fleet as it is now: the `Watcher`. Everything answers at once, in the event loop."""

    fleet: FleetMonitor
    scoped: ScopedIncidents
    """The incidents that some operators' cameras alone give; fed by who publishes what happens."""
    inventory: Inventory
    reload_errors: int
    """How often the inventory could not be read anew, since the start."""
    inventory_faults: tuple[str, ...]
    """Why the tables were not taken when they were read last; empty if they were."""
    held: HeldReload | None
    """The last reading, if it waits to be confirmed (rule V6)."""
    last_reload: Instant
    """When the inventory in force was read."""

    @property
    def link_reports(self) -> Mapping[str, LinkReport]:
        """By name."""

    @property
    def rejections(self) -> Rejections:
        """What was refused since the start."""

    @property
    def not_ready_reasons(self) -> list[str]:
        """Why the daemon is not ready, a line a reason."""

    @property
    def timezone(self) -> ZoneInfo:
        """The zone in which people are shown times."""

    @property
    def rolling_accounts(self) -> RollingAccounts | None:
        """The operators' accounts over all windows; None until they are derived from the record."""

    @property
    def now(self) -> Instant:
        """The time, on both clocks."""

    def link_trouble(self, name: str) -> str | None:
        """Return why a link does not show what its cameras say now; None if it does."""

    def liveness_of(self, camera: Camera) -> Liveness:
        """Return a camera's deadlines."""


class Listed(Protocol):
    """An outage with its camera and the account of its time."""

    @property
    def camera(self) -> CameraHistory:
        """Whose it is."""

    @property
    def outage(self) -> OutageRecord:
        """When it was and why."""

    @property
    def account(self) -> StatusTime:
        """Milliseconds of its time by account; `down` is what it lasted."""


class Known(NamedTuple):
    """A camera that is or was in the record, and a place where it stood in [since_ms, until_ms) (rule V7)."""

    id: str
    operator: str
    site: str
    name: str
    since_ms: int = -OPEN_ENDED
    until_ms: int = OPEN_ENDED


class Archive(Protocol):
    """The record. Everything here waits for the store: call it by `Threads.run`.

    Raises CorrectionError for what cannot be done, StoreError for a store that fails.
    """

    def read(
        self, operators: Iterable[str] | None, from_ms: int, to_ms: int, *, camera: str | None = None
    ) -> History:
        """Return the record of [from_ms, to_ms), UTC milliseconds, of these operators (None: all)."""

    def outage(self, operators: Iterable[str] | None, number: int) -> Listed | None:
        """Return an outage of these operators (None: of all); None if there is no such."""

    def outage_page(
        self,
        operators: Iterable[str] | None,
        *,
        from_ms: int,
        to_ms: int,
        piece: slice,
        camera: str | None = None,
        site: str | None = None,
        still_open: bool = False,
        unattributed: bool = False,
    ) -> tuple[int, Sequence[Listed]]:
        """Return how many outages touch a stretch and fit every filter, and a piece, the newest first."""

    def blindness(self, from_ms: int, to_ms: int) -> Sequence[GapRecord]:
        """Return when whose cameras could not be seen in [from_ms, to_ms), oldest first."""

    def known(self, operators: Iterable[str] | None) -> Sequence[Known]:
        """Return every camera that the record has ever had of these operators (None: all)."""

    def windows(self, from_ms: int, to_ms: int) -> Sequence[MaintenanceRecord]:
        """Return all maintenance windows that touch a stretch of time, the inventory's and those added."""

    def attribute(self, who: str, why: str, outage: int, cause: AttributedCause, *, excluded: bool) -> int:
        """Append what people say of an outage; return the correction's number."""

    def add_window(
        self,
        who: str,
        why: str,
        scope: Scope,
        scope_id: str,
        from_ms: int,
        to_ms: int,
        operators: Iterable[str] | None,
    ) -> int:
        """Append a maintenance window over cameras of these operators (None: of all); return its number."""

    def cancel_window(self, who: str, why: str, number: int, operators: Iterable[str] | None) -> int:
        """Append that a window is cancelled for these operators (None: all); return the number of that."""

    def report(
        self,
        operators: Iterable[str] | None,
        first: date,
        last: date,
        *,
        form: ReportFormat,
        lang: Lang,
        purpose: Purpose | None = None,
        site: str | None = None,
    ) -> bytes:
        """Return a report in a form, as `camwatch report` writes it."""

    def export(self, operators: Iterable[str] | None, from_ms: int, to_ms: int) -> Iterator[bytes]:
        """Yield the record of [from_ms, to_ms) as JSON lines."""
