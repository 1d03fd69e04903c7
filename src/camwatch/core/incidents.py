"""Incidents: many cameras of a site, operator or link down at once (rules I1, I2).

Work per change is O(log n), whatever the size of the group, so that ten thousand cameras may go down at once.
"""

from __future__ import annotations

import heapq

from camwatch.core.events import IncidentEvent
from camwatch.core.model import IncidentKind, Instant

WITHIN_S = 60.0
CAMERAS_MIN = 3
SHARE_MIN = 0.6
BACK_SHARE = 0.5


class IncidentGroup:
    """The cameras that share a site, an operator or a link, and their incident, if one is open.

    Cameras are given by their index.
    """

    __slots__ = (
        "_newest",
        "_order",
        "_together",
        "id",
        "in_service",
        "kind",
        "members",
        "since",
        "still_down",
    )

    def __init__(self, kind: IncidentKind, group_id: str) -> None:
        self.kind = kind
        self.id = group_id
        self.in_service = 0  # cameras in service
        self.since: Instant | None = None  # set while an incident is open
        self._together: dict[int, Instant] = {}  # cameras that went down within a minute and still are
        self._order: list[tuple[float, int]] = []  # heap of the same, to remove the oldest
        self._newest = float("-inf")
        self.members: set[int] = set()  # cameras of the open incident or the last one, recovered or not
        self.still_down: set[int] = set()  # those that have not recovered

    def camera_down(self, camera: int, at: Instant, now: Instant) -> IncidentEvent | None:
        """Note that a camera went down `at` an instant; return the incident that this opens, if any."""
        if self.since is not None:
            self.members.add(camera)
            self.still_down.add(camera)
            return None
        together, order = self._together, self._order
        together[camera] = at
        heapq.heappush(order, (at.mono, camera))
        if at.mono > self._newest:  # noqa: PLR1730 - max() costs a call for each of ten thousand
            self._newest = at.mono
        if order[0][0] < self._newest - WITHIN_S:
            self._forget_older_than_a_minute()
        count = len(together)
        if count < CAMERAS_MIN or count < SHARE_MIN * self.in_service:
            return None
        self.since = min(self._together.values())
        self.members = set(self._together)
        self.still_down = set(self._together)
        self._together.clear()
        self._order.clear()
        return IncidentEvent(self.kind, self.id, True, self.since, now, count)

    def camera_recovered(self, camera: int, now: Instant, *, up: bool) -> IncidentEvent | None:
        """Note that a camera is no longer down; return the incident that this ends, if any.

        `up`: it is up again. Otherwise (maintenance, retired, removed) it is no longer a member.
        """
        self._together.pop(camera, None)
        if self.since is None:
            return None
        self.still_down.discard(camera)
        if not up:
            self.members.discard(camera)
        if len(self.still_down) > (1 - BACK_SHARE) * len(self.members):
            return None
        since, self.since = self.since, None
        return IncidentEvent(self.kind, self.id, False, since, now, len(self.members))

    def _forget_older_than_a_minute(self) -> None:
        order, together = self._order, self._together
        while order and order[0][0] < self._newest - WITHIN_S:
            oldest, camera = heapq.heappop(order)
            if camera in together and together[camera].mono == oldest:
                del together[camera]
