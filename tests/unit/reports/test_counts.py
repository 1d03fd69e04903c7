"""A report, the service levels and their days give the same figures of a camera, whatever was corrected."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camwatch.accounting.records import MaintenanceRecord
from camwatch.core.model import Scope
from camwatch.web.views import service_levels
from tests.support.reports.record_builders import (
    OCTOBER,
    PARIS,
    H,
    inventory_of,
    painter,
    record_of,
    report_of,
)

_START = OCTOBER.start_ms
_HOURS = st.integers(0, 40)


@given(
    outages=st.lists(st.tuples(_HOURS, st.integers(1, 6)), max_size=4, unique_by=lambda each: each[0] // 8),
    works=st.lists(st.tuples(_HOURS, st.integers(1, 12)), max_size=3),
)
def test_an_outage_counts_in_all_figures_or_in_none(
    outages: list[tuple[int, int]], works: list[tuple[int, int]]
) -> None:
    """One that corrected maintenance covers wholly is counted nowhere."""
    brush = painter()
    for number, (hour, hours) in enumerate(outages, 1):
        begins = _START + hour // 8 * 8 * H  # apart from the next one
        brush.outage(number, begins, begins + hours * H)
    windows = [
        MaintenanceRecord(
            100 + number, Scope.SITE, "mairie", _START + hour * H, _START + (hour + hours) * H, ""
        )
        for number, (hour, hours) in enumerate(works)
    ]
    record = record_of(brush.done(), maintenance=windows)

    figures = report_of(record).sections[0].line.figures
    level = service_levels.levels(record, inventory_of(record), {}, _START, OCTOBER.end_ms)
    days = service_levels.days(record, PARIS, OCTOBER.first, OCTOBER.last)

    assert [figures.outages] * 3 == [
        level.operators[0].outages,
        level.cameras[0].outages,
        sum(day.outages for day in days),
    ]
    down = figures.account.down
    assert down == level.total.down_ms == sum(day.account.down_ms for day in days)
