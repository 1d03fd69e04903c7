"""*Camera*: one camera, for whoever goes out to mend it. What it is, what it did, what it says of itself."""

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


def camera(say: Translator) -> Dashboard:
    """Return the dashboard of one camera."""
    named = "query_result(max by (camera, name) (camera:camwatch_camera_info:any))"
    return board(
        say,
        "camera",
        say(
            "Une caméra : son état, ses signes de vie, ce qu’elle dit d’elle-même.",
            "One camera: its status, its signs of life, what it says of itself.",
        ),
        [
            Band(4, _figures(say)),
            Band(3, [(24, _inventory(say))]),
            Band(4, [(24, _status(say))]),
            Band(7, [(12, _conditions(say)), (12, _silence(say))]),
            Heading(say("Ce qu’elle dit d’elle-même", "What it says of itself")),
            Band(7, [(8, panel) for panel in _reported(say)[:3]]),
            Band(7, [(8, panel) for panel in _reported(say)[3:]]),
        ],
        [
            variable(
                "camera",
                say("Caméra", "Camera"),
                named,
                regex='/camera="(?<value>[^"]+)",name="(?<text>[^"]+)"/',
            )
        ],
        since="now-24h",
    )


NOW = "scalar(max(camwatch_now_timestamp_seconds))"
"""The time by which camwatch dates, so that an age does not depend on the clock of another machine."""


def _one(metric: str) -> str:
    return f"max by (camera) ({metric}{{{CHOSEN}}})"


def _figures(say: Translator) -> list[tuple[int, Panel]]:
    def grown(metric: str) -> str:
        return f"max by (camera) (increase({metric}{{{CHOSEN}}}[$__range]))"

    def account(name: str) -> str:
        ledger = "camwatch_camera_status_seconds_total"
        return f'max by (camera) (increase({ledger}{{status="{name}", {CHOSEN}}}[$__range]))'

    return [
        (
            4,
            stat(
                say("État", "Status"),
                say("L’état en ce moment.", "The status now."),
                Query(f"max by (camera) ({queries.CODE}{{{CHOSEN}}})"),
                unit=COUNT,
                thresholds=steps(STATUS["retired"], *_shades()),
                mappings=statuses(say),
            ),
        ),
        (
            5,
            stat(
                say("Depuis", "Since"),
                say("Quand cet état est devenu vrai.", "When this status became true."),
                Query(f"{_one('camwatch_camera_status_since_timestamp_seconds')} * 1000"),
                unit=DATE,
            ),
        ),
        (
            4,
            stat(
                say("Dernier signe de vie", "Last sign of life"),
                say("Âge du dernier battement.", "Age of the last heartbeat."),
                Query(f"{NOW} - {_one('camwatch_camera_last_heartbeat_timestamp_seconds')}"),
                unit=SECONDS,
                decimals=0,
                no_value=say("Jamais", "Never"),
            ),
        ),
        (
            5,
            stat(
                say("Disponibilité sur la période", "Availability in the period"),
                say("En marche / (en marche + en panne).", "Up / (up + down)."),
                Query(f"{account('up')} / ({account('up')} + {account('down')})"),
                unit=RATIO,
                decimals=2,
            ),
        ),
        (
            3,
            stat(
                say("Pannes", "Outages"),
                say("Pannes commencées sur la période.", "Outages begun in the period."),
                Query(grown("camwatch_camera_outages_total")),
                unit=COUNT,
                decimals=0,
            ),
        ),
        (
            3,
            stat(
                say("Redémarrages", "Reboots"),
                say("Redémarrages vus sur la période.", "Reboots seen in the period."),
                Query(grown("camwatch_camera_reboots_total")),
                unit=COUNT,
                decimals=0,
            ),
        ),
    ]


def _shades() -> list[tuple[float, str]]:
    return sorted((float(CODES[status]), STATUS[status]) for status in STATUSES if CODES[status])


def _inventory(say: Translator) -> Panel:
    labels = "name, operator, site, zone, purpose, model, firmware"
    return table(
        say("Inventaire", "Inventory"),
        say(
            "Ce que l’inventaire et la caméra disent d’elle.", "What the inventory and the camera say of it."
        ),
        [f"max by ({labels}) (camwatch_camera_info{{{CHOSEN}}})"],
        [
            Column("name", say("Nom", "Name"), width=420),
            Column("operator", say("Exploitant", "Operator"), link=to(say, "operator")),
            Column("site", say("Site", "Place")),
            Column("zone", say("Zone", "District")),
            Column(
                "purpose",
                say("Usage", "Purpose"),
                mappings=[
                    values(
                        ("video_protection", say("Vidéoprotection", "Video protection"), BLUE),
                        ("access_control", say("Contrôle d’accès", "Access control"), DARK),
                        ("traffic", say("Circulation", "Traffic"), DARK),
                    )
                ],
            ),
            Column("model", say("Modèle", "Model")),
            Column("firmware", say("Micrologiciel", "Firmware")),
        ],
    )


