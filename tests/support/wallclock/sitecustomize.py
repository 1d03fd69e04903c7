"""Python loads this at its start where PYTHONPATH names this folder: `time.time` then shows another time.

How far ahead it is stands in a file, shared with whoever sets it (`tests.support.faults.WallClock`). Steady
clocks are left alone.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

_machine = time.time
with Path(os.environ["TESTS_WALL_CLOCK"]).open("rb") as _file:
    _ahead = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)


def _shown() -> float:
    return _machine() + float(struct.unpack("<d", _ahead)[0])


time.time = _shown
