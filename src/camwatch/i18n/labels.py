"""Names of the values that the core, the record and the web part use, by group; keys are the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from camwatch.i18n.catalogs import N_

LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "status": {
        "up": N_("Up"),
        "down": N_("Down"),
        "unknown": N_("Unknown"),
        "maintenance": N_("Maintenance"),
        "planned": N_("Planned"),
        "retired": N_("Retired"),
    },
    "reason": {  # why a camera is degraded
        "video_loss": N_("Video loss"),
        "frozen": N_("Frozen image"),
        "fps_low": N_("Low frame rate"),
        "not_recording": N_("Not recording"),
        "tamper": N_("Tampering"),
        "storage": N_("Storage full"),
        "temperature": N_("Temperature"),
        "clock": N_("Clock"),
    },
    "purpose": {
        "video_protection": N_("Video protection"),
        "access_control": N_("Access control"),
        "traffic": N_("Traffic"),
    },
    "cause": {"timeout": N_("timeout"), "will": N_("connection lost"), "goodbye": N_("announced shutdown")},
    "attributed": {  # causes that people attribute
        "power": N_("Power"),
        "network": N_("Network"),
        "camera": N_("Camera"),
        "vandalism": N_("Vandalism"),
        "works": N_("Works"),
        "other": N_("Other"),
    },
    "gap": {  # causes of monitoring gaps
        "link": N_("link lost"),
        "stall": N_("camwatch was suspended"),
        "lag": N_("messages delayed"),
        "offline": N_("camwatch was not running"),
        "lost": N_("recorded data was lost"),
        "clock_step": N_("clock set ahead"),
    },
    "scope": {"camera": N_("camera"), "site": N_("site"), "operator": N_("operator")},
    "incident": {"site": N_("Site: {name}"), "operator": N_("Operator: {name}"), "link": N_("Link: {name}")},
    "link": {  # trouble of a link
        "down": N_("The link to the cameras is down"),
        "behind": N_("Messages arrive {n} s late: too late to judge cameras"),
        "catching_up": N_("Processing messages that the broker queued"),
        "late": N_("Messages arrive {n} s late"),
    },
    "refused": {  # why a message was refused
        "malformed": N_("malformed"),
        "too_large": N_("too large"),
        "too_many": N_("too many"),
        "wrong_operator": N_("wrong operator"),
        "unregistered": N_("unregistered"),
        "retained": N_("retained by the broker"),
        "duplicate": N_("duplicate"),
        "late": N_("late"),
        "unexpected": N_("retired camera"),
        "unknown_topic": N_("unknown topic"),
    },
    "why": {  # what a status, or the cause of an outage, means
        "up": N_("Heartbeats are arriving."),
        "timeout": N_("No heartbeat before the deadline."),
        "will": N_("The broker reported a lost connection."),
        "goodbye": N_("The camera announced a shutdown."),
        "down": N_("Heartbeats have stopped."),
        "unknown": N_("Heartbeats could not be received."),
        "maintenance": N_("In maintenance: not counted as downtime."),
        "planned": N_("Not in service yet."),
        "retired": N_("Retired: no longer monitored."),
    },
    "period": {  # rolling
        "24h": N_("24 hours"),
        "7d": N_("7 days"),
        "30d": N_("30 days"),
        "365d": N_("365 days"),
    },
    "window": {  # states of maintenance
        "planned": N_("planned"),
        "under_way": N_("in progress"),
        "over": N_("finished"),
        "cancelled": N_("cancelled"),
    },
    "filter": {
        "operator": N_("Operator"),
        "zone": N_("District"),
        "status": N_("Status"),
        "purpose": N_("Purpose"),
    },
    "role": {"viewer": N_("viewer"), "editor": N_("editor"), "admin": N_("administrator")},
    "theme": {"auto": N_("Automatic"), "light": N_("Light"), "dark": N_("Dark")},
    "login": {
        "wrong": N_("Wrong name or password."),
        "wait": N_("Too many attempts: try again in {n} s."),
        "busy": N_("Too many logins at the moment: try again."),
    },
    "problem": {  # HTTP status codes
        "401": N_("Please log in"),
        "403": N_("Not allowed"),
        "404": N_("Not found"),
        "409": N_("Not possible"),
        "422": N_("Invalid request"),
        "429": N_("Too many attempts"),
        "503": N_("camwatch is busy"),
        "500": N_("Something went wrong"),
    },
    "problem_text": {
        "401": N_("Log in to see this page."),
        "403": N_("Your account does not allow this, or the page has expired: reload it and try again."),
        "404": N_("This page does not exist, or your account cannot see it."),
        "409": N_("The record does not allow this."),
        "422": N_("The request is incomplete or cannot be understood."),
        "429": N_("Wait a moment, then try again."),
        "503": N_("Try again in a few seconds."),
        "500": N_("This is an error in camwatch: its log has the details."),
    },
}
