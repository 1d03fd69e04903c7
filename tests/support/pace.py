"""How much slower than usual the tests on the real clock run: `SCALE`, by how late this machine is.

Every interval, pause and patience of such a test is a multiple of it. `CAMWATCH_TEST_SCALE` sets it.
"""

from __future__ import annotations

import os
import time

VARIABLE = "CAMWATCH_TEST_SCALE"

TICK_S = 0.01
WORK_S = 0.0005
"""A little work with each tick: a thread that only sleeps is not kept waiting where others are."""

_USUAL_S = 0.025
"""How late a tick may be where intervals of 0.2 s are kept."""
_MOST = 8.0


def late_s(due: float) -> float:
    """Do a tick's work that was `due`, and return how much later than on an idle machine it is done."""
    done = time.thread_time() + WORK_S
    while time.thread_time() < done:
        pass
    return max(0.0, time.monotonic() - due - WORK_S)


def measured(for_s: float = 0.4) -> float:
    """Return the scale that fits this machine now, by the latest tick."""
    end, worst = time.monotonic() + for_s, 0.0
    while (due := time.monotonic() + TICK_S) < end:
        time.sleep(TICK_S)
        worst = max(worst, late_s(due))
    return scale_for(worst)


def scale_for(worst_s: float) -> float:
    """Return the scale for a machine whose ticks are at worst this late: whole, from 1 to 8."""
    return float(min(_MOST, max(1, round(worst_s / _USUAL_S))))


def fixed() -> float:
    """Return the scale of this run, measured once: worker processes get the environment."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = str(measured())
    return float(os.environ[VARIABLE])


SCALE = fixed()

PATIENCE_S = 120.0 * SCALE
"""How long tests wait for what must come about: no test fails because it came late."""
