"""The audit of one camera: its rows in all tables must agree."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import OPEN_ENDED, CameraHistory, DailyRollup, StatusChange
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.model import Purpose, Status
from camwatch.core.status_time import Interval, Proven, StatusTime, sum_status_times
from camwatch.history.skipped_days import lived_days

# Events are dated back from now, so a clock that was set since then shifts them. Nothing is dated further
# back than `down_after`, which is days where the interval is a day.
_LAG_MS = 7 * 86_400_000

_DAY = timedelta(days=1)
_IN_LEDGER = ("up", "down", "unknown", "maintenance")


class Finding(NamedTuple):
    """One problem; `camera` and `at_ms` are None if it concerns no single camera or time."""

    camera: str | None
    at_ms: int | None
    problem: str


class OutageRow(NamedTuple):
    """One row of `outages`."""

    id: int
    at_ms: int
    end_ms: int | None


class StoredCheckpoint(NamedTuple):
    """The audited part of a row of `checkpoints`."""

    underlying_status: str
    status: str
    accounted_until_ms: int | None
    outage_open: bool
    account: StatusTime


@dataclass(frozen=True, slots=True)
class CameraRows:
    """All rows of one camera, in the order in which they were stored."""

    id: str
    operator: str
    site: str
    service: Sequence[tuple[int, int | None]]
    transitions: Sequence[tuple[int, str]]
    outages: Sequence[OutageRow]
    fills: Sequence[Interval]
    days: dict[str, DailyRollup]
    checkpoint: StoredCheckpoint | None


@dataclass(frozen=True, slots=True)
class AuditContext:
    """What is common to all cameras. `calendar`: of the rolled-up days, None before there are any.

    `gaps`: skipped UTC. `slow`: UTC ran at half speed. `lost_ms`: time in counters that a restored store
    lacks (H1). `miscounted`: (instant, milliseconds) that a rebase removed from the record but not from
    counters.
    """

    zone: ZoneInfo
    watermark_ms: int
    rolled_up_until_ms: int
    calendar: Calendar | None
    overlays: TimelineOverlays
    bare: TimelineOverlays
    gaps: Sequence[Interval]
    slow: Sequence[Interval]
    lost_ms: int = 0
    miscounted: Sequence[tuple[int, int]] = ()


def audit_camera(rows: CameraRows, frame: AuditContext) -> Iterator[Finding]:
    """Yield the problems in the rows of one camera."""
    spans = [
        Interval(start, OPEN_ENDED if end is None else end) for start, end in sorted(rows.service, key=_start)
    ]
    checks = (
        _service(spans),
        _transitions(rows, spans, frame),
        _sums(rows, spans, frame),
        _outages(rows, spans, frame),
        _checkpoint(rows, spans, frame),
        _days(rows, spans, frame),
        _after_watermark(rows, frame),
    )
    for check in checks:
        for at_ms, problem in check:
            yield Finding(rows.id, at_ms, problem)


_Problem = tuple[int | None, str]


def _start(span: tuple[int, int | None]) -> int:
    return span[0]


def _service(spans: Sequence[Interval]) -> Iterator[_Problem]:
    """Check that service periods are disjoint, and at most the last is open."""
    before = 0
    for start, end in spans:
        if end < start:
            yield start, "a time in service ends before it begins"
        if start < before:
            yield start, "two times in service overlap"
        before = end


def _known(rows: CameraRows, frame: AuditContext) -> list[tuple[int, str]]:
    """Return the transitions after the rolled-up days, and the last one before."""
    folded = frame.rolled_up_until_ms
    earlier = sum(at < folded for at, _ in rows.transitions) if folded else 0
    return list(rows.transitions[max(0, earlier - 1) :])


def _transitions(rows: CameraRows, spans: Sequence[Interval], frame: AuditContext) -> Iterator[_Problem]:
    """Check that transitions are in order, and that a camera in service has a status."""
    before = None
    starts = [span.start for span in spans]
    for at, status in rows.transitions:
        if before is not None and at < before:
            yield at, f"the transition to {status} is older than the one stored before it"
        before = at
        index = bisect_right(starts, at) - 1
        inside = index >= 0 and at <= spans[index].end
        if status in {"up", "down"} and not inside:
            yield at, f"{status} while out of service"
        elif status not in _IN_LEDGER and inside and spans[index].start < at < spans[index].end:
            yield at, f"{status} while in service"
    said = {at for at, status in rows.transitions if status in _IN_LEDGER}
    baseline = rows.transitions and rows.transitions[0][0] < frame.rolled_up_until_ms
    for start, end in spans:
        if (start >= frame.rolled_up_until_ms and start not in said) or (
            start < frame.rolled_up_until_ms < end and not baseline
        ):
            yield start, "a time in service begins without a status"


def _record(rows: CameraRows, spans: Sequence[Interval], frame: AuditContext) -> CameraHistory:
    record = CameraHistory(rows.id, rows.operator, rows.site, "", Purpose.VIDEO_PROTECTION, "")
    words = {word: Status(word) for word in _IN_LEDGER}
    record.changes = [StatusChange(at, words.get(status)) for at, status in _known(rows, frame)]
    folded = frame.rolled_up_until_ms
    record.service_periods = [Interval(max(start, folded), end) for start, end in spans if end > folded]
    record.backfills = [Proven.of(*span) for span in rows.fills]
    return record


def _sums(rows: CameraRows, spans: Sequence[Interval], frame: AuditContext) -> Iterator[_Problem]:
    """Check that each service period adds up to its length, after all corrections (rule A1)."""
    stretches = frame.overlays.intervals(_record(rows, spans, frame), frame.watermark_ms)
    for start, end in spans:
        start, end = max(start, frame.rolled_up_until_ms), min(end, frame.watermark_ms)  # noqa: PLW2901 - what is known
        if start < end and (found := status_time_between(stretches, start, end).in_service) != end - start:
            yield start, f"the accounts add up to {found} ms, the time in service is {end - start} ms"


def _outages(rows: CameraRows, spans: Sequence[Interval], frame: AuditContext) -> Iterator[_Problem]:
    """Check that outages are the stays in `down`, merged across monitoring gaps (S7)."""
    folded = frame.rolled_up_until_ms

    def counts(at: int, end: int | None) -> bool:
        return end is None or end > folded or at >= folded

    stored = Counter((row.at_ms, row.end_ms) for row in rows.outages if counts(row.at_ms, row.end_ms))
    carried = [row for row in rows.outages if row.at_ms < folded and counts(row.at_ms, row.end_ms)]
    due = Counter(
        stay
        for stay in _outages_from_transitions(_known(rows, frame), spans, folded, carried)
        if counts(*stay)
    )
    for at, end in (due - stored).elements():
        yield at, f"down until {_shown(end, frame.zone)}, without an outage"
    numbers = {(row.at_ms, row.end_ms): row.id for row in rows.outages}
    for at, end in (stored - due).elements():
        yield (
            at,
            f"outage {numbers[at, end]} until {_shown(end, frame.zone)} does not match the time in down",
        )
    if sum(row.end_ms is None for row in rows.outages) > 1:
        yield None, "more than one outage is not over"


def _shown(end_ms: int | None, zone: ZoneInfo) -> str:
    if end_ms is None:
        return "now"
    return datetime.fromtimestamp(end_ms / 1000, zone).isoformat(" ", "milliseconds")


def _outages_from_transitions(
    transitions: Sequence[tuple[int, str]],
    spans: Sequence[Interval],
    rolled_up_until_ms: int,
    carried: Sequence[OutageRow],
) -> Iterator[tuple[int, int | None]]:
    """Yield each stay in `down`, merged across `unknown` and absences: (from, until) (rules S7, V6)."""
    # A transition at the instant at which a service ended came before the end. Where another one began there,
    # only `down` did: no camera begins with it.
    starts, last = {span.start for span in spans}, 2 * len(transitions)
    changes = [(at, 2 * number, status) for number, (at, status) in enumerate(transitions)]
    downs = {at: number + 1 for at, number, status in changes if status == "down"}
    known = transitions[0][0] if transitions else rolled_up_until_ms
    ends = [
        (span.end, downs.get(span.end, -1) if span.end in starts else last, "")
        for span in spans
        if known <= span.end < OPEN_ENDED
    ]
    since = carried[0].at_ms if carried else None
    left: int | None = None
    absent = False  # it left the inventory, and was not down since (V6)
    for at, _, status in sorted(ends + changes):
        if status == "down":
            if absent and not carried and left is not None and left <= rolled_up_until_ms:
                since = None  # what was over when its days were folded away is another one
            since, left, absent = at if since is None else since, None, False
        elif since is not None:
            if status in {"unknown", ""}:
                left, absent = at if left is None else left, absent or not status
            else:
                yield since, at if left is None else left
                since, left, absent = None, None, False
    if since is not None:
        yield since, left if absent else None


def _checkpoint(rows: CameraRows, spans: Sequence[Interval], frame: AuditContext) -> Iterator[_Problem]:
    """Check that the checkpoint agrees with the end of the record."""
    checkpoint, serving = rows.checkpoint, bool(spans) and spans[-1].end == OPEN_ENDED
    if checkpoint is None:
        if serving:
            yield None, "in service, but nothing is remembered of it"
        return
    if serving is (checkpoint.accounted_until_ms is None):
        yield None, "the record and what is remembered differ in whether it is in service"
        return
    open_now = any(row.end_ms is None for row in rows.outages)
    if open_now is not checkpoint.outage_open:
        yield None, "the record and what is remembered differ in whether it has an outage"
    last = rows.transitions[-1][1] if rows.transitions else None
    if serving and last not in {None, checkpoint.status}:
        yield checkpoint.accounted_until_ms, f"the record ends with {last}, remembered is {checkpoint.status}"
    if serving and checkpoint.status not in {"maintenance", checkpoint.underlying_status}:
        yield (
            checkpoint.accounted_until_ms,
            f"remembered is {checkpoint.status}, but its life is {checkpoint.underlying_status}",
        )
    until = OPEN_ENDED if checkpoint.accounted_until_ms is None else checkpoint.accounted_until_ms
    yield from _counters(rows, spans, checkpoint.account, until, frame)


def _counters(
    rows: CameraRows, spans: Sequence[Interval], counted: StatusTime, until: int, frame: AuditContext
) -> Iterator[_Problem]:
    """Check the counters against the uncorrected record; after a roll-up, only their sum."""
    ends = [min(end, until) for _, end in spans]
    served = [Interval(start, min(end + _LAG_MS, frame.watermark_ms)) for start, end in spans]
    less = sum(gap.end - gap.start for gap in frame.gaps if any(_overlap(gap, s) for s in served))
    more = sum(_overlap(slow, span) for slow in frame.slow for span in served)
    more += sum(
        much
        for when, much in frame.miscounted
        if any(span.start <= when + 1 and when <= span.end for span in served)
    )
    if more:  # at half speed each instant is rounded on its own
        rounding = len(rows.transitions) + 2 * len(spans)
        less, more = less + rounding, more + rounding
    less, more = less + frame.lost_ms, more + frame.lost_ms
    whole = {
        "in service": (
            counted.in_service,
            sum(end - span.start for span, end in zip(spans, ends, strict=True)),
        )
    }
    if spans and spans[0].start >= frame.rolled_up_until_ms:
        record = _record(rows, spans, frame)
        record.backfills = []
        stretches = frame.bare.intervals(record, until)
        base = sum_status_times(
            status_time_between(stretches, span.start, end) for span, end in zip(spans, ends, strict=True)
        )
        whole = {word: (getattr(counted, word), getattr(base, word)) for word in _IN_LEDGER}
    for word, (count, recorded) in whole.items():
        if not -less <= count - recorded <= more:
            at = None if until == OPEN_ENDED else until
            apart = f"{less} ms less to {more} ms more would be the clocks, or what the store lost"
            yield at, f"counted {count} ms {word}, the record has {recorded} ms ({apart})"


def _overlap(one: Interval, other: Interval) -> int:
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def _days(rows: CameraRows, spans: Sequence[Interval], frame: AuditContext) -> Iterator[_Problem]:
    """Check that a rolled-up day adds up to its time in service (rules A1, A5)."""
    if frame.calendar is None:
        return
    due: Counter[str] = Counter()
    starts: dict[str, int] = {}
    beyond = frame.calendar.date_of(frame.rolled_up_until_ms).isoformat()
    held = {name: day for name, day in rows.days.items() if name < beyond}
    days = [frame.calendar.between(day := date.fromisoformat(name), day + _DAY) for name in held]
    for start, end in spans:
        served = Interval(start, min(end, frame.rolled_up_until_ms))
        for local in lived_days(frame.calendar, served, frame.gaps, [Interval(*span) for span in days]):
            name = local.date.isoformat()
            starts[name] = local.start
            due[name] += min(end, local.end) - max(start, local.start)
    for name in sorted(due.keys() | held.keys()):
        folded = held.get(name, DailyRollup(StatusTime()))
        if folded.status_time.in_service != due[name]:
            yield (
                starts.get(name),
                (
                    f"the folded day {name} adds up to {folded.status_time.in_service} ms, "
                    f"{due[name]} ms of it were in service"
                ),
            )
        if not 0 <= folded.excluded <= folded.status_time.down:
            yield starts.get(name), f"of the folded day {name} more is excluded than was down"


def _after_watermark(rows: CameraRows, frame: AuditContext) -> Iterator[_Problem]:
    """Check that nothing is recorded after the watermark (rule S6)."""
    checkpoint = rows.checkpoint
    ends: list[tuple[str, int | None]] = [
        (f"the transition to {status}", at) for at, status in rows.transitions
    ]
    ends += [(f"outage {row.id}", max(row.at_ms, row.end_ms or 0)) for row in rows.outages]
    ends += [("a time in service", max(start, end or 0)) for start, end in rows.service]
    ends += [("a fill", fill.end) for fill in rows.fills]
    ends.append(("the counter", checkpoint.accounted_until_ms if checkpoint else None))
    for what, at in ends:
        if at is not None and at > frame.watermark_ms:
            yield at, f"{what} is after the end of the record"
    for fill in rows.fills:
        if fill.end <= fill.start:
            yield fill.start, "a fill ends before it begins"
