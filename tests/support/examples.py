"""How many examples a property test draws, relative to the profile of the run."""

from __future__ import annotations

from hypothesis import settings

FULL = 100
"""The examples of a test that does not ask for a number, where nothing is left out."""


def examples(count: int) -> settings:
    """Return settings for `count` examples, of which the profile of `make unit` draws its share."""
    return settings(max_examples=max(1, count * settings().max_examples // FULL))
