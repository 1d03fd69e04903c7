"""*Camera*: the inventory, status and telemetry of one camera, for repairs."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.grafana.generate import queries
from deploy.grafana.generate.dashboard import Band, Heading, board, variable
from deploy.grafana.generate.fleet import to
from deploy.grafana.generate.i18n import REASONS, STATUSES, Translator
from deploy.grafana.generate.palette import (
    BLUE,
    CODES,
    DARK,
    GREEN,
    ORANGE,
    PINK,
    SKY,
    STATUS,
    VERMILION,
    statuses,
    steps,
    values,
)
from deploy.grafana.generate.panels import (
    COUNT,
    DATE,
    RATIO,
    SECONDS,
    Column,
    Query,
    series,
    stat,
    table,
    timeline,
)

CHOSEN = 'camera="$camera"'


def camera(tr: Translator) -> Dashboard:
    """Return the dashboard of one camera."""
    named = "query_result(max by (camera, name) (camera:camwatch_camera_info:any))"
    return board(
        tr,
        "camera",
        tr(
            "One camera: status, heartbeats, telemetry.",
        ),
        [
            Band(4, _figures(tr)),
            Band(3, [(24, _inventory(tr))]),
            Band(4, [(24, _status(tr))]),
            Band(7, [(12, _conditions(tr)), (12, _silence(tr))]),
            Heading(tr("Telemetry")),
            Band(7, [(8, panel) for panel in _reported(tr)[:3]]),
            Band(7, [(8, panel) for panel in _reported(tr)[3:]]),
        ],
        [
            variable(
                "camera",
                tr("Camera"),
                named,
                regex='/camera="(?<value>[^"]+)",name="(?<text>[^"]+)"/',
            )
        ],
        since="now-24h",
    )


NOW = "scalar(max(camwatch_now_timestamp_seconds))"
"""The time of camwatch, so that ages do not depend on the clock of another machine."""


def _one(metric: str) -> str:
    return f"max by (camera) ({metric}{{{CHOSEN}}})"


def _figures(tr: Translator) -> list[tuple[int, Panel]]:
    def grown(metric: str) -> str:
        return f"max by (camera) (increase({metric}{{{CHOSEN}}}[$__range]))"

    def account(name: str) -> str:
        status_seconds = "camwatch_camera_status_seconds_total"
        return f'max by (camera) (increase({status_seconds}{{status="{name}", {CHOSEN}}}[$__range]))'

    return [
        (
            4,
            stat(
                tr("Status"),
                tr("The current status."),
                Query(f"max by (camera) ({queries.CODE}{{{CHOSEN}}})"),
                unit=COUNT,
                thresholds=steps(STATUS["retired"], *_shades()),
                mappings=statuses(tr),
            ),
        ),
        (
            5,
            stat(
                tr("Since"),
                tr("When this status became true."),
                Query(f"{_one('camwatch_camera_status_since_timestamp_seconds')} * 1000"),
                unit=DATE,
            ),
        ),
        (
            4,
            stat(
                tr("Last heartbeat"),
                tr("Age of the last heartbeat."),
                Query(f"{NOW} - {_one('camwatch_camera_last_heartbeat_timestamp_seconds')}"),
                unit=SECONDS,
                decimals=0,
                no_value=tr("Never"),
            ),
        ),
        (
            5,
            stat(
                tr("Availability in the period"),
                tr("Up / (up + down)."),
                Query(f"{account('up')} / ({account('up')} + {account('down')})"),
                unit=RATIO,
                decimals=2,
            ),
        ),
        (
            3,
            stat(
                tr("Outages"),
                tr("Outages started in the period."),
                Query(grown("camwatch_camera_outages_total")),
                unit=COUNT,
                decimals=0,
            ),
        ),
        (
            3,
            stat(
                tr("Reboots"),
                tr("Reboots detected in the period."),
                Query(grown("camwatch_camera_reboots_total")),
                unit=COUNT,
                decimals=0,
            ),
        ),
    ]


def _shades() -> list[tuple[float, str]]:
    return sorted((float(CODES[status]), STATUS[status]) for status in STATUSES if CODES[status])


def _inventory(tr: Translator) -> Panel:
    labels = "name, operator, site, zone, purpose, model, firmware"
    return table(
        tr("Inventory"),
        tr("From the inventory and from the camera itself."),
        [f"max by ({labels}) (camwatch_camera_info{{{CHOSEN}}})"],
        [
            Column("name", tr("Name"), width=420),
            Column("operator", tr("Operator"), link=to(tr, "operator")),
            Column("site", tr("Site")),
            Column("zone", tr("District")),
            Column(
                "purpose",
                tr("Purpose"),
                mappings=[
                    values(
                        ("video_protection", tr.label("purpose", "video_protection"), BLUE),
                        ("access_control", tr.label("purpose", "access_control"), DARK),
                        ("traffic", tr.label("purpose", "traffic"), DARK),
                    )
                ],
            ),
            Column("model", tr("Model")),
            Column("firmware", tr("Firmware")),
        ],
    )


def _status(tr: Translator) -> Panel:
    return timeline(
        tr("Status over the period"),
        tr(
            "What was known at each instant: an outage begins when it was detected; status times, and so "
            "the availability, date it earlier. A hole: Prometheus could not scrape camwatch.",
        ),
        Query(f"max by (camera) ({queries.CODE}{{{CHOSEN}}})", "{{camera}}"),
        mappings=statuses(tr),
    )


def _conditions(tr: Translator) -> Panel:
    return timeline(
        tr("Conditions"),
        tr(
            "Suspect: a heartbeat is overdue. Flapping: frequent changes between up and down. Others: "
            "reasons why it is degraded.",
        ),
        Query(_one("camwatch_camera_suspect"), tr("Suspect")),
        Query(_one("camwatch_camera_flapping"), tr("Flapping")),
        Query(f"max by (reason) (camwatch_camera_degraded{{{CHOSEN}}})", "{{reason}}"),
        names={reason: tr.label("reason", reason) for reason in REASONS},
        mappings=[values(("0", tr("No"), DARK), ("1", tr("Yes"), ORANGE))],
    )


def _silence(tr: Translator) -> Panel:
    beat = _one("camwatch_camera_last_heartbeat_timestamp_seconds")
    return series(
        tr("Time without a heartbeat"),
        tr(
            "Time since the last heartbeat, at each scrape: a sawtooth below the interval if all is well.",
        ),
        Query(f"{NOW} - {beat}", tr("Since the last heartbeat"), ORANGE),
        unit=SECONDS,
    )


def _reported(tr: Translator) -> list[Panel]:
    latest = tr("As the camera reports it.")

    def reported(
        title: str, metric: str, unit: str, colour: str, description: str = latest, **more: float | None
    ) -> Panel:
        low, high = more.get("low", 0), more.get("high")
        return series(title, description, Query(_one(metric), title, colour), unit=unit, low=low, high=high)

    return [
        reported(
            tr("Frame rate"),
            "camwatch_camera_frames_per_second",
            tr("suffix: frames/s"),
            GREEN,
        ),
        reported(tr("Bit rate"), "camwatch_camera_bitrate_bytes_per_second", "Bps", BLUE),
        reported(
            tr("Temperature"),
            "camwatch_camera_temperature_celsius",
            "celsius",
            VERMILION,
            low=None,
        ),
        reported(tr("Storage used"), "camwatch_camera_storage_used_ratio", RATIO, PINK, high=1),
        reported(
            tr("Clock behind"),
            "camwatch_camera_clock_offset_seconds",
            SECONDS,
            SKY,
            tr(
                "How far the camera’s clock is behind camwatch’s; negative: ahead. More than 5 s is a "
                "fault (rule L7).",
            ),
            low=None,
        ),
        series(
            tr("Reboots and outages"),
            tr("In the last hour."),
            *(
                Query(f"max by (camera) (increase({metric}{{{CHOSEN}}}[1h]))", name, colour)
                for metric, name, colour in (
                    ("camwatch_camera_reboots_total", tr("Reboots"), BLUE),
                    ("camwatch_camera_outages_total", tr("Outages"), VERMILION),
                )
            ),
            unit=COUNT,
            steps=True,
            decimals=0,
        ),
    ]
