"""Limits how many messages of one camera are looked at, so that none costs what others need.

Messages are counted in runs of `most`. If a run took less than one interval of the camera, the messages in
the rest of that interval are rejected. So a flood gets `most` messages in each interval, and less than twice
as many where it begins within a run. After a restart, or after a cut, hours of heartbeats arrive together and
fill the record (rules S9, S11): a late heartbeat that adds to it is not counted, and while a broker hands
over what it kept, a run never ends.

A heartbeat that proves life is not counted here: `CameraState.heartbeats` counts it already, and
`CameraState.budget` is what that may reach in the present run. A message that proves nothing lowers `budget`
by one.
"""

from __future__ import annotations

from camwatch.core.model import NEVER
from camwatch.core.state import CameraState


class MessageBudget:
    """Maintains `budget` and `budget_until` of each camera. Instants are monotonic seconds."""

    def __init__(self, most: int) -> None:
        self.most = most

    def renew(self, camera: CameraState) -> None:
        """Start a run with the next message, by the interval that the camera has now."""
        camera.budget = camera.heartbeats
        camera.budget_until = NEVER

    def is_over(self, camera: CameraState, now: float, *, kept: bool) -> bool:
        """Tell whether a message is one too many, where `heartbeats` has reached `budget`.

        If not, a run begins with it. While a broker hands over what it `kept` for us, no message is.
        """
        if now < camera.budget_until and not kept:
            return True
        camera.budget = camera.heartbeats + self.most
        camera.budget_until = NEVER if kept else now + camera.interval_s
        return False

    def charge(self, camera: CameraState) -> None:
        """Count a message that proved nothing, unless it was late and added to the record."""
        if camera.late_proved_more:
            camera.late_proved_more = False
        else:
            camera.budget -= 1
