"""Limits the messages handled per camera, so that a flood of one does not starve the others.

Messages are counted in runs of `most`. After a run that took less than one interval of the camera, messages
are rejected until the interval is over. A flood gets `most` messages per interval, at most twice as many if
it begins within a run. After a restart or an outage of the broker, hours of heartbeats arrive together and
fill the record (rules S9, S11): a late heartbeat that adds to the record is not counted, and a run does not
end while a broker delivers its backlog.

Proofs are not counted here: `CameraState.heartbeats` counts them, and `CameraState.budget` is the value that
it may reach in the present run. A message that proves nothing lowers `budget` by one.
"""

from __future__ import annotations

from camwatch.core.model import NEVER
from camwatch.core.state import CameraState


class MessageBudget:
    """Maintains `budget` and `budget_until` of each camera. Instants are monotonic seconds.

    `most`: messages per run.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def renew(self, camera: CameraState) -> None:
        """Start a run with the next message, by the camera's present interval."""
        camera.budget = camera.heartbeats
        camera.budget_until = NEVER

    def is_over(self, camera: CameraState, now: float, *, kept: bool) -> bool:
        """Return whether a message exceeds the budget, once `heartbeats` has reached `budget`.

        If not, it starts a run. `kept`: a broker delivers its backlog, which no message exceeds.
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
