"""Lets a plan happen: cameras speak, networks fail, camwatch lives and dies, step by step as time goes on."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tests.simulation.checks.state_checker import ViolationError
from tests.simulation.plans.faults import (
    Attributes,
    Corrects,
    Crashes,
    Fault,
    Greets,
    LosesStore,
    Replays,
    SetsWall,
    Stalls,
    Stops,
)
from tests.simulation.plans.plan import Plan
from tests.simulation.world.cameras import Sent, Speech, greeting
from tests.simulation.world.daemon_host import Machine
from tests.simulation.world.inventory import Office
from tests.simulation.world.links import CONNECTED, NONE, SUBSCRIBED, Cut, Queue, Wire, cuts
from tests.simulation.world.network import Road

_CONFIRM = 250
_AGAIN = 2000
_ACTS_AT_ONCE = 100_000
_Act = Callable[..., Awaitable[None] | None]


class World:
    """One simulation. `machine` is camwatch's."""

    def __init__(self, plan: Plan, url: str) -> None:
        self.plan = plan
        sure = frozenset(device.id for device in plan.devices if device.sure)
        self.wires = {line.name: Wire(line, sure, Queue(line, plan)) for line in plan.lines}
        self.machine = Machine(plan, self.wires, url)
        self.roads = {device.id: Road(device, plan) for device in plan.devices}
        self._asleep_until: int | None = None
        self._store_back: int | None = None
        self._order = 0
        self._coming: list[tuple[int, int, _Act, tuple[Any, ...]]] = []
        self._speech: dict[str, Iterator[Sent]] = {}

    async def run(self) -> None:
        """Let everything happen."""
        self._prepare()
        machine, acts = self.machine, 0
        while self._coming and self._coming[0][0] <= self.plan.ends:
            at, _, act, arguments = heapq.heappop(self._coming)
            at = max(at, machine.now)
            acts = acts + 1 if at == machine.now else 0
            if acts > _ACTS_AT_ONCE:
                raise ViolationError("the simulation does not come to an end")
            if machine.process is not None and self._asleep_until is None:
                machine.passes_to(at)
            else:
                machine.now = at
            done = act(*arguments)
            if done is not None:
                await done
        await self._end()

    async def close(self) -> None:
        """Let go of everything, whatever happened."""
        if self.machine.process is not None:
            await self.machine.process.end()

    # --- what is to come

    def _at(self, at: int, act: _Act, *arguments: Any) -> None:
        self._order += 1
        heapq.heappush(self._coming, (at, self._order, act, arguments))

    def _prepare(self) -> None:
        plan, begins = self.plan, self.plan.begins
        self._at(begins, self._start)
        for device in plan.devices:
            self._speech[device.id] = iter(Speech(device, plan))
            self._next_word(device.id)
        for line in plan.lines:
            for cut in cuts(line, plan):
                self._at(cut.since, self._cut, self.wires[line.name], cut)
                self._at(cut.noticed, self._notice, self.wires[line.name], cut)
                self._at(cut.back, self._back, self.wires[line.name])
        for edge in Office(plan).changes():
            self._at(edge, self._reload)
        for fault in plan.faults:
            self._expect(fault, begins + fault.at)
        self._at(begins + plan.write_every, self._write_on)

    def _expect(self, fault: Fault, at: int) -> None:
        if isinstance(fault, Crashes):
            self._at(max(self.plan.begins, at - fault.lag), self._write)
            self._at(at, self._crash, fault)
        elif isinstance(fault, Replays):
            self._at(at, self._replay, fault)
        elif isinstance(fault, Corrects):
            self._at(at, self._correct, self.machine.corrects, fault)
            if fault.cancelled:
                self._at(at + fault.cancelled, self._correct, self.machine.cancels, fault)
        elif isinstance(fault, Attributes):
            self._at(at, self._correct, self.machine.attributes, fault)
        elif type(fault) in _ACTS:
            self._at(at, getattr(self, _ACTS[type(fault)]), fault)

    def _later(self, act: _Act, *arguments: Any) -> bool:
        """Put off what needs the daemon's loop while that stands still; return whether it was."""
        if self._asleep_until is None:
            return False
        self._at(self._asleep_until, act, *arguments)
        return True

    # --- cameras

    def _next_word(self, camera: str) -> None:
        sent = next(self._speech[camera], None)
        if sent is not None:
            self._at(sent.at, self._say, sent)

    def _say(self, sent: Sent) -> None:
        for arrival in self.roads[sent.camera].take(sent):
            if arrival.at <= self.machine.now:
                self._arrive(arrival.sent)
            else:
                self._at(arrival.at, self._arrive, arrival.sent)
        self._next_word(sent.camera)

    def _arrive(self, sent: Sent) -> None:
        operator = sent.topic.split("/")[2]
        for wire in self.wires.values():
            if wire.line.carries(operator):
                due = wire.queue.arrival(self.machine.now)
                if due <= self.machine.now:
                    self._publish(wire, sent)
                else:
                    self._at(due, self._publish, wire, sent)

    def _publish(self, wire: Wire, sent: Sent) -> None:
        if wire.publish(sent, asleep=self._asleep_until is not None):
            self.machine.hand(wire, [sent])

    def _greet(self, fault: Greets) -> None:
        for device in self.plan.devices:
            if device.operator == fault.operator:
                self._arrive(greeting(device, self.machine.now))

    def _replay(self, fault: Replays) -> None:
        for arrival in self.roads[fault.camera].again(fault):
            self._at(arrival.at, self._arrive, arrival.sent)

    # --- links

    def _cut(self, wire: Wire, cut: Cut) -> None:
        wire.cut, wire.early = True, cut.early

    def _notice(self, wire: Wire, cut: Cut) -> None:
        if wire.state == NONE or self.machine.now >= cut.back or self._later(self._notice, wire, cut):
            return
        self.machine.loses(wire)

    def _back(self, wire: Wire) -> None:
        wire.cut = False
        if wire.state == NONE:
            self._connect(wire)
        elif self._asleep_until is not None:
            wire.inbox += wire.thaw()
        elif burst := wire.thaw():
            self.machine.hand(wire, burst)

    def _connect(self, wire: Wire) -> None:
        if self.machine.process is None or wire.state != NONE or self._later(self._connect, wire):
            return
        if wire.cut:
            return
        wire.state = CONNECTED
        if not wire.early or not wire.line.keeps or not wire.known:
            self._subscribe(wire)
            return
        if burst := wire.flow():
            self.machine.hand(wire, burst)
        self._at(self.machine.now + _CONFIRM, self._confirm, wire, self.machine.starts)

    def _confirm(self, wire: Wire, start: int) -> None:
        if wire.state != CONNECTED or start != self.machine.starts or self._later(self._confirm, wire, start):
            return
        if wire.cut:
            wire.drop()
        else:
            self._subscribe(wire)

    def _subscribe(self, wire: Wire) -> None:
        self.machine.subscribes(wire)
        self._ask(wire, wire.sessions)

    def _ask(self, wire: Wire, session: int) -> None:
        """Ask for a packet, until what a session kept is through (S11)."""
        if wire.state != SUBSCRIBED or wire.sessions != session or not self.machine.waits(wire):
            return
        asked = self.machine.now
        self._at(wire.queue.through(asked) + _CONFIRM, self._answer, wire, session, asked)

    def _answer(self, wire: Wire, session: int, asked: int) -> None:
        if wire.state != SUBSCRIBED or wire.sessions != session:
            return
        if self._later(self._answer, wire, session, asked):
            return
        if not wire.cut:
            self.machine.answers(wire, asked)
        self._at(self.machine.now + _AGAIN, self._ask, wire, session)

    # --- the daemon

    async def _start(self) -> None:
        machine = self.machine
        if machine.process is not None:
            return
        if self._store_back is not None:
            self._at(max(self._store_back, machine.now + 1000), self._start)
            return
        await machine.start()
        for number, wire in enumerate(self.wires.values()):
            wire.early = machine.starts % 2 == 0
            self._at(machine.now + 1000 * (1 + (machine.starts + number) % 3), self._connect, wire)

    async def _stop(self, fault: Stops) -> None:
        if self.machine.process is None or self._later(self._stop, fault):
            return
        await self.machine.stop()
        self._at(self.machine.now + fault.lasts, self._start)

    async def _crash(self, fault: Crashes) -> None:
        if self.machine.process is None:
            return
        await self.machine.crash(-1 if self._asleep_until is not None else fault.statement)
        self._asleep_until = None
        self._at(self.machine.now + fault.lasts, self._start)

    def _stall(self, fault: Stalls) -> None:
        if self.machine.process is None or self._asleep_until is not None:
            return
        self.machine.loops()
        self._asleep_until = self.machine.now + fault.lasts
        self._at(self._asleep_until, self._wake, fault, self._asleep_until)

    def _wake(self, fault: Stalls, due: int) -> None:
        if self._asleep_until != due:
            return  # it was killed in its sleep
        self._asleep_until = None
        if not fault.packets:
            self.machine.loops()
        for wire in self.wires.values():
            burst = wire.wake()
            if burst:
                self.machine.hand(wire, burst)
        self.machine.loops()

    async def _write_on(self) -> None:
        await self._write()
        self._at(self.machine.now + self.plan.write_every, self._write_on)

    async def _write(self) -> None:
        if self.machine.process is not None and self._asleep_until is None:
            await self.machine.write()

    async def _lose_store(self, fault: LosesStore) -> None:
        if (
            self.machine.process is None
            or self._store_back is not None
            or self._later(self._lose_store, fault)
        ):
            return
        self._store_back = self.machine.now + fault.lasts
        self._at(self._store_back, self._have_store)
        await self.machine.loses_store(stored=fault.stored)

    async def _have_store(self) -> None:
        if self._later(self._have_store):
            return
        self._store_back = None
        if self.machine.process is not None:
            await self.machine.has_store()

    def _set_wall(self, fault: SetsWall) -> None:
        self.machine.wall_ahead += fault.by
        if self.machine.process is not None and self._asleep_until is None:
            self.machine.loops()

    # --- people

    async def _reload(self) -> None:
        if self.machine.process is None or self._later(self._reload):
            return
        self.machine.loops()
        self.machine.reload()

    async def _correct(self, act: Callable[[Any], None], fault: Corrects | Attributes) -> None:
        act(fault)
        await self._write()

    async def _end(self) -> None:
        machine = self.machine
        machine.now = max(machine.now, self.plan.ends)
        if machine.process is None:
            return
        if self._asleep_until is not None:
            self._asleep_until = None
        if self._store_back is not None:
            await machine.has_store()
        await machine.stop()


_ACTS: dict[type[object], str] = {
    Stops: "_stop",
    Stalls: "_stall",
    LosesStore: "_lose_store",
    SetsWall: "_set_wall",
    Greets: "_greet",
}
