"""What people say with a correction: who they are, and why. It is kept for good, and printed in reports."""

from __future__ import annotations

import unicodedata

from camwatch.errors import CorrectionError

MAX_TEXT = 500
"""The longest name or reason, in characters."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # that some scripts, and some signs made of several, are not written without


def check_text(name: str, text: str) -> None:
    """Raise CorrectionError where a text cannot be kept."""
    if not text.strip():
        raise CorrectionError(f"{name} is empty: every correction says who makes it, and why")
    if len(text) > MAX_TEXT:
        raise CorrectionError(f"{name} is too long: {len(text)} characters, at most {MAX_TEXT} are kept")
    if any(map(_is_unseen, text)):
        raise CorrectionError(f"{name} holds a line break or another character that is not seen: remove it")


def _is_unseen(character: str) -> bool:
    """Tell whether a character breaks the line, or changes how others are read without being seen."""
    return unicodedata.category(character) in _UNSEEN and character not in _JOINERS
