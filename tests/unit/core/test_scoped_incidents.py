"""Who does not see all gets the incidents that their own cameras alone give (rule I1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.core.events import Event, IncidentEvent
from camwatch.core.incidents import IncidentGroup
from camwatch.core.model import CameraConfig, Lifecycle
from camwatch.core.scoped_incidents import ScopedIncidents
from tests.support.examples import examples
from tests.support.fleet import World, enrolment

OURS = frozenset({"alpha"})
OWN = [f"a-{number}" for number in range(5)]
OTHERS = [f"b-{number}" for number in range(4)]


class Step(NamedTuple):
    """So many tens of seconds in which these cameras are silent; `gone` of ours are not in the inventory."""

    tens: int
    silent: frozenset[str]
    gone: frozenset[str]


STEPS = st.lists(
    st.builds(
        Step,
        st.integers(1, 9),
        st.frozensets(st.sampled_from([*OWN, *OTHERS])),
        st.frozensets(st.sampled_from(OWN[:2]), max_size=1),
    ),
    max_size=8,
)


def rows(names: list[str]) -> list[CameraConfig]:
    """Return cameras: some of both landlords stand at one site, the last of ours elsewhere."""
    return [
        enrolment(
            name,
            operator="alpha" if name in OWN else "beta",
            site="elsewhere" if name == OWN[-1] else "shared",
        )
        for name in names
    ]


class Story:
    """A world of some cameras, and the incidents that it gives a landlord, each step's told after it."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.world = World(*rows(names))
        self.world.beats(10)
        self.scoped = ScopedIncidents(self.world.watch)
        self.scoped.of(OURS)
        self.told: list[IncidentEvent] = []
        self._taken = len(self.world.events)

    def play(self, step: Step) -> None:
        names = [name for name in self.names if name not in step.gone]
        if names != list(self.world.watch.cameras):
            self.world.reload(*rows(names))
        loud = [name for name in names if name not in step.silent]
        for _ in range(step.tens):
            for name in loud:
                self.world.beat(name)
            self.world.to(self.world.t + 10)
        for event in self.new():
            self.told += (change for _, change in self.scoped.apply(event))

    def new(self) -> list[Event]:
        events = self.world.events[self._taken :]
        self._taken = len(self.world.events)
        return events


def shape(changes: list[IncidentEvent]) -> list[tuple[object, ...]]:
    """Return what an incident's event tells, but for when it was noticed: clocks tick with every camera."""
    return sorted((str(each.kind), each.id, each.since, not each.opened, each.cameras) for each in changes)


def open_now(groups: Iterable[IncidentGroup]) -> dict[tuple[object, ...], tuple[object, ...]]:
    """Return the open incidents among groups: since when, cameras affected, and cameras still down."""
    return {
        (group.kind, group.id): (group.since, len(group.members), len(group.still_down))
        for group in groups
        if group.since is not None
    }


@pytest.mark.no_cover
@given(STEPS)
@examples(150)
def test_what_a_landlord_sees_is_what_its_own_cameras_alone_give(steps: list[Step]) -> None:
    """Random histories, with others' cameras at the same site and without: the same incidents."""
    whole, alone = Story([*OWN, *OTHERS]), Story(OWN)
    for step in steps:
        whole.play(step)
        alone.play(step)
        core = [event for event in alone.world.events if isinstance(event, IncidentEvent)]
        own = [change for change in core if change.kind != "link"]
        assert shape([change for change in whole.told if change.kind != "link"]) == shape(own)
        assert shape(whole.told) == shape(alone.told)
        assert open_now(whole.scoped.of(OURS)) == open_now(alone.world.watch.incidents.values())


def test_a_scope_that_is_asked_for_late_is_as_its_cameras_are() -> None:
    story = Story([*OWN, *OTHERS])
    story.play(Step(9, frozenset(OWN[:3]), frozenset()))
    late = ScopedIncidents(story.world.watch)
    found = {group.id: group.members for group in late.of(OURS) if group.since is not None}
    assert {kind: len(members) for kind, members in found.items()} == {"shared": 3, "alpha": 3, "main": 3}


def test_only_so_many_scopes_are_kept() -> None:
    story = Story(OWN)
    for number in range(100):
        story.scoped.of(frozenset({f"operator-{number}"}))
    assert len(story.scoped._scopes) <= 64


def test_cameras_going_down_and_returning_open_and_end_an_incident() -> None:
    """I1: half of an operator's cameras, and one of another that sees nothing of it."""
    story = Story([*OWN, *OTHERS])
    story.play(Step(9, frozenset([*OWN[:3], OTHERS[0]]), frozenset()))
    assert {(change.id, change.opened) for change in story.told} == {
        ("alpha", True),
        ("main", True),
        ("shared", True),
    }
    story.told.clear()
    story.play(Step(9, frozenset(), frozenset()))
    assert {(change.id, change.opened) for change in story.told} == {
        ("alpha", False),
        ("main", False),
        ("shared", False),
    }


def test_a_camera_that_leaves_the_inventory_leaves_its_incidents() -> None:
    """I1, V6: with the first event after the reload."""
    story = Story([*OWN, *OTHERS])
    story.play(Step(9, frozenset(OWN[:3]), frozenset()))
    story.play(Step(9, frozenset(OWN[:3]), frozenset(OWN[:1])))
    [operator] = [group for group in story.scoped.of(OURS) if group.id == "alpha"]
    assert len(operator.members) == len(operator.still_down) == 2


def test_a_camera_that_leaves_service_counts_in_no_share_of_an_incident() -> None:
    """I1, V2: two of five are retired, and the other three are silent."""
    story = Story(OWN)
    gone = [replace(row, camera=replace(row.camera, lifecycle=Lifecycle.RETIRED)) for row in rows(OWN[3:])]
    story.world.reload(*rows(OWN[:3]), *gone)
    story.play(Step(9, frozenset(OWN), frozenset()))
    groups = {group.id: group for group in story.scoped.of(OURS)}
    assert groups["alpha"].in_service == 3
    assert open_now(groups.values()) == open_now(story.world.watch.incidents.values()) != {}
