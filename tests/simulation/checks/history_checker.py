"""What the record shall say of a camera, from the second opinion: as judged, and after all corrections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

from camwatch.core.model import MaintenanceWindow, Scope
from tests.simulation.model.camera import Mind
from tests.simulation.model.records import Change, Late, Outage, Piece
from tests.simulation.model.status_time import Book, Cover, joined

_EVER = 1 << 62


def pieces(changes: Sequence[Change], until: int) -> list[Piece]:
    """Return its time in service, beneath maintenance; the last one may have just begun.

    An outage that turned out to lie before a blindness lasted no time, but was one.
    """
    last = Change(until, until, "", "", until)
    return [
        Piece(one.utc, min(after.utc, until), one.life, one.cause)
        for one, after in pairwise([*changes, last])
        if one.life
        and (one.utc < min(after.utc, until) or (after is last and one.utc == until) or one.life == "down")
    ]


def painted(found: Iterable[Piece], spans: Cover, status: str, over: str) -> list[Piece]:
    """Paint disjoint spans over the pieces whose status is among `over`, and join what is alike."""
    result: list[Piece] = []
    for piece in found:
        inner = [edge for span in spans for edge in span if piece.start < edge < piece.end]
        cuts = [piece.start, *inner, piece.end] if piece.status in over.split() else [piece.start, piece.end]
        for start, end in pairwise(cuts):
            hit = len(cuts) > 0 and piece.status in over.split() and inside(spans, start)
            _add(result, Piece(start, end, status if hit else piece.status, "" if hit else piece.cause))
    return result


def inside(spans: Cover, at: int) -> bool:
    """Tell whether an instant lies within one of these spans."""
    return any(start <= at < end for start, end in spans)


def _add(result: list[Piece], piece: Piece) -> None:
    if result and result[-1].end == piece.start and result[-1].status == piece.status:
        result[-1] = result[-1]._replace(end=piece.end)
    else:
        result.append(piece)


def judged(mind: Mind, book: Book, until: int) -> list[Piece]:
    """Return what the camera was as it was judged then: windows hold from when they were known."""
    found: list[Piece] = []
    for piece in pieces(mind.changes, until):
        told = piece.start == piece.end and piece.start in book.announced
        found += [piece] if told else painted([piece], book.cover, "maintenance", "up down unknown")
    return painted(found, (), "", "")


def corrected(
    mind: Mind,
    judged: list[Piece],
    fills: Cover,
    clock: Sequence[tuple[int, int]],
    works: Sequence[MaintenanceWindow],
) -> list[Piece]:
    """Return what the camera was after all corrections (L8, T2, V3, V7).

    `fills`: what late heartbeats prove. `clock`: time that never was. `works`: maintenance that people added.
    """
    life = painted(judged, fills, "up", "unknown down")
    life = painted(life, joined(list(clock)), "unknown", "up down")
    scopes = {(Scope.CAMERA, mind.name), (Scope.OPERATOR, mind.operator)}
    mine = [(each.start_ms, each.end_ms) for each in works if (each.scope, each.scope_id) in scopes]
    edges = [-_EVER, *(since for since, _ in mind.sites[1:]), _EVER]
    mine += [
        (max(each.start_ms, since), min(each.end_ms, until))
        for (_, site), since, until in zip(mind.sites, edges, edges[1:], strict=False)
        for each in works
        if (each.scope, each.scope_id) == (Scope.SITE, site) and each.start_ms < until and each.end_ms > since
    ]
    return painted(life, joined(mine), "maintenance", "up down unknown")


def outages(found: Sequence[Piece], *, over: bool, dismissed: Sequence[int] = ()) -> list[Outage]:
    """Return the outages in judged pieces: seen through blindness as one (S7), ended by maintenance (A6).

    `over`: the camera is out of service after the last piece. One that leaves the inventory and is back and
    down goes on, unless it was `dismissed` in between, UTC: retired or planned (V6).
    """
    result: list[Outage] = []
    begun: Outage | None = None
    left: int | None = None  # when blindness hid it
    end = 0
    absent = False
    for piece in found:
        if begun is not None and piece.start > end:  # out of service meanwhile
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


def fills(mind: Mind, apart: int, decided: int | None = None) -> tuple[Cover, Cover]:
    """Return what late heartbeats prove, and what they may prove where their time is not sure (L8, S9).

    `apart`: by how much the clocks of the machine were set, in all. `decided`: so many of them are not the
    fault of a clock; of the others that is not known yet (None: it is known of all).
    """
    sure, maybe = [], []
    late = [
        each._replace(sure=each.sure and (decided is None or number < decided))
        for number, each in enumerate(mind.late)
    ]
    for each in late:
        if each.sure:
            sure.append((each.utc - each.before, each.utc + each.after))
        else:
            reach = each.after + each.reach + apart
            maybe += [(at - reach, at + reach) for at in (each.utc, *((each.came,) if each.wrong else ()))]
    alive = sorted(
        {(each.utc, each.process, each.reach, own) for each, own in _in_order(late) if each.sure}
        | {(at, process, 0, True) for at, process in mind.proofs}
    )
    for one, after in pairwise(alive):
        if after[0] - one[0] <= max(one[2], after[2]):
            certain = one[3] and after[3] and (one[1] == after[1] or not one[2])
            (sure if certain else maybe).append((one[0], after[0]))
    return joined(sure), joined(sure + maybe)


def _in_order(late: Sequence[Late]) -> Iterator[tuple[Late, bool]]:
    """Yield late heartbeats, and whether none that was sent before came after it, nor the reverse."""
    newest = list(accumulate((each.utc for each in late), max))
    oldest = list(accumulate((each.utc for each in reversed(late)), min))[::-1]
    for number, each in enumerate(late):
        yield each, newest[number] == each.utc == oldest[number]
