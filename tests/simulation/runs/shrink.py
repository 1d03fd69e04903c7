"""Shrinks a failing plan to the fewest faults and cameras with which it still fails (delta debugging)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

Fails = Callable[[tuple[int, ...], tuple[str, ...]], bool]
"""Returns whether it still fails with these faults, by number, of these cameras."""


class Shrunk(NamedTuple):
    """What is left, and how many runs that took."""

    faults: tuple[int, ...]
    cameras: tuple[str, ...]
    plays: int


def shrink(faults: Sequence[int], cameras: Sequence[str], fails: Fails, most: int = 400) -> Shrunk:
    """Leave out as much as possible, in at most about `most` runs; the whole is known to fail."""
    search = _Search(fails, most)
    left, seen = tuple(faults), tuple(cameras)
    while True:
        before = left, seen
        seen = search.fewer_cameras(left, seen)
        left = search.fewer_faults(left, seen)
        if (left, seen) == before or search.plays >= most:
            return Shrunk(left, seen, search.plays)


class _Search:
    def __init__(self, fails: Fails, most: int) -> None:
        self.plays = 0
        self._percentile_90 = most
        self._fails = fails

    def fewer_cameras(self, faults: tuple[int, ...], cameras: tuple[str, ...]) -> tuple[str, ...]:
        """Try to leave out each camera but the last."""
        for camera in cameras:
            fewer = tuple(each for each in cameras if each != camera)
            if fewer and self._still_fails(faults, fewer):
                cameras = fewer
        return cameras

    def fewer_faults(self, faults: tuple[int, ...], cameras: tuple[str, ...]) -> tuple[int, ...]:
        """Try to leave out halves, then quarters, and so on, down to single faults."""
        size = max(1, len(faults) // 2)
        while faults:
            start = 0
            while start < len(faults):
                fewer = faults[:start] + faults[start + size :]
                if self._still_fails(fewer, cameras):
                    faults = fewer
                else:
                    start += size
            if size == 1:
                break
            size = max(1, size // 2)
        return faults

    def _still_fails(self, faults: tuple[int, ...], cameras: tuple[str, ...]) -> bool:
        if self.plays >= self._percentile_90:
            return False
        self.plays += 1
        return self._fails(faults, cameras)
