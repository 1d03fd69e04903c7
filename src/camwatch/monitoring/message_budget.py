"""How many messages one camera may send, so that none costs what others need.

They are counted in runs of `most`. If a run took less than one of the camera's intervals, what comes in the
rest of that interval is not looked at. So a flood has `most` messages in each interval, and less than twice
as many where it begins within a run. After a restart, or a line that was cut, hours of heartbeats come
together and fill the record (rules S9, S11): a late one that tells something new is not counted, and a run
is over at once while a broker hands over what it kept for us.

No message that proves life is counted here: `heartbeats` counts it already, and `budget` is what that may
reach in the present run. A message that proves nothing lowers `budget` by one. `late_news` says of a late
one that it shall not.
"""

from __future__ import annotations

from camwatch.core.model import NEVER
from camwatch.core.state import CameraState


class MessageBudget:
    """Keeps the cameras' own `budget` and `budget_until`. Instants are monotonic seconds."""

    def __init__(self, most: int) -> None:
        self.most = most

    def renew(self, camera: CameraState) -> None:
        """Have a run begin with the next message, by the interval that the camera has now."""
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
