"""Python loads this at its start where PYTHONPATH names this folder: it then shows another time of day.

How far ahead it is stands in a file, shared with whoever sets it (`tests.support.faults.WallClock`). Steady
clocks are left alone.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

_machine, _machine_ns = time.time, time.time_ns
with Path(os.environ["TESTS_WALL_CLOCK"]).open("rb") as _file:
    _ahead = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)


def _shown() -> float:
    return _machine() + float(struct.unpack("<d", _ahead)[0])


def _shown_ns() -> int:
    return _machine_ns() + round(float(struct.unpack("<d", _ahead)[0]) * 1e9)


time.time = _shown
time.time_ns = _shown_ns
