"""How many messages one camera may send, so that none costs what others need.

More than `most` messages of one camera within one of its intervals are not looked at. Late ones are not
counted, however many: after a restart, or a line that was cut, hours of them come at once and fill the
record (rule S9).

A message that follows a proof by more than interval / `most` needs no counting: no more of them fit into an
interval than may be sent. So a camera that keeps its pace costs one comparison, with its `crowd_s`. The first
message that comes sooner, or is refused, opens a span of one interval, in which all are counted.
"""

from __future__ import annotations

from math import inf

from camwatch.core.liveness import NEVER
from camwatch.core.model import Instant
from camwatch.core.signal import Telemetry
from camwatch.core.state import CameraState


class Budget:
    """Counts in the cameras' own `crowd`, `crowd_s` and `crowd_until`. Instants are monotonic seconds."""

    def __init__(self, most: int) -> None:
        self.most = most

    def renew(self, camera: CameraState) -> None:
        """Begin anew for a camera, by the interval that it has now."""
        camera.crowd = 0
        camera.crowd_until = NEVER
        camera.crowd_s = camera.interval_s / self.most

    def counts(self, camera: CameraState, now: float) -> bool:
        """Tell whether a message that arrives `now` is one of those that are counted."""
        if now >= camera.crowd_until:
            self.renew(camera)
        return now - camera.proof <= camera.crowd_s

    def count(self, camera: CameraState, now: float, crowded: bool) -> None:
        """Count a message; the first opens a span.

        `crowded`: what `counts` said of it. Where it crowds a proof, that was the first.
        """
        if now >= camera.crowd_until:
            camera.crowd = int(crowded)
            camera.crowd_until = now + camera.interval_s
            camera.crowd_s = inf
        camera.crowd += 1


def is_late(camera: CameraState, said: Telemetry, now: Instant) -> bool:
    """Tell whether a heartbeat was sent more than an interval ago, by its camera's clock."""
    apart = 0.0 if camera.clock_offset == inf else camera.clock_offset
    return said.ts is not None and now.utc_ms / 1000 - said.ts - apart > camera.interval_s
