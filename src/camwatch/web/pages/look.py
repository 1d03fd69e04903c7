"""What the settings say about the pages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """`tiles_url` is a template such as `https://tiles.example/{z}/{x}/{y}.png`; without it the map draws itself."""

    tiles_url: str = ""
    tiles_attribution: str = ""
