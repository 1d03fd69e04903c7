"""Cameras that leave the inventory in an outage and return: one outage, through any restart (rule V6)."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from camwatch.accounting.outage_length import down_ms
from camwatch.accounting.timeline import TimelineOverlays
from camwatch.core.events import Event
from camwatch.core.model import CameraConfig, Lifecycle, Status
from camwatch.history.dialects import read_transaction
from camwatch.history.queries import read
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.support.fleet import enrolment, fleet, utc_ms
from tests.support.history.builders import batch, entered, left, outage, rows, went
from tests.support.history.recorder_fixture import Kept

OUTAGES = (
    "SELECT (at_ms - 1767258000000) / 1000, (end_ms - 1767258000000) / 1000"
    " FROM outages o JOIN cameras c ON c.key = o.camera_key WHERE c.id = 'cam-1' AND c.operator = 'ville'"
    " ORDER BY o.id"
)
OTHER = enrolment("other")
RETIRED = enrolment("cam-1", lifecycle=Lifecycle.RETIRED)
PLANNED = enrolment("cam-1", lifecycle=Lifecycle.PLANNED)
ELSEWHERE = enrolment("cam-1", operator="sacogiva")
_ROWS = {"leave": [], "return": fleet(1), "retire": [RETIRED], "plan": [PLANNED], "sell": [ELSEWHERE]}
ACTS = st.lists(
    st.sampled_from(["lives", "dies", "leave", "return", "leave", "return", "restart", "blind", "keep"])
    | st.sampled_from(["retire", "plan", "sell"]),
    max_size=20,
)


class City:
    """A camera, what becomes of it, and how many outages it really had with its first operator."""

    def __init__(self, store: Store) -> None:
        self.kept = Kept(store, OTHER, *fleet(1))
        self.mine: list[CameraConfig] = fleet(1)
        self.outages = 0
        self.is_out = False

    def act(self, act: str) -> None:
        """Let something happen."""
        world = self.kept.world
        if act in _ROWS:
            self.mine = _ROWS[act]
            if act == "plan":  # who is in service and alive is not planned again (V1)
                self.kept.reload(OTHER)
            self.kept.reload(OTHER, *self.mine)
            self.is_out = self.is_out and act in {"leave", "return"}
        elif act == "lives" and self.mine:
            world.beats(world.t + 30, "cam-1")
            self.is_out = False
            if self.mine == [PLANNED]:
                self.mine = fleet(1)  # commissioned
        elif act == "dies":
            world.to(world.t + 130)
            if self.mine == fleet(1) and not self.is_out:
                self.outages, self.is_out = self.outages + 1, True
        elif act == "restart":
            self.kept.keep().restart(70)
        elif act == "blind":
            world.blind(world.t, world.t + 60)
        elif act == "keep":
            self.kept.keep()


def test_a_table_caught_half_written_makes_no_outages(store: Store) -> None:
    """V6: three times gone and back, while down; the time of each absence is in no account."""
    kept = Kept(store, *fleet(2))
    kept.world.beats(100).to(300)
    for _ in range(3):
        kept.reload(OTHER)
        kept.world.to(kept.world.t + 5)
        kept.keep().reload(*fleet(2))
        kept.world.to(kept.world.t + 100)
        kept.keep()
    assert [row[1] for row in rows(store, OUTAGES)] == [None]
    assert kept.world.camera().outages == 1
    assert kept.problems() == []
    kept.world.beats(kept.world.t + 50)
    kept.keep()
    [(_, ended)] = rows(store, OUTAGES)
    assert ended is not None
    assert kept.problems() == []


def test_an_outage_ends_with_the_removal_of_a_camera_that_returns_alive(store: Store) -> None:
    """V6, S7: as one that nobody could see the end of."""
    kept = Kept(store, *fleet(1))
    kept.world.beats(100).to(300)
    kept.reload(OTHER).keep()
    [(_, ended)] = rows(store, OUTAGES)
    assert ended == 295  # what was certain then
    kept.world.to(400)
    kept.reload(*fleet(1))
    kept.world.beats(500, "cam-1").to(600)
    kept.keep()
    [first, second] = rows(store, OUTAGES)
    assert first[1] == 295
    assert second[1] is None
    assert kept.problems() == []


def test_an_outage_that_reaches_into_a_stretch_has_all_its_down_time(store: Store) -> None:
    """V6: also what came before an absence that was over by then, of which nothing is down."""
    kept = Kept(store, *fleet(1))
    kept.world.beats(100).to(300)
    kept.reload(OTHER)
    kept.world.to(500)
    kept.reload(*fleet(1))
    kept.world.to(700)
    kept.keep()
    with read_transaction(store.engine) as connection:
        record = read(connection, None, utc_ms(600), utc_ms(700), camera="cam-1")
    [camera] = record.cameras
    [out] = camera.outages
    stretches = TimelineOverlays(record).dated(camera, utc_ms(700))
    assert down_ms(stretches, out, utc_ms(700)) == (295 - 105 + 700 - 510) * 1000


def test_an_outage_may_continue_in_the_batch_of_its_end_or_a_later_one(store: Store) -> None:
    again = outage(50)._replace(again=True)
    away = outage(20, ended=True)
    first: list[Event] = [entered(0), went(Status.DOWN, 10), outage(10), away, left(20)]
    store.write(batch(1, *first, entered(40), went(Status.DOWN, 50), again))
    assert rows(store, OUTAGES) == [(10, None)]
    store.write(batch(2, outage(60, ended=True), left(60)))
    assert rows(store, OUTAGES) == [(10, 60)]
    more = went(Status.DOWN, 80), outage(80)._replace(again=True), outage(90, ended=True)
    store.write(batch(3, entered(70), *more))
    assert rows(store, OUTAGES) == [(10, 90)]


@pytest.mark.parametrize("seen", [(), (went(Status.UP, 15),)])
def test_what_should_go_on_and_is_not_in_the_record_begins(store: Store, seen: tuple[Event, ...]) -> None:
    """H1: the store went back, or the days of the first part were folded away."""
    store.write(batch(1, entered(0), went(Status.DOWN, 5), outage(5), outage(10, ended=True), *seen))
    if not seen:
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM outages")
    more = went(Status.DOWN, 30), outage(30)._replace(again=True), outage(40, ended=True)
    store.write(batch(2, *more))
    assert rows(store, OUTAGES)[-1:] == [(30, 40)]


@settings(max_examples=60)
@given(acts=ACTS)
@example(acts=["lives", "dies", "leave", "restart", "return", "dies", "restart", "leave", "return", "dies"])
@example(acts=["lives", "dies", "sell", "dies", "return", "dies"])
@example(acts=["lives", "dies", "leave", "restart", "sell", "restart", "return", "dies"])
@example(acts=["lives", "dies", "leave", "plan", "restart", "lives", "dies"])
def test_there_are_as_many_outages_as_there_really_were(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str]
) -> None:
    """V6, V2, S6, S7: whenever it leaves, returns, is retired or changes hands, and camwatch restarts."""
    file = tmp_path_factory.mktemp("absences") / "camwatch.db"
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as store:
        store.acquire_lock()
        city = City(store)
        for act in acts:
            city.act(act)
        problems = city.kept.keep().problems()
        assert problems == []
        assert len(rows(store, OUTAGES)) == city.outages
