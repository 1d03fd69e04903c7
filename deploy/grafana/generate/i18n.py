"""What dashboards say, in French and in English.

Both texts stand side by side where they are used, so that neither is forgotten. Words that many panels share
stand here. Identifiers (operators, sites, cameras) are the inventory's and are shown as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Lang: TypeAlias = Literal["fr", "en"]
LANGUAGES: tuple[Lang, ...] = ("fr", "en")

STATUSES: Mapping[str, tuple[str, str]] = {
    "down": ("En panne", "Down"),
    "unknown": ("Inconnue", "Unknown"),
    "maintenance": ("Maintenance", "Maintenance"),
    "up": ("En marche", "Up"),
    "planned": ("Prévue", "Planned"),
    "retired": ("Retirée", "Retired"),
}
"""Every status, worst first."""

COUNTED: Mapping[str, tuple[str, str]] = {
    **STATUSES,
    "unknown": ("Inconnues", "Unknown"),
    "maintenance": ("En maintenance", "In maintenance"),
    "planned": ("Prévues", "Planned"),
    "retired": ("Retirées", "Retired"),
}
"""The same over a number of cameras."""

REASONS: Mapping[str, tuple[str, str]] = {
    "video_loss": ("Perte vidéo", "Video loss"),
    "frozen": ("Image figée", "Frozen picture"),
    "fps_low": ("Cadence basse", "Low frame rate"),
    "not_recording": ("N’enregistre pas", "Not recording"),
    "tamper": ("Sabotage", "Tampered with"),
    "storage": ("Stockage plein", "Storage full"),
    "temperature": ("Température", "Temperature"),
    "clock": ("Horloge", "Clock"),
}
"""Why a camera is degraded."""

WINDOWS: Mapping[str, tuple[str, str]] = {
    "1h": ("1 h", "1 h"),
    "24h": ("24 h", "24 h"),
    "7d": ("7 j", "7 d"),
    "30d": ("30 j", "30 d"),
    "365d": ("365 j", "365 d"),
}
"""The rolling windows of availability."""


class Translator:
    """Chooses the text of one language."""

    def __init__(self, lang: Lang) -> None:
        self.lang: Lang = lang

    def __call__(self, french: str, english: str) -> str:
        """Return the text of this language."""
        return french if self.lang == "fr" else english

    def status(self, status: str) -> str:
        """Return the word for a status."""
        return self(*STATUSES[status])

    def counted(self, status: str) -> str:
        """Return the words over a number of cameras with a status."""
        return self(*COUNTED[status])

    def reason(self, reason: str) -> str:
        """Return the words for a reason of being degraded."""
        return self(*REASONS[reason])

    def window(self, window: str) -> str:
        """Return the words for a rolling window."""
        return self(*WINDOWS[window])

    def uid(self, page: str) -> str:
        """Return the unique id of a dashboard in this language; part of its address."""
        return f"camwatch-{page}" if self.lang == "fr" else f"camwatch-{page}-en"

    @property
    def other(self) -> Translator:
        """The other language."""
        return Translator("en" if self.lang == "fr" else "fr")
