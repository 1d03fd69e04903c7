"""Every metric that camwatch exports: name, type, labels, help.

`docs/reference/metrics.md` is generated from it.

Names, types and labels are public. Counters stay as judged at the time and never decrease: those of a camera
not even through a restart.
"""

from __future__ import annotations

from typing import NamedTuple

CAMERA_LABELS = ("camera", "operator", "site")


class Family(NamedTuple):
    """One metric family; a counter's `name` ends in `_total`."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...] = ()

    def header(self, *, openmetrics: bool) -> str:
        """Return the HELP and TYPE lines."""
        name = self.name
        if openmetrics and self.type == "counter":
            name = name.removesuffix("_total")
        return f"# HELP {name} {self.help}\n# TYPE {name} {self.type}\n"


def _camera(name: str, kind: str, text: str, *labels: str) -> Family:
    return Family(f"camwatch_camera_{name}", kind, text, CAMERA_LABELS + labels)


def _operator(name: str, kind: str, text: str, *labels: str) -> Family:
    return Family(f"camwatch_operator_{name}", kind, text, ("operator", *labels))


# Per camera
CAMERA_INFO = _camera(
    "info",
    "gauge",
    "What the inventory says of a camera; always 1.",
    "zone",
    "purpose",
    "name",
    "model",
    "firmware",
)
CAMERA_STATUS = _camera(
    "status", "gauge", "1 for the status that the camera has, 0 for each other one.", "status"
)
CAMERA_UP = _camera("up", "gauge", "1 if the camera is up, 0 if down; absent in every other status.")
CAMERA_SUSPECT = _camera(
    "suspect",
    "gauge",
    "1 while a camera that is up is late with its heartbeat, or its broker hinted that it left.",
)
CAMERA_FLAPPING = _camera("flapping", "gauge", "1 while a camera changes between up and down too often.")
CAMERA_DEGRADED = _camera(
    "degraded",
    "gauge",
    "1 while a camera that is up has this fault; 0 for an hour after. Absent otherwise.",
    "reason",
)
CAMERA_LAST_HEARTBEAT = _camera(
    "last_heartbeat_timestamp_seconds", "gauge", "When the last proof of life arrived, Unix time."
)
CAMERA_STATUS_SINCE = _camera(
    "status_since_timestamp_seconds",
    "gauge",
    "When the camera's present status became true (not when it was noticed), Unix time.",
)
CAMERA_COMMISSION_BY = _camera(
    "commission_by_timestamp_seconds",
    "gauge",
    "The date by which a planned camera should give its first heartbeat, Unix time; absent once it has.",
)
CAMERA_HEARTBEATS = _camera("heartbeats_total", "counter", "Heartbeats that proved life.")
CAMERA_OUTAGES = _camera("outages_total", "counter", "Outages begun; one seen through blindness counts once.")
CAMERA_REBOOTS = _camera("reboots_total", "counter", "Times that the camera's uptime counter fell.")
CAMERA_REJECTED = _camera(
    "messages_rejected_total",
    "counter",
    "Messages of the camera that had no effect, by reason; absent where none.",
    "reason",
)
CAMERA_LEDGER = _camera(
    "status_seconds_total",
    "counter",
    "In-service time in each account, up to the instant that is already certain.",
    "status",
)
CAMERA_DEGRADED_SECONDS = _camera(
    "degraded_seconds_total",
    "counter",
    "Time up, but degraded for one reason or more; lies within account up.",
)
CAMERA_FPS = _camera("frames_per_second", "gauge", "Pictures per second, as last reported.")
CAMERA_BITRATE = _camera(
    "bitrate_bytes_per_second", "gauge", "Bit rate of the video stream in bytes per second, as last reported."
)
CAMERA_TEMPERATURE = _camera("temperature_celsius", "gauge", "Temperature in the housing, as last reported.")
CAMERA_STORAGE = _camera("storage_used_ratio", "gauge", "How full the storage is, 0 to 1, as last reported.")
CAMERA_CLOCK = _camera(
    "clock_offset_seconds",
    "gauge",
    "How far the camera's clock is behind ours: smallest of the last 32 heartbeats.",
)

# Per operator
OPERATOR_CAMERAS = _operator("cameras", "gauge", "Cameras of the operator in each status.", "status")
OPERATOR_OBJECTIVE = _operator(
    "objective_ratio", "gauge", "The availability that the operator promises, from the inventory."
)
OPERATOR_AVAILABILITY = _operator(
    "availability_ratio",
    "gauge",
    "Up / (up + down) of the operator's cameras over a window; absent where that is no time.",
    "window",
)
OPERATOR_COVERAGE = _operator(
    "coverage_ratio",
    "gauge",
    "Share of a window's time outside maintenance that can be spoken for; absent where that is no time.",
    "window",
)
OPERATOR_BLIND = _operator(
    "blind", "gauge", "1 while heartbeats of some of its cameras could not be seen; absent where it has none."
)
HEARTBEAT_GAP = Family(
    "camwatch_heartbeat_gap_seconds",
    "histogram",
    "Time between one proof of life and the next of the same camera.",
    ("operator",),
)

# Per site
SITE_INFO = Family(
    "camwatch_site_info",
    "gauge",
    "What the inventory says of a site that has coordinates (degrees, WGS 84); always 1.",
    ("site", "name", "zone", "latitude", "longitude"),
)

# Incidents
SITE_INCIDENT = Family(
    "camwatch_site_incident", "gauge", "1 while many cameras of the site are down for one cause.", ("site",)
)
OPERATOR_INCIDENT = Family(
    "camwatch_operator_incident",
    "gauge",
    "1 while many cameras of the operator are down for one cause.",
    ("operator",),
)
LINK_INCIDENT = Family(
    "camwatch_link_incident", "gauge", "1 while many cameras on the link are down for one cause.", ("link",)
)

# The daemon on itself
BUILD_INFO = Family(
    "camwatch_build_info", "gauge", "Versions of camwatch and Python; always 1.", ("version", "python")
)
LINK_UP = Family("camwatch_link_up", "gauge", "1 while the link is connected and subscribed.", ("link",))
LINK_OPERATOR = Family(
    "camwatch_link_operator_info",
    "gauge",
    "The operators of a link that carries not all of them; always 1.",
    ("link", "operator"),
)
LINK_LAG = Family(
    "camwatch_link_lag_seconds",
    "gauge",
    "How much later than sent the link's messages arrive; 0 while they come on time.",
    ("link",),
)
CANARY_ROUND_TRIP = Family(
    "camwatch_canary_round_trip_seconds",
    "histogram",
    "How long a message of camwatch's own took through the link; of links with a canary.",
    ("link",),
)
READY = Family("camwatch_ready", "gauge", "1 while /-/ready says yes.")
BLIND = Family(
    "camwatch_blind", "gauge", "1 while heartbeats of some cameras could not be seen, whoever sent them."
)
MESSAGES_RECEIVED = Family("camwatch_messages_received_total", "counter", "Messages received.", ("link",))
MESSAGES_REJECTED = Family(
    "camwatch_messages_rejected_total", "counter", "Messages that had no effect, by reason.", ("reason",)
)
FIELDS_DROPPED = Family(
    "camwatch_fields_dropped_total",
    "counter",
    "Fields of heartbeats that could not be used, by name; the rest of the heartbeat was.",
    ("source", "field"),
)
UNREGISTERED = Family(
    "camwatch_unregistered_cameras",
    "gauge",
    "Ids heard that the inventory does not know (the last 1,000 are kept).",
)
DETECTION_DELAY = Family(
    "camwatch_detection_delay_seconds",
    "histogram",
    "From a camera's deadline to our noticing that it is down.",
)
LOOP_STALL = Family(
    "camwatch_event_loop_stall_seconds_total",
    "counter",
    "Time in which the daemon did not run although it should have.",
)
HISTORY_PENDING = Family("camwatch_history_pending_events", "gauge", "Happenings that are not stored yet.")
HISTORY_WRITE_ERRORS = Family(
    "camwatch_history_write_errors_total", "counter", "Times that the store failed."
)
HISTORY_SEALS = Family("camwatch_history_seals", "gauge", "Seals in the record, as stored last.")
HISTORY_SEAL_HEAD = Family(
    "camwatch_history_seal_head",
    "gauge",
    "The first 12 hexadecimal digits of the newest seal's hash, as a number.",
)
RELOAD_ERRORS = Family(
    "camwatch_inventory_reload_errors_total", "counter", "Reloads refused because the inventory was faulty."
)
RELOAD_HELD = Family(
    "camwatch_inventory_reload_held",
    "gauge",
    "1 while an inventory waits to be confirmed: it would take too many cameras out of service.",
)
LAST_RELOAD = Family(
    "camwatch_inventory_last_reload_success_timestamp_seconds",
    "gauge",
    "When the inventory in force was loaded, Unix time.",
)
LAST_RELOAD_SUCCESSFUL = Family(
    "camwatch_inventory_last_reload_successful",
    "gauge",
    "0 while the tables, as they were read last, are faulty; 1 while they are not.",
)
AUTH_RELOAD_ERRORS = Family(
    "camwatch_auth_reload_errors_total",
    "counter",
    "Reloads refused because the file of the accounts, a token or the certificate was faulty.",
)
AUTH_LOGINS = Family("camwatch_auth_logins_total", "counter", "Logins with name and password that succeeded.")
HTTP_REQUESTS_DENIED = Family(
    "camwatch_http_requests_denied_total", "counter", "Requests that were not let in, by reason.", ("reason",)
)
HTTP_REQUESTS = Family(
    "camwatch_http_requests_total", "counter", "Responses to HTTP requests, by status code.", ("code",)
)
HTTP_REQUEST_DURATION = Family(
    "camwatch_http_request_duration_seconds",
    "histogram",
    "How long HTTP requests took until the last byte; without event streams.",
)
UTC_OFFSET = Family(
    "camwatch_timezone_offset_seconds",
    "gauge",
    "How far the configured time zone is ahead of UTC now: added to a Unix time, it shows local time as UTC.",
)
NOW = Family(
    "camwatch_now_timestamp_seconds",
    "gauge",
    "The time by which everything here is dated, Unix time: an age is this less a timestamp.",
)
LOG_LINES_DROPPED = Family(
    "camwatch_log_lines_dropped_total",
    "counter",
    "Lines of the log that could not be written: too many waited, or the system refused them.",
)
CLOCK_STEPS = Family(
    "camwatch_clock_steps_total", "counter", "Times that the wall clock was set by more than 2 s."
)
CLOCK_FLEET_OFFSET = Family(
    "camwatch_clock_fleet_offset_seconds",
    "gauge",
    "How far the machine's clock is ahead of the median of the cameras' clocks; absent where too few tell.",
)
RECORD_AHEAD = Family(
    "camwatch_record_ahead_seconds",
    "gauge",
    "How far the record is ahead of the machine's clock, as after it was set back; 0 if it is not.",
)

FAMILIES: tuple[Family, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Family))
"""All of them, in the order above."""
