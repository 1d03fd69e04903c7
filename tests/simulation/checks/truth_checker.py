"""What was really so, held against the record: whatever the rules say, that must be near it (L10, E, A3).

Asked only of cameras that nothing but camwatch's own blindness, lag or restarts kept from being heard; of
others nobody could know. No rule is worked out here: where this fails, either the code or a rule is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.simulation.model.records import Piece
from tests.simulation.plans.faults import (
    Crashes,
    Cuts,
    Delays,
    Drifts,
    Fault,
    Greets,
    Holds,
    Lags,
    Leaves,
    Loses,
    Paces,
    Plans,
    Replays,
    Retires,
    Sets,
    SetsWall,
    Stalls,
    Stands,
    Sticks,
    Stops,
    Strays,
    Wanders,
)
from tests.simulation.plans.plan import Device, Plan
from tests.simulation.world.cameras import Boot, boots

_UNHEARD = (Loses, Strays, Plans, Paces, Leaves, Retires)
_CLOCKS = (Sets, Drifts, Wanders, Stands, Sticks)
_LATE = (Lags, Holds, Delays)


class Edge(NamedTuple):
    """A change of status as it is recorded, and the instants between which it happened."""

    at: int
    status: str
    earliest: int | None
    latest: int | None


def problems(
    plan: Plan,
    device: Device,
    life: Iterable[Piece],
    edges: Iterable[Edge],
    blinds: Sequence[tuple[int, int]],
) -> Iterator[str]:
    """Yield where the record of a camera is not near the truth. `blinds`: when it was out of sight."""
    mine = [fault for fault in plan.faults if _befalls(fault, plan, device)]
    if not _could_be_heard(plan, device, mine):
        return
    alive = boots(device, plan)
    pieces = list(life)
    if len(alive) == 1 and alive[0].ends == plan.ends:
        for piece in pieces:
            if piece.status == "down":
                yield _far(device, piece, "it lived all the time")
    if device.says in ("all", "whole") and not any(isinstance(fault, _CLOCKS) for fault in mine):
        yield from _near(plan, device, alive, pieces, mine)
        if not any(isinstance(fault, (*_LATE, Replays)) for fault in mine):
            yield from _within(plan, device, alive, edges, blinds)


def _befalls(fault: Fault, plan: Plan, device: Device) -> bool:
    if isinstance(fault, (Cuts, Lags)):
        return any(line.name == fault.link and line.carries(device.operator) for line in plan.lines)
    if isinstance(fault, (Holds, Greets)):
        return fault.operator == device.operator
    return getattr(fault, "camera", device.id) == device.id


def _could_be_heard(plan: Plan, device: Device, mine: list[Fault]) -> bool:
    """Tell whether every heartbeat came in the end, or would have come if camwatch had been there."""
    if any(isinstance(fault, _UNHEARD) or (isinstance(fault, Holds) and fault.drops) for fault in mine):
        return False
    if any(isinstance(fault, SetsWall) for fault in plan.faults):
        return False
    if plan.half_steps < 7 and device.says in ("ts", "seq"):
        return False  # what is refused at first may take as long as it may be silent
    if not any(isinstance(fault, _LATE) for fault in mine):
        return True
    # What comes late must say so, and must not be forgotten by a broker or a crash.
    if device.says not in ("all", "whole", "seq+ts") or not device.sure:
        return False
    if any(isinstance(fault, (*_CLOCKS, Crashes, Replays)) for fault in mine):
        return False
    keeps = all(line.keeps for line in plan.lines if line.carries(device.operator))
    last = max(_over(fault) for fault in mine if isinstance(fault, _LATE))
    return last < plan.lasts - 2 * plan.down_after(device.interval) and (
        keeps or not any(isinstance(fault, (Cuts, Stops)) for fault in mine)
    )


def _over(fault: Lags | Holds | Delays) -> int:
    if isinstance(fault, Delays):
        return fault.at + fault.by * (fault.count + 1) * 2
    return fault.at + fault.lasts + (fault.by if isinstance(fault, Lags) else 0)


def _near(
    plan: Plan, device: Device, alive: list[Boot], pieces: list[Piece], mine: list[Fault]
) -> Iterator[str]:
    """Nowhere up though dead, or down though alive, for longer than an interval.

    What waits for no longer than that counts as said when it came (L8): it may seem to live as much longer.
    """
    interval, down_after = device.interval, plan.down_after(device.interval)
    slack = interval + 2 * device.wobble + 2 * device.latency + 2 * plan.grid
    for boot, after in zip(alive, [*alive[1:], Boot(plan.ends, plan.ends, "", 0)], strict=True):
        long = after.begins - boot.ends > down_after + interval
        for piece in pieces:
            dead = min(piece.end, after.begins) - max(piece.start, boot.ends)
            waited = interval if _may_have_waited(mine, boot.ends - plan.begins, interval) else 0
            waited += interval // 2 if boot.how.endswith("will") else 0  # which comes as much later (E1)
            if piece.status == "up" and dead > waited + (slack if long else down_after + slack):
                yield _far(device, piece, f"it was dead from {boot.ends} to {after.begins}")
            lived = min(piece.end, boot.ends) - max(piece.start, boot.begins)
            if piece.status == "down" and lived > slack:
                yield _far(device, piece, f"it lived from {boot.begins} to {boot.ends}")


def _may_have_waited(mine: list[Fault], at: int, interval: int) -> bool:
    """Tell whether what a camera said last, before `at`, may have come later than it was sent."""
    return any(
        fault.at - interval <= at <= (_over(fault) if isinstance(fault, _LATE) else fault.at + fault.lasts)
        for fault in mine
        if isinstance(fault, (*_LATE, Stalls))
    )


def _within(
    plan: Plan,
    device: Device,
    alive: list[Boot],
    edges: Iterable[Edge],
    blinds: Sequence[tuple[int, int]],
) -> Iterator[str]:
    """A3: where nothing was hidden, each end of each outage lies within its bounds."""
    slack, around = device.latency + 2 * plan.grid, 2 * device.interval
    before = ""
    for edge in edges:
        was, before = before, edge.status
        if edge.earliest is None or edge.latest is None or {edge.status, was} != {"up", "down"}:
            continue
        if any(began < edge.latest + around and edge.earliest - around < ended for began, ended in blinds):
            continue
        truth = [boot.ends if edge.status == "down" else boot.begins for boot in alive]
        if not any(edge.earliest - slack <= each <= edge.latest + slack for each in truth):
            said = f"{edge.status} between {edge.earliest} and {edge.latest}"
            yield f"{device.id}: the record says {said}; it lived {[tuple(boot[:2]) for boot in alive]}"


def _far(device: Device, piece: Piece, truth: str) -> str:
    return f"{device.id}: the record says {piece.status} from {piece.start} to {piece.end}; {truth}"
