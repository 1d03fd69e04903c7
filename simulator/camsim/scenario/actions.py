"""The actions of scenarios: their parameters and descriptions.

The parser and the JSON Schema read this table. `camsim.schedule` defines the effects of an action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from camsim.scenario.value_types import FLAG, Kind, duration, number, share, text

REQUIRED: Final = object()
"""The default of a parameter that must be given."""

_BOOT = duration(0.001)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an action, with its description."""

    kind: Kind
    tells: str
    default: object = REQUIRED


@dataclass(frozen=True, slots=True)
class Action:
    """One action, with its description. One that `lasts` may have `for`; `fleet`: it concerns the broker."""

    tells: str
    parameters: dict[str, Parameter]
    lasts: bool = True
    fleet: bool = False


def _lasting(tells: str, **parameters: Parameter) -> Action:
    return Action(tells, parameters)


def _at_once(tells: str, **parameters: Parameter) -> Action:
    return Action(tells, parameters, lasts=False)


_TAKES = Parameter(_BOOT, "how long a camera takes to boot", 20.0)
_SOME = Parameter(share(), "of which share of the heartbeats", 1.0)

ACTIONS: Final[dict[str, Action]] = {
    "power_cut": _lasting(
        "The power is off: the connection drops, and the camera boots when power returns.",
        silent=Parameter(
            FLAG, "the switch loses its power as well: the connection stays open", default=False
        ),
    ),
    "network_cut": _lasting(
        "The camera runs, but its packets are lost: the connection stays open. Nothing is sent later."
    ),
    "uplink_cut": _lasting("The switch or the uplink of a site is cut: a network cut of all its cameras."),
    "reboot": _at_once(
        "The camera restarts once.",
        takes=_TAKES,
        goodbye=Parameter(FLAG, "it says goodbye before, as after a command", default=False),
    ),
    "reboot_loop": _lasting(
        "The camera restarts again and again.",
        up=Parameter(_BOOT, "how long it runs each time", 60.0),
        takes=_TAKES,
    ),
    "flap": _lasting(
        "The power goes off and on, again and again.",
        off_for=Parameter(_BOOT, "how long it is off each time", 60.0),
        on_for=Parameter(_BOOT, "how long it is on each time", 30.0),
    ),
    "commission": _at_once("Planned cameras go live."),
    "reconnect": _at_once("The cameras drop their connections and connect again at once."),
    "frozen": _lasting("The picture does not change."),
    "video_loss": _lasting("The sensor gives no picture."),
    "tamper": _lasting("The camera is covered, turned away or out of focus."),
    "low_fps": _lasting("Few pictures a second.", fps=Parameter(number(0, 240), "pictures a second", 2.0)),
    "not_recording": _lasting("The camera does not record."),
    "storage_fills": _lasting(
        "The storage fills evenly, and stays full.",
        within=Parameter(_BOOT, "how long that takes", 3600.0),
        to=Parameter(share(), "how full it becomes", 0.99),
    ),
    "overheating": _lasting(
        "The housing is too hot.", celsius=Parameter(number(-60, 150), "its temperature", 85.0)
    ),
    "clock_drift": _lasting(
        "The camera's clock runs too fast (or, below 0, too slow), and is corrected at the end.",
        ppm=Parameter(number(-1e6, 1e6), "microseconds a second", 500.0),
    ),
    "clock_jump": _lasting(
        "The camera's clock is wrong, and is corrected at the end.",
        by=Parameter(duration(-1e9), "by how much it is ahead (below 0: behind)"),
    ),
    "loss": _lasting("Heartbeats are lost on their way.", share=_SOME),
    "jitter": _lasting(
        "Heartbeats are sent unevenly.",
        share=Parameter(share(0.45), "by which share of the interval, either way", 0.2),
    ),
    "delay": _lasting(
        "The network is slow: heartbeats arrive later.",
        by=Parameter(duration(), "by how much at least", 0.5),
        plus=Parameter(duration(), "and by how much more at most, evenly drawn", 0.0),
    ),
    "lag": _lasting(
        "The path from the broker lags: all messages of the cameras arrive later, in order, including those "
        "sent before a camera failed; messages in transit at the end arrive then.",
        by=Parameter(duration(), "by how much at the beginning", 15.0),
        up_to=Parameter(duration(), "by how much at the end, growing evenly", 40.0),
        plus=Parameter(duration(), "and by how much more at most, unevenly", 5.0),
    ),
    "duplicate": _lasting("Heartbeats arrive twice.", share=_SOME),
    "reorder": _lasting("Heartbeats arrive after the next one.", share=_SOME),
    "malformed": _lasting("Heartbeats are truncated, not JSON, or have wrong types.", share=_SOME),
    "oversized": _lasting("Heartbeats are larger than 16 KiB.", share=_SOME),
    "spoof": _lasting(
        "A foreign client sends new heartbeats in the cameras' names, whether they run or not.",
        pace=Parameter(_BOOT, "how often", 10.0),
        topic=Parameter(
            text("wrong_operator", "own"),
            "under another operator's topic, or the camera's own, which only a broker without access list "
            "accepts",
            "wrong_operator",
        ),
    ),
    "replay": _lasting(
        "A foreign client sends old heartbeats of the cameras again, whether they run or not.",
        pace=Parameter(_BOOT, "how often", 10.0),
    ),
    "retained_heartbeat": _at_once("A retained heartbeat stays on the broker."),
    "firmware": _at_once(
        "A new firmware: each camera restarts once and reports it from then on.",
        version=Parameter(text(), "which"),
        takes=Parameter(_BOOT, "how long a camera takes to install it and boot", 90.0),
    ),
    "broker_restart": Action(
        "The broker is stopped, and started after `for`; camsim needs the commands for both.",
        {},
        fleet=True,
    ),
}
