"""The formats of a report."""

from __future__ import annotations

from enum import StrEnum


class ReportFormat(StrEnum):
    """A format of a report."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"

    @property
    def media_type(self) -> str:
        """The media type for HTTP."""
        types = {ReportFormat.TABLE: "text/plain; charset=utf-8", ReportFormat.JSON: "application/json"}
        return types.get(self, f"text/{self.value}; charset=utf-8")

    @property
    def ending(self) -> str:
        """The file name extension, without the dot."""
        return "txt" if self is ReportFormat.TABLE else self.value
