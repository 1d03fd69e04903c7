"""What the settings say about the pages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MapSettings:
    """The map's tiles: a template such as `https://tiles.example/{z}/{x}/{y}.png`, and who is to be named.

    Without a template the map draws itself.
    """

    tiles_url: str = ""
    tiles_attribution: str = ""
