"""What a report says in words beside its figures, once for the formats that people read."""

from __future__ import annotations

from collections.abc import Iterator

from camwatch.i18n import NO_VALUE
from camwatch.reports.formatting import Language
from camwatch.reports.model import GapRow, MaintenanceRow, OperatorSection, OutageRow, Report
from camwatch.reports.period import Completeness


def notes(report: Report, language: Language) -> list[str]:
    """Return what one must know before reading the figures."""
    found = []
    until, vouched = language.instant(report.until_ms), language.instant(report.watermark_ms)
    if report.completeness is Completeness.PARTIAL:
        found.append(language.text("partial", until=until))
    if report.completeness is Completeness.STALE:
        found.append(language.text("stale", vouched=vouched, until=until))
    if report.rolled_up_until_ms > report.question.period.start_ms:
        found.append(language.text("folded", folded=language.instant(report.rolled_up_until_ms)))
    return found


def facts(report: Report, language: Language) -> Iterator[tuple[str, str]]:
    """Return what the report says of itself: label and text."""
    text = language.text
    yield text("period"), language.span(report.question.period)
    yield text("zone"), report.question.period.zone.key
    if narrowed := narrowing(report, language):
        yield text("only"), narrowed
    yield text("made"), language.instant(report.created_ms)
    yield text("by"), f"camwatch {report.version}"
    yield text("vouched"), language.instant(report.watermark_ms)
    yield text("corrections"), language.number(report.corrections)
    if report.anchor:
        yield text("anchor"), report.anchor
    else:
        yield text("head"), report.chain_head or NO_VALUE
    if report.sealed:
        yield text("sealed"), report.sealed


def narrowing(report: Report, language: Language) -> str:
    """Return to what cameras the report is narrowed, empty for all."""
    asked = report.question
    parts = [] if asked.purpose is None else [language.text(f"purpose_{asked.purpose}")]
    named = ((name, value) for name, value in (("site", asked.site), ("camera", asked.camera)) if value)
    parts += [f"{language.text(name)} {value}" for name, value in named]
    return ", ".join(parts)


def title(report: Report, language: Language) -> str:
    """Return whose report this is."""
    if report.total is not None or not report.sections:
        return language.text("all_operators")
    return ", ".join(section.line.name for section in report.sections)


def inactive_cameras(section: OperatorSection, language: Language) -> str:
    """Return how many cameras have no figure and why, empty for none."""
    return ", ".join(language.text(f"idle_{name}", n=count) for name, count in section.inactive.items())


def line_name(kind: str, name: str, language: Language) -> str:
    """Return the name of a line; purposes are named by the language."""
    return language.text(f"purpose_{name}") if kind == "purpose" else name


def end(line: OutageRow | GapRow, language: Language) -> str:
    """Return when something ended, or that it goes on."""
    return language.text("goes_on") if line.end_ms is None else language.instant(line.end_ms)


def bounds(outage: OutageRow, language: Language) -> list[str]:
    """Return between which instants an outage began and ended, as far as these are not exact."""
    return [
        language.text(
            f"{edge}_between", earliest=language.instant(span.start), latest=language.instant(span.end)
        )
        for edge, span in (("start", outage.at_bounds), ("end", outage.end_bounds))
        if span is not None
    ]


def attributed(outage: OutageRow, language: Language) -> str:
    """Return the cause that people found, and whether contracts leave the outage out."""
    if outage.attribution is None:
        return NO_VALUE
    cause = language.text(f"attributed_{outage.attribution.cause}")
    return f"{cause} ({language.text('excluded_mark')})" if outage.excluded else cause


def window_origin(window: MaintenanceRow, language: Language) -> str:
    """Return where a window comes from, and whether it still counts."""
    origin = language.text("announced" if window.id is None else "corrected", n=window.id or 0)
    return f"{origin}, {language.text('cancelled')}" if window.cancelled else origin
