"""What the figures are: accounts, ratios, outages, at the edges of a period and of what is known."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.accounting.objectives import error_budget_ms, objective_met
from camwatch.accounting.outage_length import by_evidence
from camwatch.accounting.records import (
    OPEN_ENDED,
    AttributedCause,
    Attribution,
    CameraHistory,
    DailyRollup,
    GapRecord,
    MaintenanceRecord,
    Place,
    StatusChange,
)
from camwatch.core.model import Camera, GapCause, Lifecycle, Purpose, Scope, Status
from camwatch.core.status_time import Interval, Proven, StatusTime
from camwatch.i18n import Language, rounding
from camwatch.reports.figures import OF_OBJECTIVE, Figures, FormattedFigure
from camwatch.reports.model import Report
from camwatch.reports.period import Completeness, Period, last_month, month_of
from camwatch.reports.renderers import csv_table, html_page, json_document, text_table
from tests.support.examples import examples
from tests.support.reports.record_builders import (
    DAY,
    MIN,
    OCTOBER,
    PARIS,
    H,
    S,
    inventory_of,
    painter,
    record_of,
    report_of,
    utc,
)

NOON = utc("2026-10-10T12:00")
EXCLUDED = Attribution(AttributedCause.WORKS, True, "Ana", "voirie", NOON + DAY)
COUNTED = Attribution(AttributedCause.POWER, False, "Ana", "disjoncteur", NOON + 2 * DAY)


def whole(report: Report) -> dict[str, FormattedFigure]:
    """Return the figures of the only section."""
    (section,) = report.sections
    return section.line.figures.shown(section.line.objective)


def exact(report: Report, *names: str) -> list[int | bool | None]:
    shown = whole(report)
    return [shown[name].exact for name in names]


def test_availability_leaves_out_unknown_time_and_its_bounds_do_not() -> None:
    """A2, A3."""
    brush = painter().outage(1, NOON, NOON + 100 * MIN)
    brush.paint(NOON + DAY, NOON + DAY + 300 * MIN, Status.UNKNOWN)
    brush.paint(NOON + 2 * DAY, NOON + 3 * DAY, Status.MAINTENANCE)
    shown = whole(report_of(record_of(brush.done())))
    service = 31 * DAY + H  # the 25th of October 2026 has 25 hours
    known = service - DAY - 300 * MIN
    up = known - 100 * MIN
    assert shown["in_service"].exact == service
    assert shown["up"].exact == up
    assert shown["availability"].text == rounding.percent(up, known) == "99.767"
    assert shown["coverage"].text == rounding.percent(known, known + 300 * MIN)
    assert shown["availability_lower"].text == rounding.percent(up, known + 300 * MIN)
    assert shown["availability_upper"].text == rounding.percent(up + 300 * MIN, known + 300 * MIN)


def test_without_covered_time_there_is_no_value_neither_0_nor_100() -> None:
    """A2: unknown all the month, in maintenance all the month, not there at all."""
    for status in (Status.UNKNOWN, Status.MAINTENANCE):
        brush = painter().paint(OCTOBER.start_ms, OCTOBER.end_ms, status)
        shown = whole(report_of(record_of(brush.done())))
        for name in ("availability", "contractual", "budget", "budget_left", "objective_met", "mttr", "mtbf"):
            assert shown[name].text is None, name
    assert whole(report_of(record_of(), inventory=inventory_of(record_of())))["availability"].text is None


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-24", 24), ("2026-07-14", 24)]
)
def test_a_day_has_23_or_25_hours_when_the_clocks_change(day: str, hours: int) -> None:
    """A5."""
    period = Period(date.fromisoformat(day), date.fromisoformat(day), PARIS)
    report = report_of(record_of(painter(since=0).done()), period)
    assert exact(report, "in_service", "up") == [hours * H, hours * H]
    assert report.sections[0].cameras[0].days[0].up == hours * H


def test_a_group_is_its_milliseconds_added_up_then_divided() -> None:
    """A4: the mean of the ratios would be 75 %."""
    old = painter("old").outage(1, NOON, NOON + 2 * H).done()
    new = painter("new", since=OCTOBER.end_ms - 2 * H).outage(2, OCTOBER.end_ms - H, None).done()
    report = report_of(record_of(old, new))
    assert [camera.figures.account.down for camera in report.sections[0].cameras] == [2 * H, H]
    total = 31 * DAY + H + 2 * H
    assert whole(report)["availability"].text == rounding.percent(total - 3 * H, total)
    assert [line.figures.cameras for line in report.sections[0].sites] == [2]


def test_an_excluded_outage_is_left_out_of_the_contractual_figure_only() -> None:
    """A6: the newest attribution holds."""
    brush = painter().outage(1, NOON, NOON + 5 * H, COUNTED, EXCLUDED)
    brush.outage(2, NOON + DAY, NOON + DAY + H, EXCLUDED, COUNTED)
    report = report_of(record_of(brush.done()))
    month = 31 * DAY + H
    shown = whole(report)
    assert shown["excluded"].exact == 5 * H
    assert shown["availability"].text == rounding.percent(month - 6 * H, month)
    assert shown["contractual"].text == rounding.percent(month - 6 * H, month - 5 * H)
    assert [row.outage.id for row in report.sections[0].excluded] == [1]


def test_of_an_excluded_outage_only_what_lies_in_the_period_is_left_out() -> None:
    """A6: contractual availability is of the period, as the plain one is."""
    start, end = OCTOBER.start_ms, OCTOBER.end_ms
    brush = painter(since=start - DAY).outage(1, start - 5 * H, start + H, EXCLUDED)
    brush.outage(2, end - 2 * H, end + 9 * H, EXCLUDED)
    assert exact(report_of(record_of(brush.done())), "down", "excluded") == [3 * H, 3 * H]


def test_outages_from_before_the_period_have_a_mean_and_no_mtbf() -> None:
    brush = painter(since=0).outage(1, OCTOBER.start_ms - 2 * H, OCTOBER.start_ms + H)
    report = report_of(record_of(brush.done(), painter("b", since=0).outage(2, NOON, None).done()))
    assert exact(report, "outages", "outages_ended", "mttr") == [1, 1, 3 * H]
    alone = report_of(record_of(brush.camera))
    assert exact(alone, "outages", "outages_ended", "mttr", "mtbf") == [0, 1, 3 * H, None]
    many = [painter(f"c{n}").outage(10 + n, NOON, None).done() for n in range(3)]
    assert exact(report_of(record_of(brush.camera, *many)), "outages", "mttr") == [3, 3 * H]


def test_the_error_budget_is_what_the_objective_leaves_of_the_covered_time() -> None:
    """A7."""
    report = report_of(record_of(painter().outage(1, NOON, NOON + 9 * H).done()))
    month = 31 * DAY + H
    assert exact(report, "budget", "budget_used", "budget_left", "objective_met") == [
        month // 100,
        9 * H,
        month // 100 - 9 * H,
        False,
    ]
    shown = whole(report)
    assert shown["budget_left"].text == "-1:33:00"
    nothing = report_of(record_of(painter().done()), inventory=inventory_of(record_of(), objective=None))
    assert whole(nothing)["budget"].text is None


def test_objectives_of_operators_and_of_purposes_apply_to_their_rows() -> None:
    """A7: neither takes the place of the other, and sites and the total have none."""
    video = painter("a").outage(1, NOON, NOON + 2 * H).done()
    traffic = painter("b", purpose=Purpose.TRAFFIC).outage(2, NOON, NOON + 9 * H).done()
    landlord = painter("c", "sacogiva").outage(3, NOON, NOON + 7 * H).done()
    record = record_of(video, traffic, landlord)
    report = report_of(
        record, operators=("ville", "sacogiva"), total=True, objectives={Purpose.VIDEO_PROTECTION: 0.995}
    )
    month = 31 * DAY + H
    ville, sacogiva = report.sections
    assert report.total is not None
    lines = [ville.line, *ville.purposes, *ville.sites, *sacogiva.purposes, report.total.line]
    assert [(line.id, line.objective) for line in (*lines, *report.total.purposes)] == [
        ("ville", 0.99),
        ("traffic", None),
        ("video_protection", 0.995),
        ("mairie", None),
        ("video_protection", 0.995),
        ("", None),
        ("traffic", None),
        ("video_protection", 0.995),
    ]
    names = ("budget", "budget_used", "budget_left", "objective_met")
    found = [
        [line.figures.shown(line.objective)[name].exact for name in names]
        for line in (ville.line, ville.purposes[1], report.total.purposes[1], ville.purposes[0])
    ]
    budget = month * 5 // 1000
    assert found == [
        [2 * month // 100, 11 * H, 2 * month // 100 - 11 * H, True],
        [budget, 2 * H, budget - 2 * H, True],
        [2 * budget, 9 * H, 2 * budget - 9 * H, False],
        [None] * 4,
    ]


def test_a_purpose_that_nobody_could_see_has_an_objective_but_no_budget() -> None:
    """A2, A7: neither met nor missed; a purpose without a camera in service has no line."""
    brush = painter().paint(OCTOBER.start_ms, OCTOBER.end_ms, Status.UNKNOWN)
    objectives = {Purpose.VIDEO_PROTECTION: 0.99, Purpose.TRAFFIC: 0.9}
    report = report_of(record_of(brush.done()), objectives=objectives)
    (line,) = report.sections[0].purposes
    shown = line.figures.shown(line.objective)
    assert {name: shown[name].text for name in OF_OBJECTIVE} == dict.fromkeys(OF_OBJECTIVE) | {
        "objective": "99.000"
    }
    table = text_table.write(report, Language("fr", PARIS)).partition("Objectifs par usage\n")[2]
    row = table.splitlines()[2]
    assert re.split(" +", row) == ["Vidéoprotection", "99,000\u202f%", *"–––––"]


def test_exactly_the_objective_is_met() -> None:
    """A7: without the errors of floating numbers."""
    for objective, up, whole_ms in ((0.99, 99, 100), (0.7, 7, 10), (0.999, 999_000, 1_000_000)):
        assert objective_met(objective, up, whole_ms) is True
        assert objective_met(objective, up - 1, whole_ms) is False
        assert error_budget_ms(objective, whole_ms) == whole_ms - up
    assert objective_met(0.99, 99 * 10**16 - 1, 10**18) is False


@pytest.mark.parametrize(
    ("objective", "text"),
    [
        (1.0, "100.000"),
        (0.99, "99.000"),
        (0.9995, "99.950"),
        (0.999995, "99.9995"),
        (0.5, "50.000"),
        (1e-7, "0.00001"),
    ],
)
def test_an_objective_is_shown_with_all_of_its_digits_and_no_more(objective: float, text: str) -> None:
    """A7: rounded down it would be another promise."""
    assert rounding.format_objective(objective) == text


def test_mttr_is_of_outages_that_ended_and_mtbf_of_those_that_began() -> None:
    """One began before the period, one goes on after it."""
    brush = painter(since=utc("2026-09-01T00:00"))
    brush.outage(1, OCTOBER.start_ms - 5 * H, OCTOBER.start_ms + H)
    brush.outage(2, NOON, NOON + 2 * H)
    brush.outage(3, OCTOBER.end_ms - H, OCTOBER.end_ms + DAY)
    report = report_of(record_of(brush.done()))
    up = 31 * DAY + H - 4 * H
    assert exact(report, "outages", "outages_ended", "mttr", "mtbf") == [2, 2, (6 * H + 2 * H) // 2, up // 2]
    lines = report.sections[0].outages
    assert [(line.duration, line.inside) for line in lines] == [(6 * H, H), (2 * H, 2 * H), (H, H)]
    assert lines[2].outage.end_ms is None, "its end is no part of the period"


def test_an_outage_lasts_as_long_as_the_camera_was_down_in_it() -> None:
    """S7: blind and maintenance time inside an outage is not down."""
    brush = painter().outage(1, NOON, NOON + 4 * H)
    brush.paint(NOON + H, NOON + 2 * H, Status.UNKNOWN).paint(NOON + 2 * H, NOON + 3 * H, Status.MAINTENANCE)
    (line,) = report_of(record_of(brush.done())).sections[0].outages
    assert line.duration == 2 * H


def test_an_outage_that_corrected_maintenance_covers_is_none() -> None:
    """A6: a window added afterwards; one that was cancelled covers nothing."""
    camera = painter().outage(1, NOON, NOON + H).done()
    window = MaintenanceRecord(7, Scope.SITE, "mairie", NOON - H, NOON + 2 * H, "mât", "Ana", NOON + DAY)
    report = report_of(record_of(camera, maintenance=[window]))
    assert report.sections[0].outages == []
    assert exact(report, "outages", "down", "maintenance") == [0, 0, 3 * H]
    cancelled = report_of(record_of(camera, maintenance=[window._replace(cancelled=True)]))
    assert exact(cancelled, "outages", "down", "maintenance") == [1, H, 0]
    assert [line.window.cancelled for line in cancelled.sections[0].maintenance] == [True]


def test_a_voided_outage_is_listed_and_not_counted() -> None:
    """E4: marked as such, in every format that lists outages."""
    camera = painter().outage(1, NOON, NOON + H, EXCLUDED).done()
    camera.backfills = [Proven.of(NOON - H, NOON + 2 * H)]
    camera.outages = by_evidence(camera)
    report = report_of(record_of(camera))
    (line,) = report.sections[0].outages
    assert (line.outage.voided, line.excluded, line.duration, line.outage.at_ms) == (True, False, 0, NOON)
    assert exact(report, "outages", "outages_ended", "down", "excluded") == [0, 0, 0, 0]
    assert "voided: late heartbeats prove" in text_table.write(report, Language("en", PARIS))
    assert "annulée : des messages tardifs" in text_table.write(report, Language("fr", PARIS)).replace(
        "\u202f", " "
    )
    assert "voided: late heartbeats prove" in html_page.write(report, Language("en", PARIS))
    assert '"voided": "late heartbeats prove' in json_document.write(report)
    assert ",voided," in csv_table.write(report, Language("en", PARIS))


def test_an_outage_has_bounds_that_the_figures_include() -> None:
    """A3, E1."""
    camera = painter().outage(1, NOON, NOON + H).done()
    down = next(each for each in camera.changes if each.status is Status.DOWN)
    camera.changes[camera.changes.index(down)] = down._replace(
        earliest_ms=NOON - 5 * S, latest_ms=NOON + 5 * S
    )
    camera.outages = by_evidence(camera)
    report = report_of(record_of(camera))
    assert exact(report, "uncertain_up", "uncertain_down", "down") == [5 * S, 5 * S, H]
    account = report.sections[0].line.figures.account
    assert (account.least_up, account.most_up) == (account.up - 5 * S, account.up + 5 * S)
    said = "started between 2026-10-10 11:59:55 and 2026-10-10 12:00:05"
    assert said in text_table.write(report, Language("en", PARIS))
    assert said in html_page.write(report, Language("en", PARIS))


def test_outages_at_the_very_edges_belong_to_one_period_only() -> None:
    brush = painter(since=0)
    brush.outage(1, OCTOBER.start_ms - H, OCTOBER.start_ms)
    brush.outage(2, OCTOBER.end_ms, OCTOBER.end_ms + H)
    brush.outage(3, OCTOBER.end_ms - H, OCTOBER.end_ms)
    camera = brush.done()
    found = {
        month: [line.outage.id for line in report_of(record_of(camera), period).sections[0].outages]
        for month, period in (
            (9, month_of(date(2026, 9, 1), PARIS)),
            (10, OCTOBER),
            (11, month_of(date(2026, 11, 1), PARIS)),
        )
    }
    assert found == {9: [1], 10: [3], 11: [2]}


def test_folded_days_count_like_any_others() -> None:
    """A1: retention leaves the sums; what is listed begins where they end."""
    folded = utc("2026-10-05T00:00")
    camera = painter(since=0).outage(9, NOON, NOON + H).done()
    camera.changes = [
        StatusChange(folded - H, Status.UP),
        *(change for change in camera.changes if change.at_ms > 0),
    ]
    account = StatusTime(up=20 * H, down=3 * H, unknown=H)
    for day in range(1, 5):
        camera.days[f"2026-10-0{day}"] = DailyRollup(account, excluded=H, outages=2, reboots=1)
    camera.days["2026-09-30"] = DailyRollup(account, 9, 9, 9)
    report = report_of(record_of(camera, rolled_up_until_ms=folded))
    figures = exact(
        report, "in_service", "down", "unknown", "excluded", "outages", "outages_ended", "reboots"
    )
    assert figures == [31 * DAY + H, 13 * H, 4 * H, 4 * H, 9, 1, 4]


def test_a_period_that_is_not_over_is_cut_where_the_record_ends() -> None:
    now = NOON + 20 * S
    report = report_of(record_of(painter().done(), watermark_ms=NOON), now_ms=now)
    assert (report.until_ms, report.completeness) == (NOON, Completeness.PARTIAL)
    assert exact(report, "in_service", "up") == [NOON - OCTOBER.start_ms] * 2
    assert report.days[-1] == date(2026, 10, 10)


def test_when_camwatch_does_not_run_the_rest_is_unknown() -> None:
    """S6: whatever the camera was when the record ends."""
    camera = painter().outage(1, NOON - H, None).done()
    report = report_of(record_of(camera, watermark_ms=NOON), now_ms=NOON + DAY)
    assert (report.until_ms, report.completeness) == (NOON + DAY, Completeness.STALE)
    assert exact(report, "down", "unknown") == [H, DAY]
    (blind,) = report.sections[0].gaps
    assert (blind.start_ms, blind.end_ms, blind.cause) == (NOON, None, GapCause.OFFLINE)
    (line,) = report.sections[0].outages
    assert (line.duration, line.outage.end_ms) == (H, None)


def test_a_period_that_is_over_takes_no_notice_of_what_came_after() -> None:
    """A report of October is the same in November and in December."""
    camera = painter().outage(1, OCTOBER.end_ms - H, OCTOBER.end_ms + H).done()
    soon = report_of(record_of(camera, watermark_ms=OCTOBER.end_ms), now_ms=OCTOBER.end_ms + S)
    late = report_of(record_of(camera), now_ms=OCTOBER.end_ms + 30 * DAY)
    assert soon.sections == late.sections
    assert soon.completeness is late.completeness is Completeness.COMPLETE


def test_blind_intervals_are_cut_to_the_period() -> None:
    start, end = OCTOBER.start_ms, OCTOBER.end_ms
    blind = [
        GapRecord((), ("main",), GapCause.LINK, start - H, start + H),
        GapRecord(("ville",), ("main",), GapCause.LINK, end - H, None),
        GapRecord((), (), GapCause.STALL, start - 2 * H, start),
    ]
    report = report_of(record_of(painter().done(), gaps=blind))
    found = [(line.start_ms, line.end_ms, line.duration) for line in report.sections[0].gaps]
    assert found == [(start, start + H, H), (end - H, None, H)]


def test_cameras_without_a_figure_are_counted_by_why() -> None:
    def row(camera_id: str, lifecycle: Lifecycle) -> Camera:
        return Camera(camera_id, "ville", "mairie", "", camera_id, Purpose.TRAFFIC, lifecycle)

    late = painter("late", since=OCTOBER.end_ms + DAY).done()
    record = record_of(painter().done(), late)
    planned, retired = row("p", Lifecycle.PLANNED), row("r", Lifecycle.RETIRED)
    report = report_of(record, inventory=inventory_of(record, planned, retired))
    assert report.sections[0].inactive == {
        Lifecycle.PLANNED: 1,
        Lifecycle.IN_SERVICE: 1,
        Lifecycle.RETIRED: 1,
    }
    assert exact(report, "cameras") == [1]


def test_the_worst_are_those_that_were_down_the_longest() -> None:
    cameras = [painter(f"cam-{n:02}").outage(n, NOON, NOON + n * MIN).done() for n in range(1, 13)]
    report = report_of(record_of(*cameras, painter("perfect").done()))
    assert [camera.id for camera in report.sections[0].worst] == [f"cam-{n:02}" for n in range(12, 2, -1)]


@pytest.mark.parametrize(
    ("narrow", "ids"),
    [
        ({}, ["a", "b", "c"]),
        ({"purpose": Purpose.TRAFFIC}, ["b", "c"]),
        ({"site": "gare"}, ["c"]),
        ({"camera": "b"}, ["b"]),
        ({"purpose": Purpose.ACCESS_CONTROL}, []),
    ],
)
def test_a_report_can_be_narrowed(narrow: dict[str, Any], ids: list[str]) -> None:
    cameras = [
        painter("a").done(),
        painter("b", purpose=Purpose.TRAFFIC).done(),
        painter("c", purpose=Purpose.TRAFFIC, site="gare").done(),
    ]
    report = report_of(record_of(*cameras), **narrow)
    assert [camera.id for section in report.sections for camera in section.cameras] == ids
    assert len(report.sections) == (1 if ids else 0)


def test_the_last_month_is_the_last_that_is_over_in_the_configured_zone() -> None:
    """A5: on 31 October at 23:30 UTC it is November in Paris."""
    assert last_month(utc("2026-10-31T23:30+00:00"), PARIS) == OCTOBER
    assert last_month(utc("2026-10-31T22:30+00:00"), PARIS).first == date(2026, 9, 1)
    assert last_month(utc("2027-01-01T00:00"), PARIS).last == date(2026, 12, 31)
    assert OCTOBER.month
    assert not Period(OCTOBER.first, OCTOBER.last - timedelta(days=1), PARIS).month


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_percentage_is_rounded_down(up: int, down: int) -> None:
    text = rounding.percent(up, up + down)
    if not up + down:
        assert text is None
        return
    assert text is not None
    thousandths = int(text.replace(".", ""))
    assert thousandths * (up + down) <= up * 100_000 < (thousandths + 1) * (up + down)
    assert (text == "100.000") == (down == 0)


@given(st.integers(-(10**12), 10**12))
def test_a_duration_is_rounded_down_to_seconds(milliseconds: int) -> None:
    text = rounding.hours_minutes_seconds(milliseconds)
    hours, minutes, seconds = (int(part) for part in text.lstrip("-").split(":"))
    read = (hours * 60 + minutes) * 60 + seconds
    assert (-read if text.startswith("-") else read) == milliseconds // 1000
    assert text.startswith("-") == (milliseconds < 0)


_statuses = st.sampled_from([Status.UP, Status.DOWN, Status.UNKNOWN, Status.MAINTENANCE, None])


@examples(60)
@given(
    changes=st.lists(st.tuples(st.integers(-50, 900), _statuses), min_size=1, max_size=12),
    service=st.tuples(st.integers(-50, 900), st.integers(1, 900)),
)
def test_the_days_add_up_to_what_an_hour_by_hour_count_finds(
    changes: list[tuple[int, Status | None]], service: tuple[int, int]
) -> None:
    """A1: hours since the month began; 745 of them are in it."""
    start = OCTOBER.start_ms
    served = Interval(start + service[0] * H, start + (service[0] + service[1]) * H)
    told = [
        StatusChange(start + at * H, status) for at, status in sorted(changes, key=lambda change: change[0])
    ]
    camera = CameraHistory("c", "ville", "mairie", "", Purpose.TRAFFIC, "c", told, [served])
    naive = StatusTime()
    by_day: dict[int, int] = {}
    for hour in range(745):
        at = start + hour * H
        if served.start <= at < served.end:
            status = next((change.status for change in reversed(told) if change.at_ms <= at), None)
            naive.add(status or Status.UNKNOWN, H)
            day = hour // 24 if hour < 25 * 24 else max(24, (hour - 1) // 24)
            by_day[day] = by_day.get(day, 0) + H
    (section,) = report_of(record_of(camera)).sections
    assert section.line.figures.account == naive
    found = {number: account.in_service for line in section.cameras for number, account in line.days.items()}
    assert found == by_day


def test_windows_of_a_site_are_listed_if_a_camera_was_there() -> None:
    """V7: and not those of before it came, or of after it went."""
    camera = painter(site="gare").done()
    camera.earlier = [Place("mairie", camera.purpose, -OPEN_ENDED, NOON)]
    windows = [
        MaintenanceRecord(number, Scope.SITE, site, NOON + since * H, NOON + until * H, "works")
        for number, (site, since, until) in enumerate(
            (("mairie", -5, -4), ("mairie", 1, 2), ("gare", -3, -2), ("gare", -1, 1), ("gare", 3, 4))
        )
    ]
    (section,) = report_of(record_of(camera, maintenance=windows)).sections
    assert [line.window.id for line in section.maintenance] == [0, 3, 4]
    assert section.line.figures.account.maintenance == 3 * H
    assert [line.id for line in section.sites] == ["gare"]


def test_figures_add_up() -> None:
    one = Figures(StatusTime(1, 2, 3, 4), 1, 2, 3, 4, 5, 1)
    total = Figures()
    total.add(one)
    total.add(one)
    assert total == Figures(StatusTime(2, 4, 6, 8), 2, 4, 6, 8, 10, 2)
