"""What nobody tells, and so is looked at: links, sight, the inventory."""

from __future__ import annotations

from collections.abc import Iterator

from camwatch.web.house import Live
from camwatch.web.views.events import ScopedEvent, inventory_event, link_event, visibility_event
from camwatch.web.views.links import strain_of


class ChangePoller:
    """What differs from the last look."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._links = self._problems()
        self._dark = self._sights()
        self._loaded = live.last_reload

    def poll(self) -> Iterator[ScopedEvent]:
        """Yield what has changed since the last look."""
        links, dark = self._problems(), self._sights()
        if links != self._links:
            for name in links:
                if links[name] != self._links.get(name, links[name]):
                    yield link_event(self._live, name)
            self._links = links
        if dark != self._dark:
            yield visibility_event(self._live, self._dark | dark)
            self._dark = dark
        if self._live.last_reload != self._loaded:
            self._loaded = self._live.last_reload
            yield inventory_event(self._live)

    def _problems(self) -> dict[str, tuple[str | None, str]]:
        links = self._live.fleet.links
        return {
            name: (report.problem, strain_of(links[name])) for name, report in self._live.link_reports.items()
        }

    def _sights(self) -> dict[str, int]:
        """Return since when each operator's cameras are out of sight, where they are."""
        return {
            operator: sight.blind_since.utc_ms
            for sight in self._live.fleet.blind_groups
            if sight.blind_since is not None
            for operator in sight.operators
        }
