"""How a figure is shown: the only place that rounds, and it always rounds DOWN.

So 99.9996 % never reads 100 %, and what is shown never promises more than what was. Texts from here are
in no language (a decimal point, `h:mm:ss`); a language only swaps the signs.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

DECIMALS = 3
"""Digits after the point of a percentage."""
_STEPS = 100 * 10**DECIMALS


def percent(part: int, whole: int) -> str | None:
    """Return a ratio in percent, rounded down; None of nothing, never 0 or 100 (rule A2)."""
    if whole <= 0:
        return None
    units, rest = divmod(part * _STEPS // whole, 10**DECIMALS)
    return f"{units}.{rest:0{DECIMALS}}"


def format_objective(objective: float) -> str:
    """Return an objective in percent with all of its digits, at least three after the point."""
    value = Decimal(str(objective)).scaleb(2)
    return f"{value:f}" if -int(value.as_tuple().exponent) > DECIMALS else f"{value:.{DECIMALS}f}"


def duration(milliseconds: int) -> str:
    """Return a duration as h:mm:ss, rounded down to whole seconds (so -0.5 s is -0:00:01)."""
    seconds = milliseconds // 1000
    minutes, second = divmod(abs(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{'-' if seconds < 0 else ''}{hours}:{minute:02}:{second:02}"


def error_budget_ms(objective: float, covered_ms: int) -> int:
    """Return (1 - objective) x covered time in whole milliseconds, rounded down (rule A7)."""
    return int((1 - Fraction(str(objective))) * covered_ms)


def objective_met(objective: float, part: int, whole: int) -> bool | None:
    """Tell whether a ratio reaches the objective, exactly; None of nothing."""
    return part >= Fraction(str(objective)) * whole if whole > 0 else None
