"""What Hypothesis draws for the wire: heartbeats that are valid, JSON that need not be."""

from __future__ import annotations

from hypothesis import strategies as st

from camwatch.wire.heartbeat import Heartbeat

FIELDS: dict[str, st.SearchStrategy[object]] = {
    "ts": st.floats(0, 253_402_300_799),
    "seq": st.integers(0, 2**63 - 1),
    "uptime_s": st.floats(0, 1e10),
    "fps": st.floats(0, 240),
    "bitrate_bps": st.floats(0, 1e12),
    "recording": st.booleans(),
    "video_loss": st.booleans(),
    "frozen": st.booleans(),
    "tamper": st.booleans(),
    "storage_used_ratio": st.floats(0, 1),
    "temperature_celsius": st.floats(-60, 150),
    "firmware": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64),
}
"""A strategy for the valid values of each field."""


def heartbeats() -> st.SearchStrategy[Heartbeat]:
    """Draw any valid heartbeat."""
    return st.fixed_dictionaries({}, optional=FIELDS).map(lambda told: Heartbeat(**told))  # type: ignore[arg-type]  # each value is of its field's type


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=80),
)
values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
"""Any JSON value."""


def objects(*names: str) -> st.SearchStrategy[dict[str, object]]:
    """Draw JSON objects in which `names`, and names that nobody knows, have any value."""
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=5), values, max_size=6)
