"""Reconciles with a store that went back: what to store from memory so that it continues (rule H1).

Memory has the last stored events, and of each camera its stored checkpoint. Between the end of the older
record and those, a camera's time is unknown, unless its status has not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from camwatch.core.checkpoint_model import EMPTY, CameraCheckpoint
from camwatch.core.events import (
    Backfill,
    Event,
    MonitoringGap,
    OutageEvent,
    Reboot,
    ServicePeriodEvent,
    Transition,
)
from camwatch.core.model import Cause, GapCause, Instant, Status
from camwatch.history.write_queue import StoredState, in_service

_SEEN = frozenset(Status) - {Status.UNKNOWN}

Key: TypeAlias = tuple[str, str]
"""A camera and its operator."""


class Known(NamedTuple):
    """What memory has: the last stored checkpoints and events, as of `watermark_ms`.

    `whole`: the events reach back to the end of the older record.
    """

    memories: Mapping[Key, CameraCheckpoint]
    events: Sequence[Event]
    whole: bool
    watermark_ms: int


def lost(past: StoredState, known: Known) -> tuple[int, int] | None:
    """Return the interval (UTC ms) that neither store nor memory has; None: nothing is lost.

    The older record is certain of a camera only as far as its time is accounted: a decision may be dated
    back.
    """
    if known.whole:
        return None
    if past.watermark_ms is not None:
        settled = [
            each.accounted_until_ms for each in past.checkpoints if each.accounted_until_ms is not None
        ]
        return min(past.watermark_ms, known.watermark_ms, *settled), known.watermark_ms
    longest = max((in_service(memory) for memory in known.memories.values()), default=0)
    return known.watermark_ms - longest, known.watermark_ms


def rejoined(past: StoredState, known: Known) -> list[Event]:
    """Return the events that the older record `past` lacks, in order."""
    span = lost(past, known)
    if span is None:
        return list(known.events)
    began, ended = (Instant(0.0, edge) for edge in span)
    found: list[Event] = [MonitoringGap((), (), GapCause.LOST, began, ended)]
    before = states(past.checkpoints)
    watermark_ms = span[0] if past.watermark_ms is None else min(past.watermark_ms, known.watermark_ms)
    mine: dict[Key, list[Event]] = {}
    for event in known.events:
        if isinstance(event, (Transition, OutageEvent, ServicePeriodEvent)):
            key = event.camera, event.operator
            mine.setdefault(key, []).append(_not_before(event, _accounted(before.get(key), watermark_ms)))
        elif isinstance(event, (MonitoringGap, Backfill, Reboot)):
            found.append(event)
    for key in sorted(before.keys() | known.memories.keys() | mine.keys()):
        events = mine.get(key, [])
        since = _accounted(before.get(key), watermark_ms)
        first = _first_known(known.memories.get(key), events, since)
        found += _bridge(key, before.get(key), first, since)
        found += events if first.status in _SEEN else _ended_unseen(events, before.get(key), since)
    return found


def _accounted(before: CameraCheckpoint | None, watermark_ms: int) -> Instant:
    """Return until when the older record is certain of a camera."""
    accounted_until_ms = None if before is None else before.accounted_until_ms
    return Instant(0.0, watermark_ms if accounted_until_ms is None else min(watermark_ms, accounted_until_ms))


def remembered(past: StoredState, known: Known) -> list[CameraCheckpoint]:
    """Return the checkpoints after that, including cameras that only the older record has."""
    before = states(past.checkpoints)
    gone = [before[key] for key in before.keys() - known.memories.keys()]
    parted = [
        memory._replace(accounted_until_ms=None, outage_open=False, down_until_ms=None)
        for memory in gone
        if memory.accounted_until_ms is not None or memory.down_until_ms is not None
    ]
    return [*parted, *known.memories.values()]


@dataclass(slots=True)
class _First:
    """The state of a camera at its first known event; `status` None: unknown.

    `absent`: it was removed during an outage, which continues if it returns still down (V6).
    """

    serving: bool
    outage_open: bool
    status: Status | None
    at: Instant
    absent: bool = False
    since_ms: int | None = None
    cause: Cause | None = None


def _first_known(memory: CameraCheckpoint | None, events: Sequence[Event], since: Instant) -> _First:
    serving = memory is not None and memory.accounted_until_ms is not None
    outage_open = serving and memory is not None and memory.outage_open
    absent = memory is not None and _is_absent(memory)
    if events:
        service = next((each.started for each in events if isinstance(each, ServicePeriodEvent)), None)
        outage = next((each for each in events if isinstance(each, OutageEvent)), None)
        serving = serving if service is None else not service
        if outage is not None:
            outage_open, absent = not outage.opened, outage.again
        moved = next((each for each in events if isinstance(each, Transition)), None)
        if moved is None or moved.old is Status.UNKNOWN:
            return _First(serving, outage_open, None, since, absent)
        return _First(serving, outage_open, moved.old, moved.at, absent)
    if memory is None:
        return _First(serving=False, outage_open=False, status=None, at=since)
    at = Instant(0.0, max(since.utc_ms, memory.since_ms))
    if outage_open and memory.down_until_ms is not None:
        at = Instant(0.0, memory.down_until_ms)  # so the outage will end, unless it continues
    return _First(serving, outage_open, memory.status, at, absent, memory.since_ms, memory.cause)


def _is_absent(memory: CameraCheckpoint) -> bool:
    return memory.down_until_ms is not None and not memory.outage_open


def _bridge(key: Key, before: CameraCheckpoint | None, first: _First, since: Instant) -> Iterator[Event]:
    """Yield the events from the end of the older record to the first known one of a camera."""
    if before is None or before.accounted_until_ms is None:
        yield from _enter(key, before or EMPTY, first)
        return
    was = (before.status, before.since_ms, before.outage_open)
    if first.serving and was == (first.status, first.since_ms, first.outage_open):
        return  # it has been that all the time
    since = Instant(0.0, max(before.since_ms, min(since.utc_ms, first.at.utc_ms)))
    first.at = max(first.at, since, key=attrgetter("utc_ms"))
    if before.status is not Status.UNKNOWN:
        yield _went(key, Status.UNKNOWN, since)
    if before.outage_open and not first.outage_open:
        left = since.utc_ms if before.down_until_ms is None else before.down_until_ms
        yield OutageEvent(*key, "", False, Instant(0.0, left), since, None)
    if not first.serving:
        if _is_over(before, first):
            yield from _seen(key, first, since)
        yield ServicePeriodEvent(*key, False, since, first.status or Status.UNKNOWN)
    elif first.absent and before.outage_open:
        yield ServicePeriodEvent(*key, False, since, Status.UNKNOWN)
        yield ServicePeriodEvent(*key, True, first.at, Status.UNKNOWN)
    elif first.status not in _SEEN and _is_over(before, first):
        yield from _seen(key, first, first.at)
    else:
        yield from _arrive(key, first, was_open=before.outage_open, again=_is_absent(before))
        if first.status is not None and not first.outage_open:
            yield _went(key, first.status, first.at, first.cause)


def _enter(key: Key, before: CameraCheckpoint, first: _First) -> Iterator[Event]:
    """Yield the events from out of service to the first known one of a camera."""
    over = _is_over(before, first)
    if first.serving:
        yield ServicePeriodEvent(*key, True, first.at, first.status or Status.UNKNOWN)
        if over and first.status not in _SEEN:
            yield from _seen(key, first, first.at)
        yield from _arrive(key, first, was_open=False, again=_is_absent(before))
        if not first.outage_open:
            yield _went(key, first.status or Status.UNKNOWN, first.at, first.cause)
    elif over:  # it was in service meanwhile, or is no more what it was
        yield ServicePeriodEvent(*key, True, first.at, Status.UNKNOWN)
        yield from _seen(key, first, first.at)
        yield ServicePeriodEvent(*key, False, first.at, Status.UNKNOWN)


def _is_over(before: CameraCheckpoint, first: _First) -> bool:
    """Return whether an outage that was open, or could continue, cannot any more."""
    return (before.outage_open or _is_absent(before)) and not first.outage_open and not first.absent


def _seen(key: Key, first: _First, at: Instant) -> Iterator[Event]:
    """Yield that a camera was no longer down; otherwise its outage would continue."""
    over = first.status if first.status in (Status.PLANNED, Status.RETIRED) else Status.UP
    yield _went(key, over, at)
    if over is Status.UP:
        yield _went(key, Status.UNKNOWN, at)


def _arrive(key: Key, first: _First, *, was_open: bool, again: bool) -> Iterator[Event]:
    """Yield what opens an outage, if it is open: an instant in `down` if no more is known.

    `again`: it may continue one that ended with a removal (V6).
    """
    if not first.outage_open:
        return
    cause = first.cause or Cause.TIMEOUT
    if not was_open:
        yield OutageEvent(*key, "", True, first.at, first.at, cause, again)
    if not was_open or first.status is not None:
        yield _went(key, Status.DOWN, first.at, cause)
    if first.status is not Status.DOWN and (not was_open or first.status is not None):
        yield _went(key, first.status or Status.UNKNOWN, first.at)


def _ended_unseen(
    events: Sequence[Event], before: CameraCheckpoint | None, since: Instant
) -> Iterator[Event]:
    """Yield events; an outage that ended while its camera was unknown ended when that began (S7)."""
    left = before.down_until_ms if before is not None and before.outage_open else None
    at = since if left is None else Instant(0.0, left)
    first = True
    for event in events:
        if isinstance(event, OutageEvent):
            yield event._replace(at=at) if first and not event.opened else event
            first = False
        else:
            first = first and not (isinstance(event, Transition) and event.new is Status.DOWN)
            yield event


def _went(key: Key, new: Status, at: Instant, cause: Cause | None = None) -> Transition:
    return Transition(*key, "", Status.UNKNOWN, new, at, at, cause)


def _not_before(
    event: Transition | OutageEvent | ServicePeriodEvent, since: Instant
) -> Transition | OutageEvent | ServicePeriodEvent:
    """Return an event, dated after the end of the older record."""
    return event._replace(at=max(event.at, since, key=attrgetter("utc_ms")))


def states(memories: Iterable[CameraCheckpoint]) -> dict[Key, CameraCheckpoint]:
    """Return checkpoints by camera and operator."""
    return {(memory.camera, memory.operator): memory for memory in memories}
