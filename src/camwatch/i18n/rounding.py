"""Rounds figures, always DOWN: 99.9996 % never reads 100 %.

These texts do not depend on a language (a decimal point, `h:mm:ss`); `Language` only replaces the signs.
"""

from __future__ import annotations

from decimal import Decimal


def percent(part: int, whole: int, digits: int = 3) -> str | None:
    """Return a ratio in percent, rounded down; None without a whole, never 0 or 100 (rule A2)."""
    if whole <= 0:
        return None
    units, rest = divmod(part * 100 * 10**digits // whole, 10**digits)
    return f"{units}.{rest:0{digits}}"


def format_objective(objective: float, digits: int = 3) -> str:
    """Return an objective in percent with all of its digits, at least `digits` after the point."""
    value = Decimal(str(objective)).scaleb(2)
    return f"{value:f}" if -int(value.as_tuple().exponent) > digits else f"{value:.{digits}f}"


def hours_minutes_seconds(milliseconds: int) -> str:
    """Return a duration as h:mm:ss, rounded down to whole seconds (-0.5 s is -0:00:01)."""
    seconds = milliseconds // 1000
    minutes, second = divmod(abs(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{'-' if seconds < 0 else ''}{hours}:{minute:02}:{second:02}"
