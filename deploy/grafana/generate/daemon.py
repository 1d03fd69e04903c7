"""*Daemon*: camwatch on itself: whether it sees, keeps up and stores."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.grafana.generate import queries
from deploy.grafana.generate.dashboard import Band, Heading, board
from deploy.grafana.generate.i18n import Translator
from deploy.grafana.generate.palette import BAD_FROM_ONE, GREEN, GREY, ORANGE, VERMILION, steps, values
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

RATE = "suffix:/s"
JOB = 'job="camwatch"'
"""The job under which Prometheus scrapes camwatch, whatever else it scrapes."""


def daemon(say: Translator) -> Dashboard:
    """Return the dashboard of the daemon; a curve for each instance where there is a pair."""
    return board(
        say,
        "daemon",
        say(
            "Camwatch voit-il, suit-il, enregistre-t-il ? Une courbe par instance.",
            "Does camwatch see, keep up and store? A curve for each instance.",
        ),
        [
            Band(4, _figures(say)),
            Band(6, [(12, _links(say)), (12, _instances(say))]),
            Heading(say("Messages", "Messages received and refused")),
            Band(8, [(8, _received(say)), (8, _rejected(say)), (8, _delay(say))]),
            Heading(say("Historique et inventaire", "Store and inventory")),
            Band(8, [(8, _pending(say)), (8, _errors(say)), (8, _stalls(say))]),
            Heading(say("Processus", "Process")),
            Band(8, [(6, panel) for panel in _process(say)]),
        ],
        since="now-3h",
    )


def _figures(say: Translator) -> list[tuple[int, Panel]]:
    yes, no = say("Oui", "Yes"), say("Non", "No")
    good_one = values(("1", yes, GREEN), ("0", no, VERMILION))
    return [
        (
            3,
            stat(
                say("Joignable", "Reachable"),
                say(
                    "Prometheus obtient les mesures d’une instance au moins.",
                    "Prometheus gets the metrics of one instance at least.",
                ),
                Query(f"max(up{{{JOB}}})"),
                unit=COUNT,
                thresholds=steps(VERMILION, (1, GREEN)),
                mappings=[good_one],
            ),
        ),
        (
            3,
            stat(
                say("Prêt", "Ready"),
                say(
                    "Inventaire lu, historique accessible, liaisons abonnées.",
                    "Inventory read, store writable, links subscribed.",
                ),
                Query("max(camwatch_ready)"),
                unit=COUNT,
                thresholds=steps(VERMILION, (1, GREEN)),
                mappings=[good_one],
            ),
        ),
        (
            3,
            stat(
                say("Aveugle", "Blind"),
                say(
                    "Des battements pourraient ne pas nous parvenir.",
                    "Heartbeats of some cameras could not reach us.",
                ),
                Query("max(camwatch_blind)"),
                unit=COUNT,
                thresholds=steps(GREEN, *BAD_FROM_ONE),
                mappings=[values(("0", no, GREEN), ("1", yes, VERMILION))],
            ),
        ),
        (
            3,
            stat(
                say("Identifiants inconnus", "Unregistered ids"),
                say("Entendus, mais absents de l’inventaire.", "Heard, but not in the inventory."),
                Query("max(camwatch_unregistered_cameras)"),
                unit=COUNT,
                decimals=0,
                thresholds=steps(GREEN, (1, ORANGE)),
            ),
        ),
        (
            3,
            stat(
                say("En attente d’écriture", "Waiting to be stored"),
                say("Événements pas encore enregistrés.", "Happenings that are not stored yet."),
                Query("max(camwatch_history_pending_events)"),
                unit=COUNT,
                decimals=0,
                spark=True,
            ),
        ),
        (
            3,
            stat(
                say("Sauts d’horloge, 24 h", "Clock steps, 24 h"),
                say(
                    "L’horloge de la machine a été déplacée de plus de 2 s.",
                    "The machine’s clock was set by more than 2 s.",
                ),
                Query("max(increase(camwatch_clock_steps_total[24h]))"),
                unit=COUNT,
                decimals=0,
                thresholds=steps(GREEN, (1, ORANGE)),
            ),
        ),
        (
            6,
            stat(
                say("Inventaire chargé", "Inventory loaded"),
                say("Quand l’inventaire en vigueur a été lu.", "When the inventory in force was read."),
                Query("max(camwatch_inventory_last_reload_success_timestamp_seconds) * 1000"),
                unit=DATE,
            ),
        ),
    ]


def _links(say: Translator) -> Panel:
    return timeline(
        say("Liaisons", "Links"),
        say(
            "Connectée et abonnée, ou non, par liaison et instance.",
            "Connected and subscribed or not, by link and instance.",
        ),
        Query("camwatch_link_up", "{{link}} {{instance}}"),
        mappings=[values(("0", say("Coupée", "Cut"), VERMILION), ("1", say("Établie", "Up"), GREEN))],
    )


def _instances(say: Translator) -> Panel:
    started = f"max by (instance) (process_start_time_seconds{{{JOB}}}) * 1000"
    build = "max by (instance, version, python) (camwatch_build_info)"
    return table(
        say("Instances", "Running instances"),
        say(
            "Chaque processus, sa version et depuis quand il tourne.",
            "Each process, its version and since when it runs.",
        ),
        [f"{build} * on (instance) group_left () ({started})"],
        [
            Column("instance", say("Adresse", "Address")),
            Column("version", say("Version de Camwatch", "Version of camwatch"), width=180),
            Column("python", "Python", width=110),
            Column("Value", say("Démarré", "Started"), DATE, width=180),
        ],
    )


def _received(say: Translator) -> Panel:
    return series(
        say("Messages reçus", "Messages received"),
        say("Par seconde, par liaison.", "In a second, by link."),
        Query("rate(camwatch_messages_received_total[$__rate_interval])", "{{link}} {{instance}}"),
        unit=RATE,
        decimals=1,
    )


def _rejected(say: Translator) -> Panel:
    rate = "rate(camwatch_messages_rejected_total[$__rate_interval])"
    seen = "increase(camwatch_messages_rejected_total[$__range] @ end())"
    return series(
        say("Messages sans effet", "Messages without effect"),
        say(
            "Par seconde, pour les raisons vues sur la période ; docs/reference/messages.md les explique.",
            "In a second, for the reasons seen in the period; docs/reference/messages.md explains them.",
        ),
        Query(f"max by (reason) ({rate}) and on (reason) ({seen} > 0)", "{{reason}}"),
        unit=RATE,
        decimals=2,
        no_value=say("Aucun", "None"),
    )


def _delay(say: Translator) -> Panel:
    return series(
        say("Retard à constater", "Delay in noticing"),
        say(
            "De l’échéance d’une caméra à notre constat de la panne.",
            "From a camera’s deadline to our noticing that it is down.",
        ),
        Query(queries.quantile(0.5, "camwatch_detection_delay_seconds"), say("médiane", "median"), GREY),
        Query(queries.quantile(0.99, "camwatch_detection_delay_seconds"), "99 %", ORANGE),
        unit=SECONDS,
    )


def _pending(say: Translator) -> Panel:
    return series(
        say("Écritures en attente", "Writes that wait"),
        say(
            "Événements pas encore enregistrés ; doit redescendre.",
            "Happenings that are not stored yet; must come down again.",
        ),
        Query("camwatch_history_pending_events", "{{instance}}"),
        unit=COUNT,
        decimals=0,
    )


def _errors(say: Translator) -> Panel:
    return series(
        say("Échecs en une heure", "Failures in an hour"),
        say(
            "Écritures manquées dans l’historique ; inventaires refusés.",
            "Failed writes to the store; refused inventories.",
        ),
        Query(
            "max(increase(camwatch_history_write_errors_total[1h]))", say("Écritures", "Writes"), VERMILION
        ),
        Query(
            "max(increase(camwatch_inventory_reload_errors_total[1h]))",
            say("Inventaires", "Inventories"),
            ORANGE,
        ),
        unit=COUNT,
        decimals=0,
        steps=True,
    )


def _stalls(say: Translator) -> Panel:
    return series(
        say("Temps perdu", "Time lost"),
        say(
            "Part du temps où le processus aurait dû tourner et ne tournait pas (règle S8).",
            "Share of the time in which the process should have run and did not (rule S8).",
        ),
        Query("rate(camwatch_event_loop_stall_seconds_total[$__rate_interval])", "{{instance}}"),
        unit=RATIO,
        decimals=1,
    )


def _process(say: Translator) -> list[Panel]:
    return [
        series(
            say("Processeur", "Processor"),
            say("Part d’un cœur.", "Share of one core."),
            Query(f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])", "{{instance}}"),
            unit=RATIO,
            decimals=1,
        ),
        series(
            say("Mémoire vive", "Memory"),
            say("Mémoire résidente.", "Resident memory."),
            Query(f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}"),
            unit="bytes",
        ),
        series(
            say("Fichiers ouverts", "Open files"),
            say("Connexions comprises.", "Connections included."),
            Query(f"process_open_fds{{{JOB}}}", "{{instance}}"),
            unit=COUNT,
            decimals=0,
        ),
        series(
            say("Durée d’un relevé", "Duration of a scrape"),
            say(
                "Temps que prend Prometheus pour lire /metrics.",
                "Time that Prometheus takes to read /metrics.",
            ),
            Query(f"scrape_duration_seconds{{{JOB}}}", "{{instance}}"),
            unit=SECONDS,
        ),
    ]
