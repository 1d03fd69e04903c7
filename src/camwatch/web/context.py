"""The parts that the window is made of."""

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
    """The map's tiles: a template such as `https://tiles.example/{z}/{x}/{y}.png`, and who is to be named.

    Without a template the map draws itself.
    """

    tiles_url: str = ""
    tiles_attribution: str = ""


RenderMetrics: TypeAlias = Callable[[bool], Generator[str]]
"""Give the exposition in small pieces; the argument asks for OpenMetrics."""


@dataclass(frozen=True, slots=True)
class AppContext:
    """What the window is made of; `app` hands it over.

    `access` and `look` are the settings of the rooms `web.auth` and `web.pages`. Handlers find the parts
    at `request.app.state.parts`.
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
