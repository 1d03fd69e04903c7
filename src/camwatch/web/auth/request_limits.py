"""Limits on anonymous requests, so that parsing them stays cheap."""

from __future__ import annotations

from camwatch.web.problems import ProblemError

MAX_QUERY_BYTES = 4096
"""Maximum query, bytes."""
MAX_QUERY_FIELDS = 50
"""Maximum parameters of a query."""
MAX_ACCEPT_BYTES = 200
"""Bytes that are read of each `Accept…` header; browsers send less."""
MAX_ACCEPT_METRICS_BYTES = 1024
"""The same for the metrics: Prometheus lists many formats."""

_MOST_COOKIES = 4096

_Headers = list[tuple[bytes, bytes]]


def check_query(query: bytes) -> None:
    """Raise ProblemError (414) if a query is too long."""
    if len(query) > MAX_QUERY_BYTES or query.count(b"&") >= MAX_QUERY_FIELDS:
        most = f"{MAX_QUERY_BYTES // 1024} KiB and {MAX_QUERY_FIELDS} parameters"
        raise ProblemError(414, f"without an account a query has {most} at most")


def cut(headers: _Headers, most: int = MAX_ACCEPT_BYTES) -> _Headers:
    """Return the headers, `Accept…` and cookies truncated."""
    left: dict[bytes, int] = {}
    kept = []
    for name, value in headers:
        if name == b"cookie" or name.startswith(b"accept"):
            room = left.setdefault(name, _MOST_COOKIES if name == b"cookie" else most)
            left[name] = room - len(value[:room])
            kept.append((name, value[:room]))
        else:
            kept.append((name, value))
    return kept
