"""How much of a stranger's request is looked at: what it asks for beyond that nobody reads."""

from __future__ import annotations

from camwatch.web.problems import ProblemError

MAX_QUERY_BYTES = 4096
"""The longest query, bytes."""
MAX_QUERY_FIELDS = 50
"""The most parameters of a query."""
MAX_ACCEPT_BYTES = 200
"""How much is read of each `Accept…` header, bytes; browsers send less."""
MAX_ACCEPT_METRICS_BYTES = 1024
"""The same for the metrics: Prometheus names many forms."""

_MOST_COOKIES = 4096

_Headers = list[tuple[bytes, bytes]]


def check_query(query: bytes) -> None:
    """Raise Problem (414) for a query that is too long."""
    if len(query) > MAX_QUERY_BYTES or query.count(b"&") >= MAX_QUERY_FIELDS:
        most = f"{MAX_QUERY_BYTES // 1024} KiB and {MAX_QUERY_FIELDS} parameters"
        raise ProblemError(414, f"without an account a query has {most} at most")


def cut(headers: _Headers, most: int = MAX_ACCEPT_BYTES) -> _Headers:
    """Return the headers; of those that list things, cookies too, the first bytes of each name's values."""
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
