"""Who does not see all gets the incidents that their own cameras alone give (rule I1)."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camwatch.core.events import Event, IncidentEvent
from camwatch.core.model import CameraConfig
from camwatch.core.scoped_incidents import ScopedIncidents
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


@pytest.mark.no_cover
@given(STEPS)
@settings(max_examples=150, deadline=None)
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
        open_now = {
            (group.kind, group.id): (group.since, len(group.members), len(group.still_down))
            for group in whole.scoped.of(OURS)
            if group.since is not None
        }
        expected = {
            key: (group.since, len(group.members), len(group.still_down))
            for key, group in alone.world.watch.incidents.items()
            if group.since is not None
        }
        assert open_now == expected


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
