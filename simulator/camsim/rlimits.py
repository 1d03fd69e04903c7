"""The limit of open files: each connection is one, and many systems allow 1,024 by default."""

from __future__ import annotations

import resource

from camsim.errors import LimitError

_SPARE = 200  # files of the process, its event loop and a host program


def raise_open_file_limit(count: int) -> None:
    """Raise this process's soft limit of open files, if it is too low for `count` cameras.

    A camera needs two: it may reconnect before its old connection is closed. Raises LimitError if the hard
    limit forbids it.
    """
    needed = 2 * count + _SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise LimitError(
            f"{needed} open files are needed, the system allows {hard}: raise the hard limit "
            f"(`ulimit -Hn {needed}` as root, or LimitNOFILE= in a systemd unit) or play a smaller fleet"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
