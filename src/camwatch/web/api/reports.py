"""Reports, as `camwatch report` writes them: the download of the API and of the pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from camwatch.accounting.calendar import Calendar, last_of_month
from camwatch.core.model import Purpose
from camwatch.dates import parse_day, parse_month
from camwatch.i18n import DEFAULT_LANGUAGE, languages
from camwatch.reports.report_format import ReportFormat
from camwatch.web.api.dependencies import Context, CurrentUser
from camwatch.web.problems import ProblemError
from camwatch.web.views import fleet

router = APIRouter(tags=["reports"])

_A_DAY = "^(19[7-9][0-9]|2[0-9]{3})-[0-9]{2}-[0-9]{2}$"
_A_MONTH = "^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])$"
_LONGEST = 3 * 366  # days
_CONTENT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
"""Nothing in a report runs or loads anything; our own page shows it in a frame."""


@router.get(
    "/reports",
    response_class=Response,
    summary="A report, in any form",
    responses={
        200: {
            "description": "The report, as `camwatch report` writes it.",
            "content": {form.media_type.partition(";")[0]: {} for form in ReportFormat},
        }
    },
)
async def report(
    ctx: Context,
    viewer: CurrentUser,
    month: Annotated[str | None, Query(pattern=_A_MONTH, description="Like 2026-10.")] = None,
    first: Annotated[
        str | None, Query(pattern=_A_DAY, description="The first day, instead of a month.")
    ] = None,
    last: Annotated[
        str | None, Query(pattern=_A_DAY, description="The last day, included; without: today.")
    ] = None,
    operator: Annotated[str | None, Query(description="Only of this operator.")] = None,
    site: Annotated[str | None, Query(description="Only at this site.")] = None,
    purpose: Annotated[Purpose | None, Query(description="Only for this purpose.")] = None,
    format: Annotated[ReportFormat, Query(description="How it is written.")] = ReportFormat.JSON,  # noqa: A002
    lang: Annotated[
        str, Query(pattern=f"^({'|'.join(languages())})$", description="In which language.")
    ] = DEFAULT_LANGUAGE,
    download: Annotated[bool, Query(description="As a file to keep.")] = False,
) -> Response:
    """Return figures, outages, monitoring gaps and maintenance of whole local days; default: last month."""
    operators = fleet.requested_operators(ctx.live, viewer, operator)
    if site is not None:
        fleet.check_site(ctx.live, viewer, site)
    begin, end = _days(Calendar(ctx.live.timezone), ctx.live.now.utc_ms, month, first, last)
    make = partial(
        ctx.history.report, operators, begin, end, form=format, lang=lang, purpose=purpose, site=site
    )
    content = await ctx.threads.run(viewer, make)
    days = f"{begin:%Y-%m}" if begin.day == 1 and end == last_of_month(begin) else f"{begin}-{end}"
    name = f"camwatch-{operator or 'all'}-{days}.{format.ending}"
    headers = {
        "content-disposition": f'{"attachment" if download else "inline"}; filename="{name}"',
        "content-security-policy": _CONTENT_POLICY,
        "x-frame-options": "SAMEORIGIN",
    }
    return Response(content, headers=headers, media_type=format.media_type)


def _days(
    calendar: Calendar, now_ms: int, month: str | None, first: str | None, last: str | None
) -> tuple[date, date]:
    """Return the first and last day of the report. Raises ProblemError (422)."""
    today = calendar.date_of(now_ms)
    if month is not None and (first or last):
        raise ProblemError(422, "month: contradicts first and last")
    if first is None and last is not None:
        raise ProblemError(422, "last: needs first as well")
    if first is not None:
        begin = _read("first", first, parse_day)
        end = max(begin, today) if last is None else _read("last", last, parse_day)
        if not begin <= end <= begin + timedelta(days=_LONGEST):
            raise ProblemError(422, f"last: must be from first up to {_LONGEST} days later")
        return begin, end
    end = (
        last_of_month(_read("month", month, parse_month))
        if month
        else today.replace(day=1) - timedelta(days=1)
    )
    return end.replace(day=1), end


def _read(name: str, text: str, parse: Callable[[str], date]) -> date:
    try:
        return parse(text)
    except ValueError as error:
        raise ProblemError(422, f"{name}: {error}") from None
