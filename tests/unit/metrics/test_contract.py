"""The public names: what is exported is what the catalogue and the contract say, from the first scrape."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from camwatch.core.model import Status
from camwatch.errors import RejectReason
from camwatch.fleet.inventory import load_inventory
from camwatch.metrics.collector import FAMILIES
from tests.support.fleet import camera
from tests.support.monitor_fixture import City, Scraped, registered
from tests.support.paths import FLEET

ROWS = 472
CAMERA = {"camera", "operator", "site"}

PER_ROW = {  # name: (type, labels beside the camera's own, samples per camera)
    "camwatch_camera_info": ("gauge", {"zone", "purpose", "name", "model", "firmware"}, 1),
    "camwatch_camera_status": ("gauge", {"status"}, 6),
    "camwatch_camera_status_since_timestamp_seconds": ("gauge", set[str](), 1),
    "camwatch_camera_suspect": ("gauge", set[str](), 1),
    "camwatch_camera_flapping": ("gauge", set[str](), 1),
    "camwatch_camera_heartbeats_total": ("counter", set[str](), 1),
    "camwatch_camera_outages_total": ("counter", set[str](), 1),
    "camwatch_camera_reboots_total": ("counter", set[str](), 1),
    "camwatch_camera_status_seconds_total": ("counter", {"status"}, 4),
    "camwatch_camera_degraded_seconds_total": ("counter", set[str](), 1),
}
WHERE_PLANNED = {"camwatch_camera_commission_by_timestamp_seconds": set[str]()}
WHERE_KNOWN = {
    "camwatch_camera_up": set[str](),
    "camwatch_camera_degraded": {"reason"},
    "camwatch_camera_last_heartbeat_timestamp_seconds": set[str](),
    "camwatch_camera_frames_per_second": set[str](),
    "camwatch_camera_bitrate_bytes_per_second": set[str](),
    "camwatch_camera_temperature_celsius": set[str](),
    "camwatch_camera_storage_used_ratio": set[str](),
    "camwatch_camera_clock_offset_seconds": set[str](),
}
WHERE_REFUSED = {"camwatch_camera_messages_rejected_total": {"reason"}}
WHERE_COVERED = {  # not before there is some time to divide by, or some cameras to ask
    "camwatch_operator_availability_ratio": {"operator", "window"},
    "camwatch_operator_coverage_ratio": {"operator", "window"},
    "camwatch_clock_fleet_offset_seconds": set[str](),
}
OF_SOME_OPERATORS = {"camwatch_link_operator_info": ("gauge", {"link", "operator"})}
WITH_A_CANARY = {"camwatch_canary_round_trip_seconds": ("histogram", {"link"})}
OTHERS = {
    "camwatch_operator_cameras": ("gauge", {"operator", "status"}),
    "camwatch_operator_objective_ratio": ("gauge", {"operator"}),
    "camwatch_heartbeat_gap_seconds": ("histogram", {"operator"}),
    "camwatch_site_info": ("gauge", {"site", "name", "zone", "latitude", "longitude"}),
    "camwatch_site_incident": ("gauge", {"site"}),
    "camwatch_operator_incident": ("gauge", {"operator"}),
    "camwatch_link_incident": ("gauge", {"link"}),
    "camwatch_operator_blind": ("gauge", {"operator"}),
    "camwatch_timezone_offset_seconds": ("gauge", set[str]()),
    "camwatch_build_info": ("gauge", {"version", "python"}),
    "camwatch_link_lag_seconds": ("gauge", {"link"}),
    "camwatch_link_up": ("gauge", {"link"}),
    "camwatch_ready": ("gauge", set[str]()),
    "camwatch_blind": ("gauge", set[str]()),
    "camwatch_messages_received_total": ("counter", {"link"}),
    "camwatch_messages_rejected_total": ("counter", {"reason"}),
    "camwatch_fields_dropped_total": ("counter", {"source", "field"}),
    "camwatch_unregistered_cameras": ("gauge", set[str]()),
    "camwatch_detection_delay_seconds": ("histogram", set[str]()),
    "camwatch_event_loop_stall_seconds_total": ("counter", set[str]()),
    "camwatch_history_pending_events": ("gauge", set[str]()),
    "camwatch_history_write_errors_total": ("counter", set[str]()),
    "camwatch_history_seals": ("gauge", set[str]()),
    "camwatch_history_seal_head": ("gauge", set[str]()),
    "camwatch_inventory_reload_errors_total": ("counter", set[str]()),
    "camwatch_inventory_reload_held": ("gauge", set[str]()),
    "camwatch_inventory_last_reload_success_timestamp_seconds": ("gauge", set[str]()),
    "camwatch_http_requests_total": ("counter", {"code"}),
    "camwatch_http_request_duration_seconds": ("histogram", set[str]()),
    "camwatch_inventory_last_reload_successful": ("gauge", set[str]()),
    "camwatch_log_lines_dropped_total": ("counter", set[str]()),
    "camwatch_clock_steps_total": ("counter", set[str]()),
    "camwatch_now_timestamp_seconds": ("gauge", set[str]()),
    "camwatch_record_ahead_seconds": ("gauge", set[str]()),
    "camwatch_auth_reload_errors_total": ("counter", set[str]()),
    "camwatch_auth_logins_total": ("counter", set[str]()),
    "camwatch_http_requests_denied_total": ("counter", {"reason"}),
}


@pytest.fixture(scope="module")
def first() -> Scraped:
    """Return the very first scrape of the reference fleet, before any link connected."""
    return City(load_inventory(FLEET, ZoneInfo("Europe/Paris")), subscribed=False).scrape()


def test_the_catalogue_holds_the_public_names_types_and_labels() -> None:
    public = {name: (kind, CAMERA | labels) for name, (kind, labels, _) in PER_ROW.items()}
    public |= {name: ("gauge", CAMERA | labels) for name, labels in (WHERE_KNOWN | WHERE_PLANNED).items()}
    public |= {name: ("gauge", labels) for name, labels in WHERE_COVERED.items()}
    public |= {name: ("counter", CAMERA | labels) for name, labels in WHERE_REFUSED.items()}
    public |= OTHERS | WITH_A_CANARY | OF_SOME_OPERATORS
    assert {metric.name: (metric.type, set(metric.labels)) for metric in FAMILIES} == public


@pytest.mark.parametrize("openmetrics", [False, True])
def test_what_is_exported_is_the_catalogue_and_nothing_else(openmetrics: bool) -> None:
    city = City(registered([camera()]), subscribed=False)
    told = Scraped(city.text(openmetrics=openmetrics), openmetrics=openmetrics).families
    ours = {f.name: (f.type, f.documentation) for f in told if not f.name.startswith(("process_", "python_"))}
    # A parser names the family of a counter without `_total`, in both formats.
    assert ours == {metric.name.removesuffix("_total"): (metric.type, metric.help) for metric in FAMILIES}


@pytest.mark.parametrize("name", PER_ROW)
def test_every_row_is_there_from_the_first_scrape(first: Scraped, name: str) -> None:
    _, labels, each = PER_ROW[name]
    samples = first.of(name)
    assert len(samples) == ROWS * each
    assert len({sample["camera"] for sample in samples}) == ROWS
    assert {frozenset(dict(sample.labels)) for sample in samples} == {frozenset(CAMERA | labels)}


def test_a_date_to_be_commissioned_by_is_told_of_planned_cameras_alone(first: Scraped) -> None:
    """V1."""
    (name,) = WHERE_PLANNED
    dated = {sample["camera"] for sample in first.of(name)}
    planned = {
        sample["camera"] for sample in first.of("camwatch_camera_status", status="planned") if sample.value
    }
    assert len(dated) == 14
    assert dated <= planned


@pytest.mark.parametrize("name", [*WHERE_KNOWN, *WHERE_REFUSED, *WHERE_COVERED])
def test_nothing_is_said_of_a_camera_that_nobody_knows_yet(first: Scraped, name: str) -> None:
    assert first.of(name) == []
    assert name.removesuffix("_total") in {family.name for family in first.families}


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_metrics_are_there_from_the_first_scrape(first: Scraped, name: str) -> None:
    kind, labels = OTHERS[name]
    suffix = "_count" if kind == "histogram" else ""
    samples = first.of(name + suffix)
    assert samples
    assert {frozenset(dict(sample.labels)) for sample in samples} == {frozenset(labels)}


def test_each_set_of_label_values_is_complete_from_the_first_scrape(first: Scraped) -> None:
    def values(name: str, label: str) -> set[str]:
        return {sample[label] for sample in first.of(name)}

    assert values("camwatch_camera_status", "status") == set(Status)
    assert values("camwatch_operator_cameras", "status") == set(Status)
    assert values("camwatch_messages_rejected_total", "reason") == set(RejectReason)
    accounts = {"up", "down", "unknown", "maintenance"}
    assert values("camwatch_camera_status_seconds_total", "status") == accounts


def test_an_operator_without_cameras_has_counts_of_zero(first: Scraped) -> None:
    for operator in ("bailleur-4", "bailleur-8"):
        counts = first.of("camwatch_operator_cameras", operator=operator)
        assert [sample.value for sample in counts] == [0.0] * 6
        assert first.value("camwatch_heartbeat_gap_seconds_count", operator=operator) == 0
        assert first.value("camwatch_operator_incident", operator=operator) == 0


def test_the_fleet_is_unknown_or_planned_before_the_first_heartbeat(first: Scraped) -> None:
    def count(status: str) -> float:
        return sum(sample.value for sample in first.of("camwatch_operator_cameras", status=status))

    assert (count("unknown"), count("planned"), count("up"), count("down")) == (458, 14, 0, 0)
    assert first.value("camwatch_blind") == 1
    assert first.value("camwatch_link_up", link="main") == 0


def test_labels_come_from_the_inventory(first: Scraped) -> None:
    inventory = load_inventory(FLEET, ZoneInfo("Europe/Paris"))
    told = {
        (s["camera"], s["operator"], s["site"], s["zone"], s["purpose"], s["name"], s["model"])
        for s in first.of("camwatch_camera_info")
    }
    rows = inventory.cameras.values()
    assert told == {(c.id, c.operator, c.site, c.zone, str(c.purpose), c.name, c.model) for c in rows}
    assert {s["firmware"] for s in first.of("camwatch_camera_info")} == {""}


def test_every_site_of_the_reference_fleet_has_a_place(first: Scraped) -> None:
    inventory = load_inventory(FLEET, ZoneInfo("Europe/Paris"))
    told = {
        s["site"]: (s["name"], s["zone"], float(s["latitude"]), float(s["longitude"]))
        for s in first.of("camwatch_site_info")
    }
    assert told == {s.id: (s.name, s.zone, s.latitude, s.longitude) for s in inventory.sites.values()}
