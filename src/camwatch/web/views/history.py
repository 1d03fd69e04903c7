"""Models of the record: status time, days, outages, maintenance windows, monitoring gaps.

Pure functions; sums over a fleet's months take a while: call them in the thread that read the record.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import Field

from camwatch.accounting.records import VOIDED_REASON, AttributedCause, GapRecord
from camwatch.core.model import Cause, GapCause, Purpose, Scope, Status
from camwatch.core.status_time import StatusTime
from camwatch.history.outage_list import OutageWithCamera
from camwatch.web.auth.principal import Principal
from camwatch.web.views.base import Moment, View, to_datetime, to_datetime_or_none


class StatusTimeView(View):
    """Status time in whole milliseconds, and the ratios derived from it."""

    up_ms: int
    down_ms: int
    unknown_ms: int
    maintenance_ms: int
    in_service_ms: int = Field(description="The sum of the four.")
    availability: float | None = Field(description="up / (up + down); null of nothing.")
    uncertain_up_ms: int = Field(description="Of `up_ms`: between the bounds of a change.")
    uncertain_down_ms: int = Field(description="Of `down_ms`: between the bounds of a change.")
    availability_min: float | None = Field(description="Had what is unknown or uncertain all been down.")
    availability_max: float | None = Field(description="Had what is unknown or uncertain all been up.")
    coverage: float | None = Field(description="(up + down) / (up + down + unknown).")

    @classmethod
    def of(cls, account: StatusTime) -> StatusTimeView:
        """Return the model of a status time."""
        least, most = account.bounds or (None, None)
        return cls(
            up_ms=account.up,
            down_ms=account.down,
            unknown_ms=account.unknown,
            maintenance_ms=account.maintenance,
            in_service_ms=account.in_service,
            availability=account.availability,
            uncertain_up_ms=account.uncertain_up,
            uncertain_down_ms=account.uncertain_down,
            availability_min=least,
            availability_max=most,
            coverage=account.coverage,
        )


class DailyUptimeView(View):
    """A local day of a camera or group, up to now."""

    day: date
    account: StatusTimeView
    outages: int = Field(description="That began on this day.")


class StatusIntervalView(View):
    """A camera had a status in [`from`, `to`)."""

    status: Status
    start: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")


class AttributionView(View):
    """An attribution of an outage; the newest one is in force."""

    cause: AttributedCause
    excluded: bool = Field(description="Contracts leave the outage out.")
    author: str
    reason: str
    created_at: Moment


class OutageView(View):
    """One outage."""

    id: int
    camera: str
    name: str
    operator: str
    site: str
    start: Moment = Field(serialization_alias="from")
    end: Moment | None = Field(serialization_alias="to", description="null: not over.")
    at_earliest: Moment = Field(description="It began no earlier; as `from` where that is exact.")
    at_latest: Moment = Field(description="It had begun by then; as `from` where that is exact.")
    end_earliest: Moment | None = Field(description="It ended no earlier; as `to` where that is exact.")
    end_latest: Moment | None = Field(description="It had ended by then; as `to` where that is exact.")
    voided: bool = Field(description="Late heartbeats prove that the camera was alive: it does not count.")
    voided_reason: str | None = Field(description="Why it is voided; null: it is not.")
    detected_at: Moment
    cause: Cause = Field(description="What was seen.")
    attribution: AttributionView | None = Field(description="The one that holds.")
    attributions: tuple[AttributionView, ...] = Field(description="All, oldest first.")
    down_ms: int = Field(description="What it lasted: blind and maintenance time within is not down.")
    unknown_ms: int
    maintenance_ms: int


class MaintenanceView(View):
    """A maintenance window."""

    number: int | None = Field(description="By which it is cancelled; null: the inventory's own.")
    scope: Scope
    id: str = Field(description="Of the camera, site or operator that it covers.")
    name: str
    start: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")
    reason: str
    author: str | None
    created_at: Moment | None
    cancelled: bool = Field(description="Cancelled before it began, or after it was over: it counts no more.")
    operators: tuple[str, ...] | None = Field(description="Whose cameras it covers; null: of_all's.")
    without: tuple[str, ...] = Field(description="Whose cameras it does not: they cancelled it for these.")
    state: str = Field(description="`planned`, `under_way`, `over` or `cancelled`.")
    can_cancel: bool = Field(description="Whether this account may cancel it, for the cameras that it sees.")


class MonitoringGapView(View):
    """An interval in which cameras were not visible."""

    cause: GapCause
    start: Moment = Field(serialization_alias="from")
    end: Moment | None = Field(serialization_alias="to", description="null: not over.")
    operators: tuple[str, ...] | None = Field(description="Whose cameras; null: of_all's.")
    links: tuple[str, ...] = Field(description="That were lost; none named for other causes.")


class ServiceLevelRow(View):
    """Status time of a camera or a group over the interval."""

    id: str
    name: str
    cameras: int
    account: StatusTimeView
    objective: float | None = None
    outages: int = Field(description="That began in the interval.")


class CameraLevel(ServiceLevelRow):
    """Status time of one camera over the interval."""

    operator: str
    site: str
    purpose: Purpose


class ServiceLevels(View):
    """Service levels of an interval."""

    start: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")
    data_until: Moment = Field(description="Where the accounts end: at `to`, or where the record does.")
    raw_data_from: Moment | None = Field(
        description="Before it only whole local days are kept: of a day that is cut, nothing is counted."
    )
    total: StatusTimeView
    operators: list[ServiceLevelRow]
    sites: list[ServiceLevelRow]
    purposes: list[ServiceLevelRow]
    cameras: list[CameraLevel]


def outage(found: OutageWithCamera) -> OutageView:
    """Return the model of an outage."""
    camera, record, account = found.camera, found.outage, found.account
    said = tuple(
        AttributionView(
            cause=each.cause,
            excluded=each.excluded,
            author=each.author,
            reason=each.reason,
            created_at=to_datetime(each.created_ms),
        )
        for each in record.attributions
    )
    return OutageView(
        id=record.id,
        camera=camera.id,
        name=camera.name,
        operator=camera.operator,
        site=camera.site,
        start=to_datetime(record.at_ms),
        end=to_datetime_or_none(record.end_ms),
        at_earliest=to_datetime(record.at_earliest_ms),
        at_latest=to_datetime(record.at_latest_ms),
        end_earliest=to_datetime_or_none(record.end_earliest_ms),
        end_latest=to_datetime_or_none(record.end_latest_ms),
        voided=record.voided,
        voided_reason=VOIDED_REASON if record.voided else None,
        detected_at=to_datetime(record.detected_ms),
        cause=record.cause,
        attribution=said[-1] if said else None,
        attributions=said,
        down_ms=account.down,
        unknown_ms=account.unknown,
        maintenance_ms=account.maintenance,
    )


def monitoring_gaps(viewer: Principal, records: Iterable[GapRecord]) -> list[MonitoringGapView]:
    """Return the monitoring gaps of visible operators, newest first."""
    found = []
    for record in records:
        # A clock step concerns the record of all operators.
        of_all = not record.operators or record.cause is GapCause.CLOCK_STEP
        mine = None if of_all else viewer.visible(record.operators)
        if mine != ():
            # Only a lost link is certainly the operator's own; do not reveal the names of others.
            shown = viewer.can_see_all or record.cause is GapCause.LINK
            found.append(
                MonitoringGapView(
                    cause=record.cause,
                    start=to_datetime(record.start_ms),
                    end=to_datetime_or_none(record.end_ms),
                    operators=mine,
                    links=record.links if shown and not of_all else (),
                )
            )
    return found[::-1]