def _status(say: Translator) -> Panel:
    return timeline(
        say("État sur la période", "Status over the period"),
        say(
            "Ce qui était connu à chaque instant : une panne y commence quand elle est constatée ; le "
            "registre, et donc la disponibilité, la datent de plus tôt. "
            "Un trou : Prometheus n’a rien obtenu de Camwatch.",
            "What was known at each instant: an outage begins when it was noticed; the ledger, and so the "
            "availability, date it back. A hole: Prometheus got nothing from camwatch.",
        ),
        Query(f"max by (camera) ({queries.CODE}{{{CHOSEN}}})", "{{camera}}"),
        mappings=statuses(say),
    )


def _conditions(say: Translator) -> Panel:
    return timeline(
        say("Ce qui la gêne", "What hampers it"),
        say(
            "Suspecte : un battement tarde. Instable : tombe et revient sans cesse. Les autres : "
            "dégradée, et pourquoi.",
            "Suspect: a heartbeat is late. Flapping: goes and comes again and again. Others: degraded, "
            "and why.",
        ),
        Query(_one("camwatch_camera_suspect"), say("Suspecte", "Suspect")),
        Query(_one("camwatch_camera_flapping"), say("Instable", "Flapping")),
        Query(f"max by (reason) (camwatch_camera_degraded{{{CHOSEN}}})", "{{reason}}"),
        names={reason: say.reason(reason) for reason in REASONS},
        mappings=[values(("0", say("Non", "No"), DARK), ("1", say("Oui", "Yes"), ORANGE))],
    )


def _silence(say: Translator) -> Panel:
    beat = _one("camwatch_camera_last_heartbeat_timestamp_seconds")
    return series(
        say("Silence", "Silence"),
        say(
            "Temps depuis le dernier battement, à chaque relevé : des dents de scie sous l’intervalle si "
            "tout va bien.",
            "Time since the last heartbeat, at each scrape: saw teeth below the interval if all is well.",
        ),
        Query(f"{NOW} - {beat}", say("Depuis le dernier battement", "Since the last heartbeat"), ORANGE),
        unit=SECONDS,
    )


def _reported(say: Translator) -> list[Panel]:
    latest = say("Tel que la caméra le rapporte.", "As the camera reports it.")

    def reported(
        title: str, metric: str, unit: str, colour: str, tells: str = latest, **more: float | None
    ) -> Panel:
        low, high = more.get("low", 0), more.get("high")
        return series(title, tells, Query(_one(metric), title, colour), unit=unit, low=low, high=high)

    return [
        reported(
            say("Cadence", "Frame rate"),
            "camwatch_camera_frames_per_second",
            say("suffix: images/s", "suffix: frames/s"),
            GREEN,
        ),
        reported(say("Débit", "Bit rate"), "camwatch_camera_bitrate_bytes_per_second", "Bps", BLUE),
        reported(
            say("Température", "Temperature"),
            "camwatch_camera_temperature_celsius",
            "celsius",
            VERMILION,
            low=None,
        ),
        reported(say("Stockage", "Storage used"), "camwatch_camera_storage_used_ratio", RATIO, PINK, high=1),
        reported(
            say("Retard de l’horloge", "Clock behind"),
            "camwatch_camera_clock_offset_seconds",
            SECONDS,
            SKY,
            say(
                "De combien l’horloge de la caméra est en retard sur la nôtre ; en avance, négatif. Plus "
                "de 5 s est une "
                "anomalie (règle L7).",
                "How far the camera’s clock is behind ours; negative is ahead. More than 5 s is a fault "
                "(rule L7).",
            ),
            low=None,
        ),
        series(
            say("Redémarrages et pannes", "Reboots and outages"),
            say("Dans l’heure écoulée.", "In the last hour."),
            *(
                Query(f"max by (camera) (increase({metric}{{{CHOSEN}}}[1h]))", name, colour)
                for metric, name, colour in (
                    ("camwatch_camera_reboots_total", say("Redémarrages", "Reboots"), BLUE),
                    ("camwatch_camera_outages_total", say("Pannes", "Outages"), VERMILION),
                )
            ),
            unit=COUNT,
            steps=True,
            decimals=0,
        ),
    ]
