"""The parts of the web application."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from camwatch.accounting.rolling import RollingAccounts
from camwatch.core.model import Purpose
from camwatch.monitoring.service import MonitorService
from camwatch.services.corrections import CorrectionService
from camwatch.services.history import HistoryService
from camwatch.web.event_stream import EventStream
from camwatch.web.request_metrics import RequestMetrics
from camwatch.web.telemetry_samples import TelemetrySamples
from camwatch.web.thread_pool import ThreadPool


@dataclass(frozen=True, slots=True)
class MapSettings:
    """The map's tiles: a template such as `https://tiles.example/{z}/{x}/{y}.png`, and the attribution.

    Without a template the map has no tiles.
    """

    tiles_url: str = ""
    tiles_attribution: str = ""


RenderMetrics: TypeAlias = Callable[[bool], Generator[str]]
"""Yields the exposition in small pieces; the argument selects OpenMetrics."""


@dataclass(frozen=True, slots=True)
class AppContext:
    """Everything that handlers need, at `request.app.state.parts`.

    `access` is the authenticator, `look` the `MapSettings`.
    """

    live: MonitorService
    history: HistoryService
    corrections: CorrectionService
    events: EventStream
    recent: TelemetrySamples
    threads: ThreadPool
    render: RenderMetrics
    rolling: Callable[[], RollingAccounts | None]
    """Returns the operators' accounts over all windows; None until they are derived."""
    requests: RequestMetrics = field(default_factory=RequestMetrics)
    objectives: Mapping[Purpose, float] = field(default_factory=dict)
    access: Any = None
    look: Any = None
