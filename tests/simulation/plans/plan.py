"""A plan: fleet, links and faults of one simulation, as values.

The same plan is the same simulation, to the last transition. A subset of faults or cameras is a smaller plan
in which everything else is unchanged.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from zoneinfo import ZoneInfo

from tests.simulation.plans.codec import Ms, format_field, format_value
from tests.simulation.plans.faults import BridgeBuffering, BridgeOnline, Fault

PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """A camera as it really is.

    `reports`: which of ts, seq, uptime its heartbeats contain (`whole`: all, uptime in whole seconds; `bare`:
    none). `sends_status`: it sends status messages. `qos1`: with QoS 1. `latency`: how long a message takes.
    `jitter`: by how much its interval varies, at most. `clock_offset`: by how much its clock is ahead.
    """

    id: str
    operator: str
    site: str
    interval: Ms
    reports: str
    sends_status: bool
    qos1: bool
    phase: Ms
    latency: Ms
    jitter: Ms
    clock_offset: Ms


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A link and its broker; `operators` are separated by `+`. `persistent`: the broker keeps its session."""

    name: str
    operators: str
    persistent: bool

    def carries(self, operator: str) -> bool:
        """Return whether it carries an operator's cameras."""
        return operator in self.operators.split("+")


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulation. `begins` is UTC milliseconds; all instants are multiples of `grid` ms.

    `interval` is that of the settings, after which a silent link is pinged (S10). `down_half_intervals` is
    down_after in half intervals. `deadlines_first`: deadlines are checked before messages that arrive at the
    same instant.
    """

    seed: int
    begins: int
    duration: Ms
    grid: int
    deadlines_first: bool
    interval: Ms
    down_half_intervals: int
    will_grace: Ms
    stall_after: Ms
    write_every: Ms
    links: tuple[LinkSpec, ...]
    cameras: tuple[CameraSpec, ...]
    faults: tuple[Fault, ...]

    @property
    def ends(self) -> int:
        """The last instant, UTC milliseconds."""
        return self.begins + self.duration

    def down_after(self, interval: Ms) -> Ms:
        """Return the silence after which a camera of this interval is down."""
        return interval * self.down_half_intervals // 2

    def subset(self, numbers: Collection[int], cameras: Collection[str] | None = None) -> Plan:
        """Return the plan with only these faults, by their number here, and these cameras (None: all)."""
        kept = tuple(spec for spec in self.cameras if cameras is None or spec.id in cameras)
        ids, operators = {spec.id for spec in kept}, {spec.operator for spec in kept}
        return replace(
            self,
            cameras=kept,
            links=tuple(link for link in self.links if any(map(link.carries, operators))) or self.links[:1],
            faults=tuple(
                fault
                for number, fault in enumerate(self.faults)
                if number in numbers
                and getattr(fault, "camera", kept[0].id) in ids
                and (not isinstance(fault, (BridgeBuffering, BridgeOnline)) or fault.operator in operators)
            ),
        )

    def describe(self) -> list[str]:
        """Return it as text: settings, links, cameras, and numbered faults."""
        settings = " ".join(
            format_field(field, getattr(self, field.name))
            for field in fields(self)
            if field.name not in ("links", "cameras", "faults")
        )
        text = [f"plan {settings}", *map(format_value, self.links), *map(format_value, self.cameras)]
        return text + [f"{number:3} {format_value(fault)}" for number, fault in enumerate(self.faults)]
