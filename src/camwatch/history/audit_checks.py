"""What the audit asks of one camera: its rows in every table must tell the same story."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import OPEN_END, CameraRecord, Change, DayAccount
from camwatch.accounting.timeline import Overlays, account_of
from camwatch.core.model import Purpose, Status
from camwatch.core.status_time import Account, Proven, Span, total
from camwatch.history.skipped_days import lived_days

# What happened some time ago is dated back from now: a clock that was set since then shifts it. Nothing is
# dated further back than a silence that convicts, and with an interval of a day that is days.
_LAG_MS = 7 * 86_400_000

_DAY = timedelta(days=1)
_IN_LEDGER = ("up", "down", "unknown", "maintenance")


class Finding(NamedTuple):
    """One thing that does not fit: where (None: in no one camera), when (None: at no one time), and what."""

    camera: str | None
    at_ms: int | None
    problem: str


class OutageRow(NamedTuple):
    """One row of `outages`."""

    id: int
    at_ms: int
    end_ms: int | None


class Checkpoint(NamedTuple):
    """What the audit looks at of a row of `checkpoints`."""

    life: str
    status: str
    settled_ms: int | None
    outage_open: bool
    account: Account


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of one camera, in the order in which they were stored."""

    id: str
    operator: str
    site: str
    service: Sequence[tuple[int, int | None]]
    transitions: Sequence[tuple[int, str]]
    outages: Sequence[OutageRow]
    fills: Sequence[Span]
    days: dict[str, DayAccount]
    checkpoint: Checkpoint | None


@dataclass(frozen=True, slots=True)
class Frame:
    """What holds for every camera. `calendar` is that of the folded days, None before there are any.

    `gaps` are hours that the wall clock left out. In `slow` ones it was behind, and UTC ran at half speed.
    Of `lost_ms` the counters know more than a store that went back (H1).
    `miscounted`: where a rebase took so many milliseconds out of the record that counters have.
    """

    zone: ZoneInfo
    vouched_ms: int
    folded_ms: int
    calendar: Calendar | None
    overlays: Overlays
    bare: Overlays
    gaps: Sequence[Span]
    slow: Sequence[Span]
    lost_ms: int = 0
    miscounted: Sequence[tuple[int, int]] = ()


def findings_of(rows: Rows, frame: Frame) -> Iterator[Finding]:
    """Yield whatever does not fit in the rows of one camera."""
    spans = [Span(start, OPEN_END if end is None else end) for start, end in sorted(rows.service, key=_start)]
    checks = (
        _service(spans),
        _transitions(rows, spans, frame),
        _sums(rows, spans, frame),
        _outages(rows, spans, frame),
        _checkpoint(rows, spans, frame),
        _days(rows, spans, frame),
        _vouched(rows, frame),
    )
    for check in checks:
        for at_ms, problem in check:
            yield Finding(rows.id, at_ms, problem)


_Problem = tuple[int | None, str]


def _start(span: tuple[int, int | None]) -> int:
    return span[0]


def _service(spans: Sequence[Span]) -> Iterator[_Problem]:
    """Check that times in service are disjoint, and at most the last is not over."""
    before = 0
    for start, end in spans:
        if end < start:
            yield start, "a time in service ends before it begins"
        if start < before:
            yield start, "two times in service overlap"
        before = end


def _known(rows: Rows, frame: Frame) -> list[tuple[int, str]]:
    """Return the transitions that count: those after the folded days, and the last one before."""
    folded = frame.folded_ms
    earlier = sum(at < folded for at, _ in rows.transitions) if folded else 0
    return list(rows.transitions[max(0, earlier - 1) :])


def _transitions(rows: Rows, spans: Sequence[Span], frame: Frame) -> Iterator[_Problem]:
    """Check that they are in order, and that a camera has a status while it is in service."""
    before = None
    starts = [span.starts for span in spans]
    for at, status in rows.transitions:
        if before is not None and at < before:
            yield at, f"the transition to {status} is older than the one stored before it"
        before = at
        index = bisect_right(starts, at) - 1
        inside = index >= 0 and at <= spans[index].ends
        if status in {"up", "down"} and not inside:
            yield at, f"{status} while out of service"
        elif status not in _IN_LEDGER and inside and spans[index].starts < at < spans[index].ends:
            yield at, f"{status} while in service"
    said = {at for at, status in rows.transitions if status in _IN_LEDGER}
    baseline = rows.transitions and rows.transitions[0][0] < frame.folded_ms
    for start, end in spans:
        if (start >= frame.folded_ms and start not in said) or (
            start < frame.folded_ms < end and not baseline
        ):
            yield start, "a time in service begins without a status"


