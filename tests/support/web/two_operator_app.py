"""Two operators in one town: a real MonitorService, a real store, and the application as any of them sees it.

Everything of the second operator alone has `zulu` in its id and its name, so that a leak shows.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from camwatch.accounting.records import AttributedCause
from camwatch.core.events import Event
from camwatch.core.model import Lifecycle, Purpose, Status
from camwatch.core.model import Scope as Cover
from camwatch.core.telemetry import SessionStatus
from camwatch.fleet.inventory import Operator, Site
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch, InventorySnapshot
from camwatch.monitoring.service import MonitorService
from camwatch.services.corrections import Author, CorrectionService, MaintenanceRequest
from camwatch.services.history import HistoryService
from camwatch.settings import HistorySettings
from camwatch.web.application import application
from camwatch.web.auth.principal import LOCAL_ADMIN, Principal, Role
from camwatch.web.context import AppContext
from camwatch.web.event_stream import EventStream
from camwatch.web.telemetry_samples import TelemetrySamples
from camwatch.web.thread_pool import ThreadPool
from tests.support.fleet import camera
from tests.support.monitor_fixture import BEGIN_S, City, registered

OURS = "ville"
THEIRS = "zulu-habitat"
MAYOR = Principal("Hélène", Role.EDITOR, frozenset({OURS}))
LANDLORD = Principal("Zoé", Role.EDITOR, frozenset({THEIRS}))
READER = Principal("Luc", Role.VIEWER, frozenset({OURS}))
BEGIN_MS = round(BEGIN_S * 1000)

CAMERAS = [
    *(camera(f"ville-{number}", name=f"Caméra {number}", model="AX-1") for number in range(1, 6)),
    camera("ville-park", site="park", zone="Jas", name="Parc", purpose=Purpose.TRAFFIC),
    camera("ville-plan", lifecycle=Lifecycle.PLANNED, commission_by_ms=BEGIN_MS - 1),
    *(camera(f"zulu-{number}", operator=THEIRS, name=f"Zulu {number}") for number in range(1, 5)),
    *(
        camera(f"zulu-tower-{number}", operator=THEIRS, site="zulu-tower", zone="zulu-zone", name="Zulu haut")
        for number in range(1, 5)
    ),
    camera("zulu-plan", operator=THEIRS, lifecycle=Lifecycle.PLANNED, commission_by_ms=BEGIN_MS - 1000),
    camera("zulu-old", operator=THEIRS, name="zulu", lifecycle=Lifecycle.RETIRED),
]
OPERATORS = [Operator(OURS, "Ville d’Aix", 0.98), Operator(THEIRS, "Zulu Habitat", 0.95)]
SITES = [
    Site("mairie", "Mairie", "centre", 43.52, 5.44),
    Site("park", "Parc Jourdan", "Jas", 43.53, 5.45),
    Site("zulu-tower", "Tour Zulu", "zulu-zone", 43.54, 5.46),
]


class Town(City):
    """The town, an hour and a half into a day on which much went wrong; `store` has all of it."""

    def __init__(self, folder: Path) -> None:
        self.told: list[Event] = []
        inventory = registered(CAMERAS, OPERATORS, sites=SITES)
        super().__init__(
            inventory, links={"main": frozenset({OURS, THEIRS}), "zulu-net": frozenset({THEIRS})}
        )
        self.store = Store.open(HistorySettings(url=f"sqlite:///{folder / 'town.db'}"))
        self.store.acquire_lock()
        self.number = 0
        live: MonitorService = self.watcher
        self.parts = AppContext(
            live=live,
            history=HistoryService(
                self.store.engine,
                self.watcher.timezone,
                lambda: self.watcher.inventory,
                lambda: self.watcher.now.utc_ms,
                {Purpose.TRAFFIC: 0.9},
            ),
            corrections=CorrectionService(self.store.engine, lambda: self.watcher.now.utc_ms),
            events=EventStream(live),
            recent=TelemetrySamples(live),
            threads=ThreadPool(),
            render=self.exposition.render,
            rolling=lambda: self.rolling,
            objectives={Purpose.TRAFFIC: 0.9},
        )
        self.first_id = self.parts.events._new_event_id(0)
        self.watcher.scoped.of(frozenset({OURS}))  # somebody of ours looks on from the beginning
        self.live_on()

    def _happened(self, events: list[Any]) -> None:
        super()._happened(events)
        self.told.extend(events)
        if hasattr(self, "parts"):
            self.parts.events.publish(events)

    def live_on(self) -> None:
        """Let the day pass."""
        everybody = [row.id for row in CAMERAS if row.lifecycle is Lifecycle.IN_SERVICE]
        seq = 0
        for minute in range(90):
            silent: set[str] = set()
            if 20 <= minute < 30:
                silent = {name for name in everybody if name.startswith("zulu-tower")} | {"ville-park"}
            if minute >= 70:
                silent = {"ville-1", "ville-2", "ville-3", "zulu-1", "zulu-2", "zulu-3"}
            for _ in range(6):
                seq += 1
                loud = [name for name in everybody if name not in silent]
                self.beat(*loud, seq=seq, fps=25.0, storage_used_ratio=0.5, temperature_celsius=20.5)
                self.pass_s(10)
            if minute == 40:
                self._blink()
        self.beat("ville-4", "zulu-4", video_loss=True, fps=12.0)
        self.say(SessionStatus.GOODBYE, "ville-5")
        self.link.message("camwatch/v1/zulu-habitat/zulu-stranger/heartbeat", b"", retained=False)
        self.save()
        self._correct()

    def _blink(self) -> None:
        """Lose both links for two minutes, one of them first."""
        now = self.watcher.clock()
        for receiver in self.receivers.values():
            receiver.lost(now, now, "as the test asked")
        self.pass_s(120)
        for receiver in self.receivers.values():
            receiver.subscribed(self.watcher.clock(), session_present=False)

    def save(self) -> None:
        """Store what has happened since the last time."""
        self.watcher.flush_events()
        now = self.watcher.now
        self.number += 1
        roll = InventorySnapshot(tuple(self.watcher.inventory.cameras.values()), (), BEGIN_MS)
        rolls = [roll] if self.number == 1 else []
        self.store.write(Batch(self.number, now.utc_ms, rolls, self.told))
        self.told = []

    def _correct(self) -> None:
        now = self.watcher.now.utc_ms
        _, found = self.parts.history.outage_page(None, from_ms=0, to_ms=now, piece=slice(None))
        for each in found[::-1]:
            theirs = each.camera.operator == THEIRS
            self.parts.corrections.attribute_outage(
                Author("Zulu Martin" if theirs else "Hélène"),
                "zulu fuse" if theirs else "fuse",
                each,
                AttributedCause.POWER,
                excluded=theirs,
            )
        hour = 3_600_000
        for scope, scope_id, why in (
            (Cover.CAMERA, "zulu-4", "zulu works"),
            (Cover.SITE, "zulu-tower", "zulu works"),
            (Cover.OPERATOR, THEIRS, "zulu works"),
            (Cover.SITE, "mairie", "roof"),
            (Cover.CAMERA, "ville-4", "mast"),
        ):
            self.parts.corrections.schedule_maintenance(
                Author("Paul"), why, MaintenanceRequest(scope, scope_id, now + 24 * hour, now + 26 * hour)
            )

    def site(self, viewer: Principal = LOCAL_ADMIN) -> ASGIApp:
        """Return the application as this viewer reaches it."""
        return seen_by(viewer, application(self.parts))

    @contextlib.asynccontextmanager
    async def client(self, viewer: Principal = LOCAL_ADMIN) -> AsyncIterator[httpx.AsyncClient]:
        """Give a client that is this viewer; it calls the application without a socket."""
        transport = httpx.ASGITransport(app=self.site(viewer), raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://camwatch") as client:
            yield client

    def close(self) -> None:
        """Leave nothing behind."""
        self.store.close()

    def ids(self, status: Status) -> list[str]:
        """Return the cameras that have a status now."""
        now = self.watcher.now
        return [name for name, state in self.watcher.fleet.cameras.items() if state.status_at(now) is status]


def seen_by(viewer: Principal, app: ASGIApp) -> ASGIApp:
    """Return the application behind a door that lets everybody in as this viewer."""

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["state"] = {"viewer": viewer}
        await app(scope, receive, send)

    return door


def town(folder: Path) -> Iterator[Town]:
    """Yield a town, for a fixture."""
    built = Town(folder)
    try:
        yield built
    finally:
        built.close()
