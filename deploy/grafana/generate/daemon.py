"""*Daemon*: the health of camwatch itself: links, messages, store, process."""

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
"""The Prometheus job of camwatch."""


def daemon(tr: Translator) -> Dashboard:
    """Return the dashboard of the daemon; with a curve for each instance."""
    return board(
        tr,
        "daemon",
        tr(
            "Is camwatch connected, keeping up and storing? A curve for each instance.",
        ),
        [
            Band(4, _figures(tr)),
            Band(6, [(12, _links(tr)), (12, _instances(tr))]),
            Heading(tr("Messages received and refused")),
            Band(8, [(8, _received(tr)), (8, _rejected(tr)), (8, _delay(tr))]),
            Heading(tr("Store and inventory")),
            Band(8, [(8, _pending(tr)), (8, _errors(tr)), (8, _stalls(tr))]),
            Heading(tr("Process")),
            Band(8, [(6, panel) for panel in _process(tr)]),
        ],
        since="now-3h",
    )


def _figures(tr: Translator) -> list[tuple[int, Panel]]:
    yes, no = tr("Yes"), tr("No")
    good_one = values(("1", yes, GREEN), ("0", no, VERMILION))
    return [
        (
            3,
            stat(
                tr("Reachable"),
                tr(
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
                tr("Ready"),
                tr(
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
                tr("Blind"),
                tr(
                    "Heartbeats of some cameras could not be received.",
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
                tr("Unregistered ids"),
                tr("Message received, but not in the inventory."),
                Query("max(camwatch_unregistered_cameras)"),
                unit=COUNT,
                decimals=0,
                thresholds=steps(GREEN, (1, ORANGE)),
            ),
        ),
        (
            3,
            stat(
                tr("Pending events"),
                tr("Events not stored yet."),
                Query("max(camwatch_history_pending_events)"),
                unit=COUNT,
                decimals=0,
                spark=True,
            ),
        ),
        (
            3,
            stat(
                tr("Clock steps, 24 h"),
                tr(
                    "The machine’s clock was stepped by more than 2 s.",
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
                tr("Inventory loaded"),
                tr("When the current inventory was read."),
                Query("max(camwatch_inventory_last_reload_success_timestamp_seconds) * 1000"),
                unit=DATE,
            ),
        ),
    ]


def _links(tr: Translator) -> Panel:
    return timeline(
        tr("Links"),
        tr(
            "Connected and subscribed or not, by link and instance.",
        ),
        Query("camwatch_link_up", "{{link}} {{instance}}"),
        mappings=[values(("0", tr("Disconnected"), VERMILION), ("1", tr("Connected"), GREEN))],
    )


def _instances(tr: Translator) -> Panel:
    started = f"max by (instance) (process_start_time_seconds{{{JOB}}}) * 1000"
    build = "max by (instance, version, python) (camwatch_build_info)"
    return table(
        tr("Running instances"),
        tr(
            "Each process, its version and its start.",
        ),
        [f"{build} * on (instance) group_left () ({started})"],
        [
            Column("instance", tr("Address")),
            Column("version", tr("Version of camwatch"), width=180),
            Column("python", "Python", width=110),
            Column("Value", tr("Started"), DATE, width=180),
        ],
    )


def _received(tr: Translator) -> Panel:
    return series(
        tr("Messages received"),
        tr("Per second, by link."),
        Query("rate(camwatch_messages_received_total[$__rate_interval])", "{{link}} {{instance}}"),
        unit=RATE,
        decimals=1,
    )


def _rejected(tr: Translator) -> Panel:
    rate = "rate(camwatch_messages_rejected_total[$__rate_interval])"
    seen = "increase(camwatch_messages_rejected_total[$__range] @ end())"
    return series(
        tr("Messages without effect"),
        tr(
            "Per second, by reason; docs/reference/messages.md explains the reasons.",
        ),
        Query(f"max by (reason) ({rate}) and on (reason) ({seen} > 0)", "{{reason}}"),
        unit=RATE,
        decimals=2,
        no_value=tr("No message"),
    )


def _delay(tr: Translator) -> Panel:
    return series(
        tr("Detection delay"),
        tr(
            "From the deadline of a camera to the detection that it is down.",
        ),
        Query(queries.quantile(0.5, "camwatch_detection_delay_seconds"), tr("median"), GREY),
        Query(queries.quantile(0.99, "camwatch_detection_delay_seconds"), "99 %", ORANGE),
        unit=SECONDS,
    )


def _pending(tr: Translator) -> Panel:
    return series(
        tr("Pending writes"),
        tr(
            "Events not stored yet; must fall again.",
        ),
        Query("camwatch_history_pending_events", "{{instance}}"),
        unit=COUNT,
        decimals=0,
    )


def _errors(tr: Translator) -> Panel:
    return series(
        tr("Failures per hour"),
        tr(
            "Failed database writes; refused inventories.",
        ),
        Query("max(increase(camwatch_history_write_errors_total[1h]))", tr("Writes"), VERMILION),
        Query(
            "max(increase(camwatch_inventory_reload_errors_total[1h]))",
            tr("Inventories"),
            ORANGE,
        ),
        unit=COUNT,
        decimals=0,
        steps=True,
    )


def _stalls(tr: Translator) -> Panel:
    return series(
        tr("Time lost"),
        tr(
            "Share of the time in which the process should have run and did not (rule S8).",
        ),
        Query("rate(camwatch_event_loop_stall_seconds_total[$__rate_interval])", "{{instance}}"),
        unit=RATIO,
        decimals=1,
    )


def _process(tr: Translator) -> list[Panel]:
    return [
        series(
            tr("CPU"),
            tr("Share of one core."),
            Query(f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])", "{{instance}}"),
            unit=RATIO,
            decimals=1,
        ),
        series(
            tr("Memory"),
            tr("Resident memory."),
            Query(f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}"),
            unit="bytes",
        ),
        series(
            tr("Open files"),
            tr("Connections included."),
            Query(f"process_open_fds{{{JOB}}}", "{{instance}}"),
            unit=COUNT,
            decimals=0,
        ),
        series(
            tr("Scrape duration"),
            tr(
                "Time that Prometheus takes to read /metrics.",
            ),
            Query(f"scrape_duration_seconds{{{JOB}}}", "{{instance}}"),
            unit=SECONDS,
        ),
    ]