def _record(rows: Rows, spans: Sequence[Span], frame: Frame) -> CameraRecord:
    record = CameraRecord(rows.id, rows.operator, rows.site, "", Purpose.VIDEO_PROTECTION, "")
    words = {word: Status(word) for word in _IN_LEDGER}
    record.changes = [Change(at, words.get(status)) for at, status in _known(rows, frame)]
    folded = frame.folded_ms
    record.service = [Span(max(start, folded), end) for start, end in spans if end > folded]
    record.fills = [Proven.of(*span) for span in rows.fills]
    return record


def _sums(rows: Rows, spans: Sequence[Span], frame: Frame) -> Iterator[_Problem]:
    """Check that each time in service adds up to its length, after all corrections (rule A1)."""
    stretches = frame.overlays.stretches(_record(rows, spans, frame), frame.vouched_ms)
    for start, end in spans:
        start, end = max(start, frame.folded_ms), min(end, frame.vouched_ms)  # noqa: PLW2901 - what is known
        if start < end and (found := account_of(stretches, start, end).in_service) != end - start:
            yield start, f"the accounts add up to {found} ms, the time in service is {end - start} ms"


def _outages(rows: Rows, spans: Sequence[Span], frame: Frame) -> Iterator[_Problem]:
    """Check that each stay in `down`, seen through blindness as one, is an outage, and no other (S7)."""
    folded = frame.folded_ms

    def counts(at: int, end: int | None) -> bool:
        return end is None or end > folded or at >= folded

    stored = Counter((row.at_ms, row.end_ms) for row in rows.outages if counts(row.at_ms, row.end_ms))
    carried = [row for row in rows.outages if row.at_ms < folded and counts(row.at_ms, row.end_ms)]
    due = Counter(stay for stay in _stays(_known(rows, frame), spans, folded, carried) if counts(*stay))
    for at, end in (due - stored).elements():
        yield at, f"down until {_shown(end, frame.zone)}, but no outage says so"
    numbers = {(row.at_ms, row.end_ms): row.id for row in rows.outages}
    for at, end in (stored - due).elements():
        yield at, f"outage {numbers[at, end]} until {_shown(end, frame.zone)} is no stay in down"
    if sum(row.end_ms is None for row in rows.outages) > 1:
        yield None, "more than one outage is not over"


def _shown(end_ms: int | None, zone: ZoneInfo) -> str:
    if end_ms is None:
        return "now"
    return datetime.fromtimestamp(end_ms / 1000, zone).isoformat(" ", "milliseconds")


def _stays(
    transitions: Sequence[tuple[int, str]],
    spans: Sequence[Span],
    folded_ms: int,
    carried: Sequence[OutageRow],
) -> Iterator[tuple[int, int | None]]:
    """Yield each stay in `down`, seen through `unknown` and absences as one: from, until (rules S7, V6)."""
    # What came at the instant at which a service ended came before that. Where another one began there,
    # that holds for what says `down` alone: nobody is that at once.
    starts, last = {span.starts for span in spans}, 2 * len(transitions)
    changes = [(at, 2 * number, status) for number, (at, status) in enumerate(transitions)]
    downs = {at: number + 1 for at, number, status in changes if status == "down"}
    known = transitions[0][0] if transitions else folded_ms
    ends = [
        (span.ends, downs.get(span.ends, -1) if span.ends in starts else last, "")
        for span in spans
        if known <= span.ends < OPEN_END
    ]
    since = carried[0].at_ms if carried else None
    left: int | None = None
    absent = False  # it left the inventory, and was not down since (V6)
    for at, _, status in sorted(ends + changes):
        if status == "down":
            if absent and not carried and left is not None and left <= folded_ms:
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


def _checkpoint(rows: Rows, spans: Sequence[Span], frame: Frame) -> Iterator[_Problem]:
    """Check that what the daemon goes on from is what the record ends with."""
    checkpoint, serving = rows.checkpoint, bool(spans) and spans[-1].ends == OPEN_END
    if checkpoint is None:
        if serving:
            yield None, "in service, but nothing is remembered of it"
        return
    if serving is (checkpoint.settled_ms is None):
        yield None, "the record and what is remembered differ in whether it is in service"
        return
    open_now = any(row.end_ms is None for row in rows.outages)
    if open_now is not checkpoint.outage_open:
        yield None, "the record and what is remembered differ in whether it has an outage"
    last = rows.transitions[-1][1] if rows.transitions else None
    if serving and last not in {None, checkpoint.status}:
        yield checkpoint.settled_ms, f"the record ends with {last}, remembered is {checkpoint.status}"
    if serving and checkpoint.status not in {"maintenance", checkpoint.life}:
        yield checkpoint.settled_ms, f"remembered is {checkpoint.status}, but its life is {checkpoint.life}"
    until = OPEN_END if checkpoint.settled_ms is None else checkpoint.settled_ms
    yield from _counters(rows, spans, checkpoint.account, until, frame)


