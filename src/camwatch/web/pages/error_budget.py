"""The error budget as pages show it (rule A7)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from camwatch.web.pages.formatting import Language
from camwatch.web.views.history import StatusTimeView


@dataclass(frozen=True, slots=True)
class Budget:
    """What of an error budget is left: milliseconds, as a share of it, and in words."""

    ms: int
    ratio: float
    met: bool
    left: str
    budget: str
    text: str


def budget_of(w: Language, account: StatusTimeView | None, objective: float | None) -> Budget | None:
    """Return an error budget; None without an objective or without covered time (rule A2)."""
    if account is None or objective is None or not account.up_ms + account.down_ms:
        return None
    covered = account.up_ms + account.down_ms
    promised = Fraction(str(objective))
    whole = int((1 - promised) * covered)
    left = whole - account.down_ms
    told = w.format_duration(left) if left >= 0 else w.text("overspent", time=w.format_duration(-left))
    share = w.text("budget_line", left=told, budget=w.format_duration(whole)) if left >= 0 else told
    return Budget(
        left,
        left / whole if whole else 0.0,
        account.up_ms >= promised * covered,
        told,
        w.format_duration(whole),
        share,
    )
