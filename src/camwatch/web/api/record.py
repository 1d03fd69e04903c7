"""The record: outages and what people say of them, blindness, service levels of any time, the raw history."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from camwatch.core.model import Purpose
from camwatch.core.record import OPEN_END, Attributed
from camwatch.web.api.answers import Stream, answer, begun
from camwatch.web.api.asking import Editor, House, Interval, Paging, Seer
from camwatch.web.house import Archive
from camwatch.web.problems import missing
from camwatch.web.viewer import Viewer
from camwatch.web.views import fleet, levels, past
from camwatch.web.views.base import Page
from camwatch.web.views.past import BlindView, Levels, OutageView

router = APIRouter(tags=["record"])

_LARGEST = 2**53  # what every JSON reader takes for a whole number
OutageId = Annotated[int, Path(ge=1, le=_LARGEST, description="Of the outage.")]
_audit = structlog.get_logger("audit")


class NewAttribution(BaseModel):
    """What somebody found out about an outage."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"cause": "power", "excluded": False, "why": "Breaker tripped"}]},
    )

    cause: Attributed
    excluded: bool | None = Field(None, description="Contracts leave it out. Without: as it was before.")
    why: str = Field(min_length=1, max_length=500, description="In words, on one line.")


@router.get("/outages", response_model=Page[OutageView], summary="Outages, newest first")
async def outages(
    house: House,
    viewer: Seer,
    paging: Paging,
    interval: Interval,
    operator: Annotated[str | None, Query(description="Only of this operator.")] = None,
    site: Annotated[str | None, Query(description="Only at this site.")] = None,
    open: Annotated[bool, Query(description="Only those that are not over.")] = False,  # noqa: A002
    unattributed: Annotated[bool, Query(description="Only those of which nobody said why.")] = False,
) -> Response:
    """Return those that touch the interval and fit every filter."""
    operators = fleet.chosen(house.live, viewer, operator)
    total, found = await house.threads.run(
        lambda: house.archive.outage_page(
            operators,
            from_ms=interval.from_ms,
            to_ms=interval.to_ms,
            piece=paging.piece,
            site=site,
            still_open=open,
            unattributed=unattributed,
        )
    )
    return answer(paging.part([past.outage(each) for each in found], total))


@router.get("/outages/{outage}", response_model=OutageView, summary="One outage")
async def one_outage(house: House, viewer: Seer, outage: OutageId) -> Response:
    """Return it with all that was said of it."""
    return answer(await house.threads.run(lambda: _outage(house.archive, viewer, outage)))


@router.post(
    "/outages/{outage}/attributions",
    status_code=201,
    response_model=OutageView,
    summary="Say what caused an outage",
)
async def attribute(house: House, viewer: Editor, outage: OutageId, said: NewAttribution) -> Response:
    """Append an attribution: nothing is overwritten, and the newest holds."""

    def work() -> tuple[int, OutageView]:
        before = _outage(house.archive, viewer, outage).attribution
        held = before is not None and before.excluded
        excluded = held if said.excluded is None else said.excluded
        number = house.archive.attribute(viewer.name, said.why, outage, said.cause, excluded=excluded)
        return number, _outage(house.archive, viewer, outage)

    number, found = await house.threads.run(work)
    _audit.info(
        "outage attributed",
        who=viewer.name,
        outage=outage,
        camera=found.camera,
        cause=str(said.cause),
        excluded=found.attribution.excluded if found.attribution else None,
        why=said.why,
        correction=number,
    )
    return answer(found, 201)


@router.get("/blind-intervals", response_model=Page[BlindView], summary="When cameras were out of sight")
async def blind_intervals(house: House, viewer: Seer, paging: Paging, interval: Interval) -> Response:
    """Return blindness that touches the interval, newest first: of links, of camwatch, of its clock."""
    records = await house.threads.run(lambda: house.archive.blindness(*interval))
    return answer(paging.of(past.blindness(viewer, records)))


@router.get("/service-levels", response_model=Levels, summary="Service levels of any interval")
async def service_levels(
    house: House,
    viewer: Seer,
    interval: Interval,
    operator: Annotated[str | None, Query(description="Only of this operator.")] = None,
    site: Annotated[str | None, Query(description="Only at this site.")] = None,
    purpose: Annotated[Purpose | None, Query(description="Only for this purpose.")] = None,
) -> Response:
    """Return accounts of each camera, and of each group as their sum: milliseconds, not rounded ratios."""
    operators, live = fleet.chosen(house.live, viewer, operator), house.live
    inventory, zone = live.inventory, live.timezone

    def work() -> Levels:
        record = house.archive.read(operators, *interval)
        record.cameras = [
            camera
            for camera in record.cameras
            if site in (None, camera.site) and purpose in (None, camera.purpose)
        ]
        record = levels.with_folded_days(record, zone, *interval)
        return levels.levels(record, inventory, house.objectives, *interval)

    return answer(await house.threads.run(work))


@router.get(
    "/history",
    response_class=Stream,
    summary="The raw record as JSON lines",
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "One fact a line."}},
)
async def history(
    house: House,
    viewer: Seer,
    start: Annotated[int, Query(alias="from", ge=0, le=_LARGEST, description="UTC milliseconds.")],
    end: Annotated[int, Query(alias="to", ge=0, le=_LARGEST, description="UTC milliseconds, not inside.")],
) -> Response:
    """Return transitions, outages, fills and blindness; `kind` tells which. `vouched` comes last."""
    pieces = await begun(house.threads.draw(lambda: house.archive.export(viewer.operators, start, end)))
    return Stream(pieces, "application/x-ndjson")


def _outage(archive: Archive, viewer: Viewer, outage: int) -> OutageView:
    """Return an outage. Raises Problem (404) if there is none for this viewer."""
    found = archive.outages(viewer.operators, from_ms=0, to_ms=OPEN_END, number=outage)
    if not found:
        raise missing(f"outage {outage}")
    return past.outage(found[0])
