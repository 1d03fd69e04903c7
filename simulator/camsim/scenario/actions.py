"""Everything that can befall cameras: the actions of a scenario, their parameters, and their documentation.

The reader, the JSON Schema and the table in the documentation come from here; what an action does to a
device is in `camsim.schedule`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from camsim.scenario.value_types import FLAG, Kind, duration, number, share, text

REQUIRED: Final = object()
"""The default of a parameter that must be given."""

_BOOT = duration(0.001)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an action; `tells` is a sentence for people."""

    kind: Kind
    tells: str
    default: object = REQUIRED


@dataclass(frozen=True, slots=True)
class Action:
    """One kind of thing that can happen. One that `lasts` may have `for`; `fleet`: it befalls no camera."""

    tells: str
    lasts: bool = True
    fleet: bool = False
    parameters: dict[str, Parameter] = field(default_factory=dict)


_TAKES = Parameter(_BOOT, "how long a camera takes to boot", 20.0)
_SOME = Parameter(share(), "of which share of the heartbeats", 1.0)

ACTIONS: Final[dict[str, Action]] = {
    "power_cut": Action(
        "The power is off: the connection drops, and the camera boots when power returns.",
        parameters={
            "silent": Parameter(
                FLAG, "the switch loses its power too: no connection is closed", default=False
            )
        },
    ),
    "network_cut": Action(
        "The camera lives, and its packets go nowhere: no connection is closed. It says nothing of it later."
    ),
    "uplink_cut": Action("The switch or the uplink of a site is cut: a network cut of all that stand there."),
    "reboot": Action(
        "The camera restarts once.",
        lasts=False,
        parameters={
            "takes": _TAKES,
            "goodbye": Parameter(FLAG, "it says goodbye before, as after a command", default=False),
        },
    ),
    "reboot_loop": Action(
        "The camera restarts again and again.",
        parameters={
            "up": Parameter(_BOOT, "how long it lives each time", 60.0),
            "takes": _TAKES,
        },
    ),
    "flap": Action(
        "The power goes off and on, again and again.",
        parameters={
            "off_for": Parameter(_BOOT, "how long it is off each time", 60.0),
            "on_for": Parameter(_BOOT, "how long it is on each time", 30.0),
        },
    ),
    "commission": Action("Planned cameras go live.", lasts=False),
    "reconnect": Action("The cameras drop their connections and come back at once.", lasts=False),
    "frozen": Action("The picture does not change any more."),
    "video_loss": Action("The sensor gives no picture."),
    "tamper": Action("The camera is covered, turned away or out of focus."),
    "low_fps": Action(
        "Few pictures a second.",
        parameters={"fps": Parameter(number(0, 240), "pictures a second", 2.0)},
    ),
    "not_recording": Action("The pictures are not being kept."),
    "storage_fills": Action(
        "The storage fills evenly, and stays full.",
        parameters={
            "within": Parameter(_BOOT, "how long that takes", 3600.0),
            "to": Parameter(share(), "how full it becomes", 0.99),
        },
    ),
    "overheating": Action(
        "The housing is too hot.",
        parameters={"celsius": Parameter(number(-60, 150), "its temperature", 85.0)},
    ),
    "clock_drift": Action(
        "The camera's clock runs too fast (or, below 0, too slow), and is set right at the end.",
        parameters={"ppm": Parameter(number(-1e6, 1e6), "microseconds a second", 500.0)},
    ),
    "clock_jump": Action(
        "The camera's clock is wrong, and is set right at the end.",
        parameters={"by": Parameter(duration(-1e9), "by how much it is ahead (below 0: behind)")},
    ),
    "loss": Action("Heartbeats are lost on their way.", parameters={"share": _SOME}),
    "jitter": Action(
        "Heartbeats are sent unevenly.",
        parameters={"share": Parameter(share(0.45), "by which share of the interval, either way", 0.2)},
    ),
    "delay": Action(
        "The network is slow: what is said arrives later.",
        parameters={
            "by": Parameter(duration(), "by how much at least", 0.5),
            "plus": Parameter(duration(), "and by how much more at most, evenly drawn", 0.0),
        },
    ),
    "lag": Action(
        "The way from the broker lags: all that the cameras say arrives later, in order, also what a camera "
        "said before it died; at the end all at once.",
        parameters={
            "by": Parameter(duration(), "by how much at the beginning", 15.0),
            "up_to": Parameter(duration(), "by how much at the end, growing evenly", 40.0),
            "plus": Parameter(duration(), "and by how much more at most, unevenly", 5.0),
        },
    ),
    "duplicate": Action("Heartbeats arrive twice.", parameters={"share": _SOME}),
    "reorder": Action(
        "Heartbeats arrive after the one that was sent after them.", parameters={"share": _SOME}
    ),
    "malformed": Action(
        "Heartbeats are cut off, or no JSON, or have wrong types.", parameters={"share": _SOME}
    ),
    "oversized": Action("Heartbeats are larger than 16 KiB.", parameters={"share": _SOME}),
    "spoof": Action(
        "Somebody else speaks for the cameras, whether they live or not.",
        parameters={
            "pace": Parameter(_BOOT, "how often", 10.0),
            "topic": Parameter(
                text("wrong_operator", "own"),
                "under another operator's topic, or (what only a broker without access list lets pass) the "
                "camera's own",
                "wrong_operator",
            ),
        },
    ),
    "replay": Action(
        "Somebody sends old heartbeats of the cameras again, whether they live or not.",
        parameters={"pace": Parameter(_BOOT, "how often", 10.0)},
    ),
    "retained_heartbeat": Action("A heartbeat is left behind on the broker, retained.", lasts=False),
    "firmware": Action(
        "A new firmware: each camera restarts once and tells it from then on.",
        lasts=False,
        parameters={
            "version": Parameter(text(), "which"),
            "takes": Parameter(_BOOT, "how long a camera takes to install it and boot", 90.0),
        },
    ),
    "broker_restart": Action(
        "The broker is stopped, and started after `for`; camsim must have been told how.", fleet=True
    ),
}
