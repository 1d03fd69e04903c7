"""A maintenance window covers only cameras of its author's operators, at each moment (rule H3)."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.model import CameraConfig, Scope
from camwatch.core.status_time import StatusTime
from camwatch.errors import CorrectionError
from camwatch.history import schema
from camwatch.history.audit import audit
from camwatch.history.correction_writer import append
from camwatch.history.corrections import Correction, CorrectionState, Maintenance, load, make_cancellation
from camwatch.history.dialects import read_transaction
from camwatch.history.recording_store import RecordingStore
from camwatch.history.store import Store
from tests.support.fleet import enrolment, utc_ms
from tests.support.history.recorder_fixture import PARIS, Kept

ALPHA, BETA = "alpha", "beta"
DAY_S = 86_400.0


def ours(name: str) -> CameraConfig:
    return enrolment(name, operator=ALPHA, site="shared")


@pytest.fixture
def kept(store: Store) -> Kept:
    """Give a store with cameras of two landlords at one site, all up for five minutes."""
    theirs = enrolment("b-1", operator=BETA, site="shared")
    kept = Kept(store, ours("a-1"), theirs)
    kept.world.beats(300, "a-1").beats(300, "b-1")
    return kept.keep()


def add(kept: Kept, correction: Correction, t: float = 300) -> int:
    return append(kept.store.engine, "Zoé", "roof", correction, utc_ms(t))


def works(
    starts: float = 0,
    ends: float = 300,
    scope: Scope = Scope.SITE,
    scope_id: str = "shared",
    operators: tuple[str, ...] | None = (ALPHA,),
) -> Maintenance:
    return Maintenance(scope, scope_id, utc_ms(starts), utc_ms(ends), operators)


def journal(kept: Kept) -> CorrectionState:
    with read_transaction(kept.store.engine) as connection:
        return load(connection)


def maintained_s(kept: Kept) -> dict[tuple[str, str], float]:
    """Return the seconds under maintenance, by camera and operator."""
    record = kept.record()
    overlays, until = TimelineOverlays(record), record.watermark_ms
    accounts = {
        (camera.id, camera.operator): status_time_between(overlays.intervals(camera, until), 0, until)
        for camera in record.cameras
    }
    return {where: _maintenance_s(account) for where, account in accounts.items()}


def _maintenance_s(account: StatusTime) -> float:
    return account.maintenance / 1000


def test_a_landlords_window_at_a_shared_site_covers_its_own_cameras_only(kept: Kept) -> None:
    add(kept, works(100, 200))
    assert maintained_s(kept) == {("a-1", ALPHA): 100, ("b-1", BETA): 0}
    assert audit(kept.store.engine, PARIS).findings == []


def test_a_camera_that_changes_hands_leaves_the_window_of_its_old_operator(kept: Kept) -> None:
    """In the judgement from then on, and in the record."""
    add(kept, works(100, DAY_S, Scope.CAMERA, "a-1"))
    keeper = RecordingStore(kept.store, PARIS, 400)
    world = kept.world
    moved = enrolment("a-1", operator=BETA, site="shared")
    newcomer = enrolment("b-2", operator=BETA, site="shared")
    windows = keeper.windows(utc_ms(300))
    world.reload(ours("a-1"), windows=windows)
    assert world.status("a-1") == "maintenance"
    kept._windows = ()
    kept._enrolments = [moved, newcomer]
    world.reload(moved, newcomer, windows=windows)
    world.beats(600, "a-1")
    assert world.status("a-1") == "up"
    world.beats(700, "b-2")
    assert world.status("a-1") == "down"
    kept.keep()
    assert maintained_s(kept)["a-1", BETA] == 0
    assert maintained_s(kept)["a-1", ALPHA] == 200


def test_a_camera_that_comes_to_the_site_is_not_covered_by_anothers_window(kept: Kept) -> None:
    add(kept, works(100, DAY_S))
    windows = RecordingStore(kept.store, PARIS, 400).windows(utc_ms(300))
    world = kept.world
    world.reload(
        ours("a-1"),
        ours("a-2"),
        enrolment("b-2", operator=BETA, site="shared"),
        windows=windows,
    )
    assert [world.status(name) for name in ("a-1", "a-2", "b-2")] == ["maintenance", "maintenance", "unknown"]


def test_what_someone_cancels_for_their_own_cameras_stays_for_the_others(kept: Kept) -> None:
    """The city planned it for all; one landlord does not want it, then the other, then it is over."""
    number = add(kept, works(0, 300, operators=None))
    window = journal(kept).window(number)
    add(kept, make_cancellation(window, utc_ms(300), (ALPHA,)))
    assert maintained_s(kept) == {("a-1", ALPHA): 0, ("b-1", BETA): 300}
    with pytest.raises(CorrectionError, match="is cancelled already"):
        add(kept, make_cancellation(window, utc_ms(300), (ALPHA,)))
    add(kept, make_cancellation(window, utc_ms(300), (ALPHA, BETA)))
    assert maintained_s(kept) == {("a-1", ALPHA): 0, ("b-1", BETA): 0}
    assert number not in journal(kept).cancelled
    add(kept, make_cancellation(journal(kept).window(number), utc_ms(300)))
    assert number in journal(kept).cancelled
    assert audit(kept.store.engine, PARIS).findings == []


def test_cancelling_a_window_ends_it_for_the_canceller_only(kept: Kept) -> None:
    number = add(kept, works(100, 1000, operators=(ALPHA, BETA)))
    add(kept, make_cancellation(journal(kept).window(number), utc_ms(200), (BETA,)))
    assert maintained_s(kept) == {("a-1", ALPHA): 200, ("b-1", BETA): 100}
    first, second = journal(kept).windows
    assert (first.id, first.operators.only, first.end_ms) == (number, frozenset({ALPHA}), utc_ms(1000))
    assert (second.id, second.operators.only, second.end_ms) == (number, frozenset({BETA}), utc_ms(200))
    live = RecordingStore(kept.store, PARIS, 400).windows(utc_ms(300))
    assert [window.whose.only for window in live] == [frozenset({ALPHA})]


@pytest.mark.parametrize(
    ("starts", "ends", "told"),
    [
        (0, 32 * DAY_S, "lasts 32 days: at most 31"),
        (-32 * DAY_S, -31 * DAY_S, "begins too long ago: at most 31 days back"),
        (366 * DAY_S, 367 * DAY_S, "ends too far ahead: at most 366 days"),
    ],
)
def test_who_sees_some_plans_for_a_month_at_most(kept: Kept, starts: float, ends: float, told: str) -> None:
    with pytest.raises(CorrectionError, match=told):
        add(kept, works(starts, ends), 0)
    add(kept, works(starts, ends, operators=None), 0)
    add(kept, works(-31 * DAY_S, 0), 0)
    add(kept, works(300 * DAY_S, 331 * DAY_S), 0)


@pytest.mark.parametrize(
    ("starts", "ends", "told"),
    [
        (0, 367 * DAY_S, "lasts 367 days: at most 366"),
        (1098 * DAY_S, 1099 * DAY_S, "ends too far ahead: at most 1098 days"),
    ],
)
def test_nobody_plans_for_ever(kept: Kept, starts: float, ends: float, told: str) -> None:
    with pytest.raises(CorrectionError, match=told):
        add(kept, works(starts, ends, operators=None), 0)


def test_a_window_of_operators_without_a_camera_there_is_refused(kept: Kept) -> None:
    for scope, scope_id in ((Scope.CAMERA, "b-1"), (Scope.OPERATOR, BETA), (Scope.SITE, "nowhere")):
        with pytest.raises(CorrectionError, match=f"there is no {scope} '{scope_id}'"):
            add(kept, works(scope=scope, scope_id=scope_id))


def test_an_entry_names_the_operators_of_its_window_else_it_is_for_all(kept: Kept) -> None:
    add(kept, works())
    with kept.store.engine.begin() as connection:
        payload = connection.execute(select(schema.corrections.c.payload)).scalar_one()
        said = json.loads(payload)
        assert said.pop("operators") == [ALPHA]
        connection.execute(schema.corrections.update().values(payload=json.dumps(said)))
    (window,) = journal(kept).windows
    assert window.operators.only is None
