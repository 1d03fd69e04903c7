"""Expected history of a camera, derived from the model: as judged at the time, and after all corrections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

from camwatch.core.model import MaintenanceWindow, Scope
from tests.simulation.model.camera import CameraModel
from tests.simulation.model.records import LateHeartbeat, Outage, StatusChange, StatusSpan
from tests.simulation.model.status_time import Cover, StatusTimeModel, joined

_EVER = 1 << 62


def pieces(changes: Sequence[StatusChange], until: int) -> list[StatusSpan]:
    """Return the spans in service, beneath maintenance; the last one may have just begun.

    An outage that turned out to lie before a monitoring gap has no length, but is one.
    """
    last = StatusChange(until, until, "", "", until)
    return [
        StatusSpan(one.utc, min(after.utc, until), one.status, one.cause)
        for one, after in pairwise([*changes, last])
        if one.status
        and (one.utc < min(after.utc, until) or (after is last and one.utc == until) or one.status == "down")
    ]


def painted(found: Iterable[StatusSpan], spans: Cover, status: str, over: str) -> list[StatusSpan]:
    """Replace `over` by `status` within disjoint spans; join adjacent equal spans."""
    result: list[StatusSpan] = []
    for piece in found:
        inner = [edge for span in spans for edge in span if piece.start < edge < piece.end]
        cuts = [piece.start, *inner, piece.end] if piece.status in over.split() else [piece.start, piece.end]
        for start, end in pairwise(cuts):
            hit = len(cuts) > 0 and piece.status in over.split() and inside(spans, start)
            _add(result, StatusSpan(start, end, status if hit else piece.status, "" if hit else piece.cause))
    return result


def inside(spans: Cover, at: int) -> bool:
    """Return whether an instant is within one of these spans."""
    return any(start <= at < end for start, end in spans)


def _add(result: list[StatusSpan], piece: StatusSpan) -> None:
    if result and result[-1].end == piece.start and result[-1].status == piece.status:
        result[-1] = result[-1]._replace(end=piece.end)
    else:
        result.append(piece)


def judged(camera: CameraModel, times: StatusTimeModel, until: int) -> list[StatusSpan]:
    """Return what the camera was as judged at the time: windows apply from when they were known."""
    found: list[StatusSpan] = []
    for piece in pieces(camera.changes, until):
        before_window = piece.start == piece.end and piece.start in times.announced
        found += [piece] if before_window else painted([piece], times.cover, "maintenance", "up down unknown")
    return painted(found, (), "", "")


def corrected(
    camera: CameraModel,
    judged: list[StatusSpan],
    fills: Cover,
    clock: Sequence[tuple[int, int]],
    maintenance: Sequence[MaintenanceWindow],
) -> list[StatusSpan]:
    """Return what the camera was after all corrections (L8, T2, V3, V7).

    Args:
        camera: Its model, for its scopes.
        judged: What it was as judged at the time.
        fills: Time that late heartbeats prove up.
        clock: Time that a step of the wall clock skipped.
        maintenance: Windows entered as corrections.
    """
    spans = painted(judged, fills, "up", "unknown down")
    spans = painted(spans, joined(list(clock)), "unknown", "up down")
    scopes = {(Scope.CAMERA, camera.name), (Scope.OPERATOR, camera.operator)}
    mine = [(each.start_ms, each.end_ms) for each in maintenance if (each.scope, each.scope_id) in scopes]
    edges = [-_EVER, *(since for since, _ in camera.sites[1:]), _EVER]
    mine += [
        (max(each.start_ms, since), min(each.end_ms, until))
        for (_, site), since, until in zip(camera.sites, edges, edges[1:], strict=False)
        for each in maintenance
        if (each.scope, each.scope_id) == (Scope.SITE, site) and each.start_ms < until and each.end_ms > since
    ]
    return painted(spans, joined(mine), "maintenance", "up down unknown")


def outages(found: Sequence[StatusSpan], *, over: bool, dismissed: Sequence[int] = ()) -> list[Outage]:
    """Return the outages in judged spans: one across gaps (S7), ended by maintenance (A6).

    Args:
        found: The spans as judged.
        over: The camera is out of service after the last span.
        dismissed: UTC instants at which it was retired or planned; they end an outage that otherwise spans
            its absence from the inventory (V6).
    """
    result: list[Outage] = []
    begun: Outage | None = None
    left: int | None = None  # when a gap hid it
    end = 0
    absent = False
    for piece in found:
        if begun is not None and piece.start > end:  # out of service in between
            left, absent = end if left is None else left, True
            if any(end <= at <= piece.start for at in dismissed):
                result.append(begun._replace(end=left))
                begun = left = None
        end = piece.end
        if piece.status == "down":
            begun, left, absent = begun or Outage(piece.start, None, piece.cause), None, False
        elif begun is not None and piece.status == "unknown":
            left = piece.start if left is None else left
        elif begun is not None:
            result.append(begun._replace(end=piece.start if left is None else left))
            begun = left = None
    if begun is not None:
        result.append(begun._replace(end=(end if left is None else left) if over or absent else None))
    return result


def fills(camera: CameraModel, clock_steps: int, decided: int | None = None) -> tuple[Cover, Cover]:
    """Return the time that late heartbeats prove, and the time they may prove (L8, S9).

    Args:
        camera: Its model.
        apart: Sum of all steps of the host's clock, in ms.
        decided: How many of its late heartbeats certainly do not come from a wrong clock; None: all.
    """
    sure, maybe = [], []
    late = [
        each._replace(sure=each.sure and (decided is None or number < decided))
        for number, each in enumerate(camera.late)
    ]
    for each in late:
        if each.sure:
            sure.append((each.utc - each.before, each.utc + each.after))
        else:
            reach = each.after + each.reach + clock_steps
            maybe += [(at - reach, at + reach) for at in (each.utc, *((each.came,) if each.wrong else ()))]
    alive = sorted(
        {(each.utc, each.process, each.reach, own) for each, own in _in_order(late) if each.sure}
        | {(at, process, 0, True) for at, process in camera.proofs}
    )
    for one, after in pairwise(alive):
        if after[0] - one[0] <= max(one[2], after[2]):
            certain = one[3] and after[3] and (one[1] == after[1] or not one[2])
            (sure if certain else maybe).append((one[0], after[0]))
    return joined(sure), joined(sure + maybe)


def _in_order(late: Sequence[LateHeartbeat]) -> Iterator[tuple[LateHeartbeat, bool]]:
    """Yield late heartbeats, and whether each arrived in the order in which it was sent."""
    newest = list(accumulate((each.utc for each in late), max))
    oldest = list(accumulate((each.utc for each in reversed(late)), min))[::-1]
    for number, each in enumerate(late):
        yield each, newest[number] == each.utc == oldest[number]
