"""A plan: the fleet, the links and the faults of one simulation, before anything happens. Values only.

The same plan is the same simulation, to the last transition. Leaving out faults or cameras makes a smaller
plan in which everything else stays where it was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from zoneinfo import ZoneInfo

from tests.simulation.plans.codec import Ms, spell, spelled
from tests.simulation.plans.faults import Fault, Greets, Holds

PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True, slots=True)
class Device:
    """A camera as it really is.

    `says`: which of ts, seq, uptime its heartbeats tell (`whole`: all, uptime in whole seconds; `bare`:
    nothing). `speaks`: it sends status words. `sure`: with QoS 1. `latency`: how long a message takes.
    `wobble`: by how much its interval varies, at most. `off`: its clock is ahead by so much.
    """

    id: str
    operator: str
    site: str
    interval: Ms
    says: str
    speaks: bool
    sure: bool
    phase: Ms
    latency: Ms
    wobble: Ms
    off: Ms


@dataclass(frozen=True, slots=True)
class Line:
    """A link, with its broker; `operators` separated by `+`. `keeps`: its session is persistent."""

    name: str
    operators: str
    keeps: bool

    def carries(self, operator: str) -> bool:
        """Whether the cameras of an operator are heard over it."""
        return operator in self.operators.split("+")


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulation. `begins` is UTC milliseconds; `grid`: all instants are multiples of so many ms.

    `interval` is that of the settings, and so after how long a silent link is asked (rule S10). `half_steps`
    is down_after, doubled. `eager`: what is due at an instant is looked at before what arrives at it.
    """

    seed: int
    begins: int
    lasts: Ms
    grid: int
    eager: bool
    interval: Ms
    half_steps: int
    hold: Ms
    stall_after: Ms
    write_every: Ms
    lines: tuple[Line, ...]
    devices: tuple[Device, ...]
    faults: tuple[Fault, ...]

    @property
    def ends(self) -> int:
        """The last instant, UTC milliseconds."""
        return self.begins + self.lasts

    def down_after(self, interval: Ms) -> Ms:
        """Return the silence that convicts a camera of this interval."""
        return interval * self.half_steps // 2

    def keeping(self, numbers: Collection[int], devices: Collection[str] | None = None) -> Plan:
        """Return the plan with these faults only, by their number here, and these cameras (None: all)."""
        kept = tuple(device for device in self.devices if devices is None or device.id in devices)
        ids, operators = {device.id for device in kept}, {device.operator for device in kept}
        return replace(
            self,
            devices=kept,
            lines=tuple(line for line in self.lines if any(map(line.carries, operators))) or self.lines[:1],
            faults=tuple(
                fault
                for number, fault in enumerate(self.faults)
                if number in numbers
                and getattr(fault, "camera", kept[0].id) in ids
                and (not isinstance(fault, (Holds, Greets)) or fault.operator in operators)
            ),
        )

    def lines_of_text(self) -> list[str]:
        """Return all of it, for people: settings, links, cameras, and the faults with their numbers."""
        settings = " ".join(
            spelled(field, getattr(self, field.name))
            for field in fields(self)
            if field.name not in ("lines", "devices", "faults")
        )
        text = [f"plan {settings}", *map(spell, self.lines), *map(spell, self.devices)]
        return text + [f"{number:3} {spell(fault)}" for number, fault in enumerate(self.faults)]
