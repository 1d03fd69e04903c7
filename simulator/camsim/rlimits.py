"""Every connection is an open file, and many systems allow 1,024 at first."""

from __future__ import annotations

import resource

from camsim.errors import LimitError

_SPARE = 200  # the process's own files, its event loop, and what a host program has open


def raise_open_file_limit(count: int) -> None:
    """Raise this process's soft limit of open files for `count` cameras; never lower it.

    Two each: a camera that comes back may connect before its old connection is gone.
    Raises LimitError if the hard limit forbids it.
    """
    needed = 2 * count + _SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise LimitError(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
