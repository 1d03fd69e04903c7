"""Runs a plan: cameras send, networks fail, camwatch is restarted, event by event in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tests.simulation.checks.state_checker import ViolationError
from tests.simulation.plans.faults import (
    Attribution,
    BridgeOnline,
    Crash,
    Fault,
    HostClockStep,
    LoopStall,
    MaintenanceCorrection,
    Replay,
    Restart,
    StoreOutage,
)
from tests.simulation.plans.plan import Plan
from tests.simulation.world.cameras import CameraTraffic, Message, bridge_online
from tests.simulation.world.daemon_host import DaemonHost
from tests.simulation.world.inventory import InventorySchedule
from tests.simulation.world.links import (
    CONNECTED,
    NONE,
    SUBSCRIBED,
    DelayQueue,
    Link,
    LinkOutage,
    link_outages,
)
from tests.simulation.world.network import NetworkPath

_CONFIRM_MS = 250
_PING_EVERY_MS = 2000
_MAX_ACTIONS_PER_INSTANT = 100_000
_Action = Callable[..., Awaitable[None] | None]


class Simulator:
    """One simulation. `host` runs camwatch."""

    def __init__(self, plan: Plan, url: str) -> None:
        self.plan = plan
        qos1 = frozenset(spec.id for spec in plan.cameras if spec.qos1)
        self.links = {spec.name: Link(spec, qos1, DelayQueue(spec, plan)) for spec in plan.links}
        self.host = DaemonHost(plan, self.links, url)
        self.paths = {spec.id: NetworkPath(spec, plan) for spec in plan.cameras}
        self._stalled_until: int | None = None
        self._store_back: int | None = None
        self._order = 0
        self._queue: list[tuple[int, int, _Action, tuple[Any, ...]]] = []
        self._traffic: dict[str, Iterator[Message]] = {}

    async def run(self) -> None:
        """Run the plan to its end."""
        self._prepare()
        host, actions = self.host, 0
        while self._queue and self._queue[0][0] <= self.plan.ends:
            at, _, action, arguments = heapq.heappop(self._queue)
            at = max(at, host.now)
            actions = actions + 1 if at == host.now else 0
            if actions > _MAX_ACTIONS_PER_INSTANT:
                raise ViolationError("the simulation does not end")
            if host.process is not None and self._stalled_until is None:
                host.advance_to(at)
            else:
                host.now = at
            done = action(*arguments)
            if done is not None:
                await done
        await self._end()

    async def close(self) -> None:
        """Release everything, whatever happened."""
        if self.host.process is not None:
            await self.host.process.end()

    # --- schedule

    def _schedule(self, at: int, action: _Action, *arguments: Any) -> None:
        self._order += 1
        heapq.heappush(self._queue, (at, self._order, action, arguments))

    def _prepare(self) -> None:
        plan, begins = self.plan, self.plan.begins
        self._schedule(begins, self._start)
        for spec in plan.cameras:
            self._traffic[spec.id] = iter(CameraTraffic(spec, plan))
            self._next_message(spec.id)
        for link in self.links.values():
            for cut in link_outages(link.spec, plan):
                self._schedule(cut.since, self._cut, link, cut)
                self._schedule(cut.detected, self._detect_loss, link, cut)
                self._schedule(cut.back, self._restore_link, link)
        for edge in InventorySchedule(plan).changes():
            self._schedule(edge, self._reload)
        for fault in plan.faults:
            self._schedule_fault(fault, begins + fault.at)
        self._schedule(begins + plan.write_every, self._write_periodically)

    def _schedule_fault(self, fault: Fault, at: int) -> None:
        if isinstance(fault, Crash):
            self._schedule(max(self.plan.begins, at - fault.lag), self._write)
            self._schedule(at, self._crash, fault)
        elif isinstance(fault, Replay):
            self._schedule(at, self._replay, fault)
        elif isinstance(fault, MaintenanceCorrection):
            self._schedule(at, self._correct, self.host.add_maintenance, fault)
            if fault.cancelled:
                self._schedule(at + fault.cancelled, self._correct, self.host.cancel_maintenance, fault)
        elif isinstance(fault, Attribution):
            self._schedule(at, self._correct, self.host.attribute_outage, fault)
        elif type(fault) in _ACTIONS:
            self._schedule(at, getattr(self, _ACTIONS[type(fault)]), fault)

    def _defer(self, action: _Action, *arguments: Any) -> bool:
        """Postpone what needs the daemon's loop while that is stalled; return whether it was."""
        if self._stalled_until is None:
            return False
        self._schedule(self._stalled_until, action, *arguments)
        return True

    # --- cameras

    def _next_message(self, camera: str) -> None:
        sent = next(self._traffic[camera], None)
        if sent is not None:
            self._schedule(sent.at, self._send, sent)

    def _send(self, sent: Message) -> None:
        for arrival in self.paths[sent.camera].send(sent):
            if arrival.at <= self.host.now:
                self._arrive(arrival.sent)
            else:
                self._schedule(arrival.at, self._arrive, arrival.sent)
        self._next_message(sent.camera)

    def _arrive(self, sent: Message) -> None:
        operator = sent.topic.split("/")[2]
        for link in self.links.values():
            if link.spec.carries(operator):
                due = link.queue.arrival(self.host.now)
                if due <= self.host.now:
                    self._publish(link, sent)
                else:
                    self._schedule(due, self._publish, link, sent)

    def _publish(self, link: Link, sent: Message) -> None:
        if link.publish(sent, stalled=self._stalled_until is not None):
            self.host.deliver(link, [sent])

    def _bridge_online(self, fault: BridgeOnline) -> None:
        for spec in self.plan.cameras:
            if spec.operator == fault.operator:
                self._arrive(bridge_online(spec, self.host.now))

    def _replay(self, fault: Replay) -> None:
        for arrival in self.paths[fault.camera].replay(fault):
            self._schedule(arrival.at, self._arrive, arrival.sent)

    # --- links

    def _cut(self, link: Link, cut: LinkOutage) -> None:
        link.cut, link.early = True, cut.early

    def _detect_loss(self, link: Link, cut: LinkOutage) -> None:
        if link.state == NONE or self.host.now >= cut.back or self._defer(self._detect_loss, link, cut):
            return
        self.host.lose_link(link)

    def _restore_link(self, link: Link) -> None:
        link.cut = False
        if link.state == NONE:
            self._connect(link)
        elif self._stalled_until is not None:
            link.inbox += link.take_in_flight()
        elif burst := link.take_in_flight():
            self.host.deliver(link, burst)

    def _connect(self, link: Link) -> None:
        if self.host.process is None or link.state != NONE or self._defer(self._connect, link):
            return
        if link.cut:
            return
        link.state = CONNECTED
        if not link.early or not link.spec.persistent or not link.session_known:
            self._subscribe(link)
            return
        if burst := link.take_kept():
            self.host.deliver(link, burst)
        self._schedule(self.host.now + _CONFIRM_MS, self._confirm, link, self.host.starts)

    def _confirm(self, link: Link, start: int) -> None:
        if link.state != CONNECTED or start != self.host.starts or self._defer(self._confirm, link, start):
            return
        if link.cut:
            link.drop()
        else:
            self._subscribe(link)

    def _subscribe(self, link: Link) -> None:
        self.host.subscribe(link)
        self._ask(link, link.sessions)

    def _ask(self, link: Link, session: int) -> None:
        """Ping until the backlog of a session has arrived (S11)."""
        if link.state != SUBSCRIBED or link.sessions != session or not self.host.is_catching_up(link):
            return
        asked = self.host.now
        self._schedule(link.queue.through(asked) + _CONFIRM_MS, self._answer, link, session, asked)

    def _answer(self, link: Link, session: int, asked: int) -> None:
        if link.state != SUBSCRIBED or link.sessions != session:
            return
        if self._defer(self._answer, link, session, asked):
            return
        if not link.cut:
            self.host.answer_ping(link, asked)
        self._schedule(self.host.now + _PING_EVERY_MS, self._ask, link, session)

    # --- the daemon

    async def _start(self) -> None:
        host = self.host
        if host.process is not None:
            return
        if self._store_back is not None:
            self._schedule(max(self._store_back, host.now + 1000), self._start)
            return
        await host.start()
        for number, link in enumerate(self.links.values()):
            link.early = host.starts % 2 == 0
            self._schedule(host.now + 1000 * (1 + (host.starts + number) % 3), self._connect, link)

    async def _stop(self, fault: Restart) -> None:
        if self.host.process is None or self._defer(self._stop, fault):
            return
        await self.host.stop()
        self._schedule(self.host.now + fault.duration, self._start)

    async def _crash(self, fault: Crash) -> None:
        if self.host.process is None:
            return
        await self.host.crash(-1 if self._stalled_until is not None else fault.statement)
        self._stalled_until = None
        self._schedule(self.host.now + fault.duration, self._start)

    def _stall(self, fault: LoopStall) -> None:
        if self.host.process is None or self._stalled_until is not None:
            return
        self.host.run_loop()
        self._stalled_until = self.host.now + fault.duration
        self._schedule(self._stalled_until, self._wake, fault, self._stalled_until)

    def _wake(self, fault: LoopStall, due: int) -> None:
        if self._stalled_until != due:
            return  # it was killed during the stall
        self._stalled_until = None
        if not fault.packets:
            self.host.run_loop()
        for link in self.links.values():
            burst = link.take_inbox()
            if burst:
                self.host.deliver(link, burst)
        self.host.run_loop()

    async def _write_periodically(self) -> None:
        await self._write()
        self._schedule(self.host.now + self.plan.write_every, self._write_periodically)

    async def _write(self) -> None:
        if self.host.process is not None and self._stalled_until is None:
            await self.host.write()

    async def _lose_store(self, fault: StoreOutage) -> None:
        if self.host.process is None or self._store_back is not None or self._defer(self._lose_store, fault):
            return
        self._store_back = self.host.now + fault.duration
        self._schedule(self._store_back, self._restore_store)
        await self.host.lose_store(stored=fault.stored)

    async def _restore_store(self) -> None:
        if self._defer(self._restore_store):
            return
        self._store_back = None
        if self.host.process is not None:
            await self.host.restore_store()

    def _step_host_clock(self, fault: HostClockStep) -> None:
        self.host.wall_ahead += fault.by
        if self.host.process is not None and self._stalled_until is None:
            self.host.run_loop()

    # --- corrections

    async def _reload(self) -> None:
        if self.host.process is None or self._defer(self._reload):
            return
        self.host.run_loop()
        self.host.reload()

    async def _correct(
        self, action: Callable[[Any], None], fault: MaintenanceCorrection | Attribution
    ) -> None:
        action(fault)
        await self._write()

    async def _end(self) -> None:
        host = self.host
        host.now = max(host.now, self.plan.ends)
        if host.process is None:
            return
        if self._stalled_until is not None:
            self._stalled_until = None
        if self._store_back is not None:
            await host.restore_store()
        await host.stop()


_ACTIONS: dict[type[object], str] = {
    Restart: "_stop",
    LoopStall: "_stall",
    StoreOutage: "_lose_store",
    HostClockStep: "_step_host_clock",
    BridgeOnline: "_bridge_online",
}
