"""Compares the record with what the cameras really did (L10, E, A3).

Only cameras whose every message arrived in the end, but for gaps, lag or restarts of camwatch, are checked.
No rule is applied here: a failure means that the code or a rule is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.simulation.model.records import StatusSpan
from tests.simulation.plans.faults import (
    BridgeBuffering,
    BridgeOnline,
    CameraClockDrift,
    CameraClockFreeze,
    CameraClockOffset,
    CameraClockStep,
    Crash,
    DelayedMessages,
    Fault,
    HostClockStep,
    IntervalChange,
    LinkCut,
    LinkLag,
    LoopStall,
    MessageLoss,
    PlannedCamera,
    Removal,
    Replay,
    Restart,
    Retirement,
    SequenceFreeze,
    WrongTopic,
)
from tests.simulation.plans.plan import CameraSpec, Plan
from tests.simulation.world.cameras import Boot, boots

_UNHEARD = (MessageLoss, WrongTopic, PlannedCamera, IntervalChange, Removal, Retirement)
_CLOCKS = (CameraClockStep, CameraClockDrift, CameraClockOffset, CameraClockFreeze, SequenceFreeze)
_LATE = (LinkLag, BridgeBuffering, DelayedMessages)


class RecordedChange(NamedTuple):
    """A recorded change of status, and the instants between which it happened."""

    at: int
    status: str
    earliest: int | None
    latest: int | None


def problems(
    plan: Plan,
    spec: CameraSpec,
    history: Iterable[StatusSpan],
    edges: Iterable[RecordedChange],
    gaps: Sequence[tuple[int, int]],
) -> Iterator[str]:
    """Yield where the record of a camera is far from the truth. `gaps`: when it was not visible."""
    mine = [fault for fault in plan.faults if _applies_to(fault, plan, spec)]
    if not _could_be_heard(plan, spec, mine):
        return
    alive = boots(spec, plan)
    pieces = list(history)
    if len(alive) == 1 and alive[0].ends == plan.ends:
        for piece in pieces:
            if piece.status == "down":
                yield _far(spec, piece, "it was on all the time")
    if spec.reports in ("all", "whole") and not any(isinstance(fault, _CLOCKS) for fault in mine):
        yield from _near(plan, spec, alive, pieces, mine)
        if not any(isinstance(fault, (*_LATE, Replay)) for fault in mine):
            yield from _within(plan, spec, alive, edges, gaps)


def _applies_to(fault: Fault, plan: Plan, spec: CameraSpec) -> bool:
    if isinstance(fault, (LinkCut, LinkLag)):
        return any(link.name == fault.link and link.carries(spec.operator) for link in plan.links)
    if isinstance(fault, (BridgeBuffering, BridgeOnline)):
        return fault.operator == spec.operator
    return getattr(fault, "camera", spec.id) == spec.id


def _could_be_heard(plan: Plan, spec: CameraSpec, mine: list[Fault]) -> bool:
    """Return whether every heartbeat arrived, or would have if camwatch had been running."""
    if any(
        isinstance(fault, _UNHEARD) or (isinstance(fault, BridgeBuffering) and fault.drops) for fault in mine
    ):
        return False
    if any(isinstance(fault, HostClockStep) for fault in plan.faults):
        return False
    if plan.down_half_intervals < 7 and spec.reports in ("ts", "seq"):
        return False  # refusals at first may last as long as it may be silent
    if not any(isinstance(fault, _LATE) for fault in mine):
        return True
    # Late messages must show it, and must not be lost by a broker or in a crash.
    if spec.reports not in ("all", "whole", "seq+ts") or not spec.qos1:
        return False
    if any(isinstance(fault, (*_CLOCKS, Crash, Replay)) for fault in mine):
        return False
    persistent = all(link.persistent for link in plan.links if link.carries(spec.operator))
    last = max(_groups_of(fault) for fault in mine if isinstance(fault, _LATE))
    return last < plan.duration - 2 * plan.down_after(spec.interval) and (
        persistent or not any(isinstance(fault, (LinkCut, Restart)) for fault in mine)
    )


def _groups_of(fault: LinkLag | BridgeBuffering | DelayedMessages) -> int:
    if isinstance(fault, DelayedMessages):
        return fault.at + fault.by * (fault.count + 1) * 2
    return fault.at + fault.duration + (fault.by if isinstance(fault, LinkLag) else 0)


def _near(
    plan: Plan, spec: CameraSpec, alive: list[Boot], pieces: list[StatusSpan], mine: list[Fault]
) -> Iterator[str]:
    """Check that it is nowhere up while off, or down while on, for longer than an interval.

    A message that waits no longer than an interval counts as sent on arrival (L8), which adds as much.
    """
    interval, down_after = spec.interval, plan.down_after(spec.interval)
    slack = interval + 2 * spec.jitter + 2 * spec.latency + 2 * plan.grid
    for boot, after in zip(alive, [*alive[1:], Boot(plan.ends, plan.ends, "", 0)], strict=True):
        long = after.begins - boot.ends > down_after + interval
        for piece in pieces:
            dead = min(piece.end, after.begins) - max(piece.start, boot.ends)
            waited = interval if _may_have_waited(mine, boot.ends - plan.begins, interval) else 0
            waited += (
                interval // 2 if boot.how.endswith("will") else 0
            )  # which is published as much later (E1)
            if piece.status == "up" and dead > waited + (slack if long else down_after + slack):
                yield _far(spec, piece, f"it was off from {boot.ends} to {after.begins}")
            prove_alive = min(piece.end, boot.ends) - max(piece.start, boot.begins)
            if piece.status == "down" and prove_alive > slack:
                yield _far(spec, piece, f"it was on from {boot.begins} to {boot.ends}")


def _may_have_waited(mine: list[Fault], at: int, interval: int) -> bool:
    """Return whether the last message before `at` may have arrived later than it was sent."""
    return any(
        fault.at - interval
        <= at
        <= (_groups_of(fault) if isinstance(fault, _LATE) else fault.at + fault.duration)
        for fault in mine
        if isinstance(fault, (*_LATE, LoopStall))
    )


def _within(
    plan: Plan,
    spec: CameraSpec,
    alive: list[Boot],
    edges: Iterable[RecordedChange],
    gaps: Sequence[tuple[int, int]],
) -> Iterator[str]:
    """A3: where nothing was hidden, the true start and end of an outage are within the recorded bounds."""
    slack, around = spec.latency + 2 * plan.grid, 2 * spec.interval
    before = ""
    for edge in edges:
        was, before = before, edge.status
        if edge.earliest is None or edge.latest is None or {edge.status, was} != {"up", "down"}:
            continue
        if any(began < edge.latest + around and edge.earliest - around < ended for began, ended in gaps):
            continue
        truth = [boot.ends if edge.status == "down" else boot.begins for boot in alive]
        if not any(edge.earliest - slack <= each <= edge.latest + slack for each in truth):
            recorded = f"{edge.status} between {edge.earliest} and {edge.latest}"
            yield f"{spec.id}: recorded {recorded}; it was on {[tuple(boot[:2]) for boot in alive]}"


def _far(spec: CameraSpec, piece: StatusSpan, truth: str) -> str:
    return f"{spec.id}: recorded {piece.status} from {piece.start} to {piece.end}; {truth}"
