"""The words of a report beside its figures, for the formats that people read."""

from __future__ import annotations

from collections.abc import Iterator

from camwatch.accounting.records import MaintenanceRecord, OutageRecord
from camwatch.i18n import N_, NO_VALUE, Language
from camwatch.reports.figures import FIGURES, FormattedFigure, Kind
from camwatch.reports.model import GapRow, OperatorSection, OutageRow, Report
from camwatch.reports.period import Completeness, Period

LABEL, COLUMN, SHORT = range(3)
"""The lengths of a figure's name: a line of its own, a column of the page, a column of the text."""


def figure_label(language: Language, name: str, length: int = LABEL) -> str:
    """Return the name of a figure: `length` is `LABEL`, `COLUMN` or `SHORT`."""
    _, *names = FIGURES[name]
    return language.gettext([text for text in names[: length + 1] if text][-1])


def figure_text(language: Language, figure: FormattedFigure) -> str:
    """Return a figure as this language writes it."""
    if figure.text is None:
        return NO_VALUE
    if figure.kind is Kind.PERCENT:
        return language.percent_text(figure.text)
    if figure.kind is Kind.BOOLEAN:
        return language.gettext("yes") if figure.exact else language.gettext("no")
    if figure.kind is Kind.DURATION:
        return figure.text.replace("-", "−")
    return language.number(int(figure.text))


def period_title(period: Period, language: Language) -> str:
    """Return a period in words: its month, or its days."""
    if period.month:
        return language.month(period.first)
    return language.day(period.first) if period.first == period.last else period_days(period, language)


def period_days(period: Period, language: Language) -> str:
    """Return the first and the last day of a period."""
    return language.gettext(
        "{first} to {last}", first=language.day(period.first), last=language.day(period.last)
    )


def notes(report: Report, language: Language) -> list[str]:
    """Return the limits of the figures, to be read before them."""
    found = []
    until = language.timestamp(report.until_ms)
    if report.completeness is Completeness.PARTIAL:
        found.append(language.gettext("The period is not over: figures end at {until}.", until=until))
    if report.completeness is Completeness.STALE:
        found.append(
            language.gettext(
                "camwatch has not run since {since}: the time from then to {until} is unknown.",
                since=language.timestamp(report.watermark_ms),
                until=until,
            )
        )
    if report.rolled_up_until_ms > report.question.period.start_ms:
        found.append(
            language.gettext(
                "Before {day} only daily sums are kept: outages are counted, but not listed, "
                "and not part of the mean time to repair.",
                day=language.timestamp(report.rolled_up_until_ms),
            )
        )
    return found


def facts(report: Report, language: Language) -> Iterator[tuple[str, str]]:
    """Yield the facts about the report: label and text."""
    _ = language.gettext
    yield _("Period"), period_days(report.question.period, language)
    yield _("Time zone"), report.question.period.zone.key
    if narrowed := narrowing(report, language):
        yield _("Limited to"), narrowed
    yield _("Created"), language.timestamp(report.created_ms)
    yield _("Created by"), f"camwatch {report.version}"
    yield _("Record complete up to"), language.timestamp(report.watermark_ms)
    yield _("Corrections"), language.number(report.corrections)
    if report.anchor:
        yield _("Correction anchor"), report.anchor
    else:
        yield _("Hash of the last correction"), report.chain_head or NO_VALUE
    if report.sealed:
        yield _("Record seal"), report.sealed


def narrowing(report: Report, language: Language) -> str:
    """Return the purpose, site and camera that the report is limited to; empty for all cameras."""
    asked = report.question
    parts = [] if asked.purpose is None else [language.label("purpose", asked.purpose)]
    if asked.site:
        parts.append(" ".join((language.gettext("Site"), asked.site)))
    if asked.camera:
        parts.append(" ".join((language.gettext("Camera"), asked.camera)))
    return ", ".join(parts)


def title(report: Report, language: Language) -> str:
    """Return the names of the operators of the report."""
    if report.total is not None or not report.sections:
        return language.gettext("All operators")
    return ", ".join(section.line.name for section in report.sections)


def inactive_cameras(section: OperatorSection, language: Language) -> str:
    """Return the number of cameras without figures, and why; empty if there is none."""
    ngettext = language.ngettext
    found = ", ".join(
        {
            "planned": ngettext("{n} planned", "{n} planned", count),
            "in_service": ngettext(
                "{n} not in service in the period", "{n} not in service in the period", count
            ),
            "retired": ngettext("{n} retired", "{n} retired", count),
        }[lifecycle]
        for lifecycle, count in section.inactive.items()
    )
    return language.gettext("Cameras without figures: {cameras}.", cameras=found) if found else ""


def end(line: OutageRecord | GapRow, language: Language) -> str:
    """Return the end of an outage or a gap, or that it is ongoing."""
    return language.gettext("ongoing") if line.end_ms is None else language.timestamp(line.end_ms)


def bounds(outage: OutageRecord, language: Language) -> list[str]:
    """Return the bounds of the start and the end of an outage, unless they are exact."""
    edges = (
        (N_("started between {earliest} and {latest}"), outage.at_bounds),
        (N_("ended between {earliest} and {latest}"), outage.end_bounds),
    )
    return [
        language.gettext(text, earliest=language.timestamp(span.start), latest=language.timestamp(span.end))
        for text, span in edges
        if span is not None
    ]


def attributed(row: OutageRow, language: Language) -> str:
    """Return the attributed cause of an outage, and whether contracts exclude it."""
    if row.outage.attribution is None:
        return NO_VALUE
    cause = language.label("attributed", row.outage.attribution.cause)
    return language.gettext("{cause} (excluded)", cause=cause) if row.excluded else cause


def window_origin(window: MaintenanceRecord, language: Language) -> str:
    """Return where a maintenance window comes from, and whether it was cancelled."""
    if window.id is None:
        origin = language.gettext("announced")
    else:
        origin = language.gettext("correction no. {n}", n=language.number(window.id))
    return language.gettext("{origin}, cancelled", origin=origin) if window.cancelled else origin