def _counters(
    rows: Rows, spans: Sequence[Span], counted: Account, until: int, frame: Frame
) -> Iterator[_Problem]:
    """Check the counters against the record as it was judged, uncorrected; once folded, only their sum."""
    ends = [min(end, until) for _, end in spans]
    served = [Span(start, min(end + _LAG_MS, frame.vouched_ms)) for start, end in spans]
    less = sum(gap.ends - gap.starts for gap in frame.gaps if any(_overlap(gap, s) for s in served))
    more = sum(_overlap(slow, span) for slow in frame.slow for span in served)
    more += sum(
        much
        for when, much in frame.miscounted
        if any(span.starts <= when + 1 and when <= span.ends for span in served)
    )
    if more:  # at half speed each instant is rounded by itself
        rounding = len(rows.transitions) + 2 * len(spans)
        less, more = less + rounding, more + rounding
    less, more = less + frame.lost_ms, more + frame.lost_ms
    whole = {
        "in service": (
            counted.in_service,
            sum(end - span.starts for span, end in zip(spans, ends, strict=True)),
        )
    }
    if spans and spans[0].starts >= frame.folded_ms:
        record = _record(rows, spans, frame)
        record.fills = []
        stretches = frame.bare.stretches(record, until)
        base = total(account_of(stretches, span.starts, end) for span, end in zip(spans, ends, strict=True))
        whole = {word: (getattr(counted, word), getattr(base, word)) for word in _IN_LEDGER}
    for word, (count, recorded) in whole.items():
        if not -less <= count - recorded <= more:
            at = None if until == OPEN_END else until
            apart = f"{less} ms less to {more} ms more would be the clocks, or what the store lost"
            yield at, f"counted {count} ms {word}, the record has {recorded} ms ({apart})"


def _overlap(one: Span, other: Span) -> int:
    return max(0, min(one.ends, other.ends) - max(one.starts, other.starts))


def _days(rows: Rows, spans: Sequence[Span], frame: Frame) -> Iterator[_Problem]:
    """Check that a folded day adds up to what of its 23, 24 or 25 h was in service (rules A1, A5)."""
    if frame.calendar is None:
        return
    due: Counter[str] = Counter()
    starts: dict[str, int] = {}
    beyond = frame.calendar.date_of(frame.folded_ms).isoformat()
    held = {name: day for name, day in rows.days.items() if name < beyond}
    told = [frame.calendar.between(day := date.fromisoformat(name), day + _DAY) for name in held]
    for start, end in spans:
        served = Span(start, min(end, frame.folded_ms))
        for local in lived_days(frame.calendar, served, frame.gaps, [Span(*span) for span in told]):
            name = local.date.isoformat()
            starts[name] = local.starts
            due[name] += min(end, local.ends) - max(start, local.starts)
    for name in sorted(due.keys() | held.keys()):
        folded = held.get(name, DayAccount(Account()))
        if folded.account.in_service != due[name]:
            yield (
                starts.get(name),
                (
                    f"the folded day {name} adds up to {folded.account.in_service} ms, "
                    f"{due[name]} ms of it were in service"
                ),
            )
        if not 0 <= folded.excluded <= folded.account.down:
            yield starts.get(name), f"of the folded day {name} more is excluded than was down"


def _vouched(rows: Rows, frame: Frame) -> Iterator[_Problem]:
    """Check that nothing is recorded of a time that the store does not vouch for yet (rule S6)."""
    checkpoint = rows.checkpoint
    told: list[tuple[str, int | None]] = [
        (f"the transition to {status}", at) for at, status in rows.transitions
    ]
    told += [(f"outage {row.id}", max(row.at_ms, row.end_ms or 0)) for row in rows.outages]
    told += [("a time in service", max(start, end or 0)) for start, end in rows.service]
    told += [("a fill", fill.ends) for fill in rows.fills]
    told.append(("the counter", checkpoint.settled_ms if checkpoint else None))
    for what, at in told:
        if at is not None and at > frame.vouched_ms:
            yield at, f"{what} lies after the last instant that the store vouches for"
    for fill in rows.fills:
        if fill.ends <= fill.starts:
            yield fill.starts, "a fill ends before it begins"
