"""How much of a stranger's request is looked at: what it asks for beyond that nobody reads."""

from __future__ import annotations

from camwatch.web.problems import Problem

MOST_QUERY = 4096
"""The longest query, bytes."""
MOST_FIELDS = 50
"""The most parameters of a query."""
MOST_ACCEPT = 200
"""How much is read of each `Accept…` header, bytes; browsers send less."""
MOST_ACCEPT_METRICS = 1024
"""The same for the metrics: Prometheus names many forms."""

_MOST_COOKIES = 4096

_Headers = list[tuple[bytes, bytes]]


def check_query(query: bytes) -> None:
    """Raise Problem (414) for a query that is too long."""
    if len(query) > MOST_QUERY or query.count(b"&") >= MOST_FIELDS:
        most = f"{MOST_QUERY // 1024} KiB and {MOST_FIELDS} parameters"
        raise Problem(414, f"without an account a query has {most} at most")


def cut(headers: _Headers, most: int = MOST_ACCEPT) -> _Headers:
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
