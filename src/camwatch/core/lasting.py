"""How long an outage lasted, and so whether it counts: one answer for reports, levels and folded days."""

from __future__ import annotations

from collections.abc import Sequence

from camwatch.core.record import OutageRecord
from camwatch.core.timeline import Stretch, account_of


def down_ms(stretches: Sequence[Stretch], outage: OutageRecord, until_ms: int) -> int:
    """Return the down time of an outage up to an instant, of its camera's stretches after all corrections.

    One that has none, since corrected maintenance covers it wholly, is not counted anywhere.
    """
    end_ms = until_ms if outage.end_ms is None else min(outage.end_ms, until_ms)
    return account_of(stretches, outage.at_ms, end_ms).down
