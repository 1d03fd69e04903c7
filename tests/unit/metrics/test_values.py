"""The figures: what each metric says of a fleet whose story the test tells."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from camwatch.clock import DOUBT_S
from camwatch.core.model import Lifecycle, MaintenanceWindow, Scope
from camwatch.core.telemetry import SessionStatus
from camwatch.errors import ConfigError, ConfigProblem
from camwatch.fleet.inventory import Operator, Site
from camwatch.history.sealing import Seal
from camwatch.metrics.collector import DELAY_BOUNDS_S
from tests.support.fleet import camera
from tests.support.monitor_fixture import BEGIN_S, City, registered

UP = "camwatch_camera_up"
DEGRADED = "camwatch_camera_degraded"
AVAILABILITY = "camwatch_operator_availability_ratio"
COVERAGE = "camwatch_operator_coverage_ratio"
LEDGER = "camwatch_camera_status_seconds_total"


def city(count: int = 1, **row: object) -> City:
    """Return a city of `cam-1` … `cam-<count>`."""
    return City(registered([camera(f"cam-{number}", **row) for number in range(1, count + 1)]))


def status(told: City, camera_id: str = "cam-1") -> str:
    """Return the one status that is 1."""
    samples = told.scrape().of("camwatch_camera_status", camera=camera_id)
    assert sum(sample.value for sample in samples) == 1
    (found,) = [sample["status"] for sample in samples if sample.value]
    return found


def account(told: City, camera_id: str = "cam-1") -> dict[str, float]:
    """Return the seconds in each account that has some."""
    return {s["status"]: s.value for s in told.scrape().of(LEDGER, camera=camera_id) if s.value}


def test_up_is_1_while_up_0_while_down_and_absent_otherwise() -> None:
    told = city()
    assert (status(told), told.scrape().value(UP)) == ("unknown", None)
    told.beat("cam-1")
    assert (status(told), told.scrape().value(UP)) == ("up", 1)
    told.pass_s(46)
    assert (status(told), told.scrape().value(UP)) == ("down", 0)


@pytest.mark.parametrize("lifecycle", [Lifecycle.PLANNED, Lifecycle.RETIRED])
def test_a_camera_out_of_service_is_neither_up_nor_down(lifecycle: Lifecycle) -> None:
    told = city(lifecycle=lifecycle).pass_s(100)
    assert status(told) == lifecycle
    assert told.scrape().value(UP) is None
    assert account(told) == {}


def test_maintenance_covers_up_and_its_account() -> None:
    """Rule V3."""
    begin = round(BEGIN_S * 1000)
    window = MaintenanceWindow(Scope.CAMERA, "cam-1", begin + 20_000, begin + 60_000, "works")
    told = City(registered([camera()], windows=(window,)))
    for _ in range(4):
        told.beat("cam-1").pass_s(10)
    assert (status(told), told.scrape().value(UP)) == ("maintenance", None)
    for _ in range(4):
        told.beat("cam-1").pass_s(10)
    assert (status(told), told.scrape().value(UP)) == ("up", 1)
    assert account(told) == {"up": 35, "maintenance": 40}


def test_a_long_blindness_makes_a_camera_unknown() -> None:
    told = city().beat("cam-1").lose_sight().pass_s(46)
    scrape = told.scrape()
    assert (status(told), scrape.value(UP)) == ("unknown", None)
    assert scrape.value("camwatch_blind") == 1
    assert scrape.value("camwatch_link_up", link="main") == 0


def test_the_accounts_sum_to_the_time_in_service() -> None:
    """Rule A1: nothing is missing, nothing is counted twice."""
    told = city().pass_s(7).beat("cam-1").pass_s(100).beat("cam-1").pass_s(5)
    assert account(told) == {"unknown": 7, "up": 10, "down": 95}


def test_suspect_is_1_only_while_up_and_late() -> None:
    """Rule C1."""
    told = city().beat("cam-1").pass_s(24)
    assert told.scrape().value("camwatch_camera_suspect") == 0
    told.pass_s(2)
    assert told.scrape().value("camwatch_camera_suspect") == 1
    told.pass_s(30)
    assert status(told) == "down"
    assert told.scrape().value("camwatch_camera_suspect") == 0


def test_a_camera_that_changes_too_often_flaps() -> None:
    """Rule C2."""
    told = city()
    for _ in range(4):
        assert told.scrape().value("camwatch_camera_flapping") == 0
        told.beat("cam-1").say(SessionStatus.OFFLINE, "cam-1").pass_s(16)
    assert told.scrape().value("camwatch_camera_flapping") == 1
    assert told.scrape().value("camwatch_camera_outages_total") == 4


def test_a_fault_is_1_while_it_holds_0_for_an_hour_and_then_absent() -> None:
    """Rule C3."""
    told = city().beat("cam-1", frozen=True)
    assert [(s["reason"], s.value) for s in told.scrape().of(DEGRADED)] == [("frozen", 1)]
    told.beat("cam-1", frozen=False)
    assert [(s["reason"], s.value) for s in told.scrape().of(DEGRADED)] == [("frozen", 0)]
    _live(told, 3600)
    assert [(s["reason"], s.value) for s in told.scrape().of(DEGRADED)] == [("frozen", 0)]
    _live(told, 10)
    assert told.scrape().of(DEGRADED) == []


def test_a_down_camera_is_not_degraded_and_its_fault_ends_after_an_hour() -> None:
    """A fault is a condition of a camera that is up."""
    told = city().beat("cam-1", video_loss=True).pass_s(46)
    assert status(told) == "down"
    assert [(s["reason"], s.value) for s in told.scrape().of(DEGRADED)] == [("video_loss", 0)]
    told.pass_s(3600 + 10 - 46)
    assert [s.value for s in told.scrape().of(DEGRADED)] == [0]
    told.pass_s(1)
    assert told.scrape().of(DEGRADED) == []
    told.beat("cam-1")
    assert [s.value for s in told.scrape().of(DEGRADED)] == [1]  # nothing says that the picture is back


def _live(told: City, seconds: int) -> None:
    for _ in range(seconds // 10):
        told.pass_s(10).beat("cam-1")


def test_degraded_time_lies_within_the_time_up() -> None:
    told = city().beat("cam-1", fps=25.0).pass_s(10).beat("cam-1", fps=1.0).pass_s(10).beat("cam-1", fps=25.0)
    told.pass_s(5)
    assert told.scrape().value("camwatch_camera_degraded_seconds_total") == 10
    assert account(told) == {"up": 25}


def test_the_last_heartbeat_is_absent_before_the_first() -> None:
    name = "camwatch_camera_last_heartbeat_timestamp_seconds"
    told = city().pass_s(3)
    assert told.scrape().value(name) is None
    told.beat("cam-1").pass_s(4)
    assert told.scrape().value(name) == BEGIN_S + 3


def test_heartbeats_reboots_and_gaps_are_counted() -> None:
    told = city().beat("cam-1", uptime_s=100.0, seq=5)
    told.pass_s(10).beat("cam-1", uptime_s=110.0, seq=6)
    told.pass_s(12).beat("cam-1", uptime_s=1.0, seq=0).beat("cam-1", uptime_s=1.0, seq=0)
    scrape = told.scrape()
    assert scrape.value("camwatch_camera_heartbeats_total") == 3  # the duplicate proved nothing
    assert scrape.value("camwatch_camera_reboots_total") == 1
    assert scrape.value("camwatch_messages_rejected_total", reason="duplicate") == 1
    assert scrape.value("camwatch_messages_received_total", link="main") == 4
    gap = "camwatch_heartbeat_gap_seconds"
    assert scrape.value(f"{gap}_sum", operator="ville") == 22
    assert [scrape.value(f"{gap}_bucket", le=le) for le in ("7.5", "10.0", "12.5", "+Inf")] == [0, 1, 2, 2]


def test_readings_are_there_as_reported_and_only_where_reported() -> None:
    told = city(2).beat("cam-1", fps=12.5, bitrate_bps=4e6, temperature_celsius=-3.25, storage_used_ratio=0.5)
    scrape = told.scrape()
    readings = {
        "frames_per_second": 12.5,
        "bitrate_bytes_per_second": 5e5,
        "temperature_celsius": -3.25,
        "storage_used_ratio": 0.5,
    }
    for name, value in readings.items():
        (sample,) = scrape.of(f"camwatch_camera_{name}")
        assert (sample["camera"], sample.value) == ("cam-1", value)


def test_the_clock_offset_is_how_far_the_cameras_clock_is_behind() -> None:
    """Rule L7."""
    told = city().beat("cam-1", ts=BEGIN_S - 6.5)
    scrape = told.scrape()
    assert scrape.value("camwatch_camera_clock_offset_seconds") == 6.5
    assert scrape.value(DEGRADED, reason="clock") == 1


def test_after_a_reboot_without_a_clock_there_is_no_clock_offset() -> None:
    """A boot that never said what time it is has no offset, infinite or other."""
    told = city().beat("cam-1", ts=BEGIN_S, uptime_s=100.0).pass_s(10).beat("cam-1", uptime_s=1.0)
    scrape = told.scrape()
    assert scrape.value("camwatch_camera_reboots_total") == 1
    assert scrape.of("camwatch_camera_clock_offset_seconds") == []


def test_incidents_are_1_while_open() -> None:
    """Rules I1, I2."""
    told = city(3)
    incidents = {
        "camwatch_site_incident": {"site": "mairie"},
        "camwatch_operator_incident": {"operator": "ville"},
        "camwatch_link_incident": {"link": "main"},
    }
    told.beat("cam-1", "cam-2", "cam-3")
    assert [told.scrape().value(name, **labels) for name, labels in incidents.items()] == [0, 0, 0]
    told.pass_s(46)
    assert [told.scrape().value(name, **labels) for name, labels in incidents.items()] == [1, 1, 1]
    told.beat("cam-1", "cam-2")
    assert [told.scrape().value(name, **labels) for name, labels in incidents.items()] == [0, 0, 0]


def test_a_site_has_its_coordinates_or_none() -> None:
    name = 'Résidence « Le Jas », dite "l’Étoile"'
    sites = [
        Site("etoile", name, "Jas de Bouffan", 43.123456789012345, 5.1),
        Site("null-island", "Null Island", "Mer", 0.0, -0.00001),
        Site("somewhere", "Quelque part", "Centre-ville"),
    ]
    scrape = City(registered([camera()], sites=sites)).scrape()
    found = {sample["site"]: sample for sample in scrape.of("camwatch_site_info")}
    assert set(found) == {"etoile", "null-island"}, "the camera’s own site has no coordinates either"
    assert {sample.value for sample in found.values()} == {1}
    etoile = found["etoile"]
    assert (etoile["name"], etoile["zone"]) == (name, "Jas de Bouffan")
    assert (float(etoile["latitude"]), etoile["longitude"]) == (43.123456789012345, "5.1")
    assert [float(found["null-island"][axis]) for axis in ("latitude", "longitude")] == [0, -0.00001]


def test_a_reload_moves_a_site() -> None:
    """Rule V6."""
    told = City(registered([camera()], sites=[Site("mairie", "Mairie", "Centre-ville", 43.5, 5.4)]))
    told.watcher.on_reload(
        registered([camera()], sites=[Site("mairie", "Mairie", "Centre-ville", 43.6, 5.4)])
    )
    assert [s["latitude"] for s in told.scrape().of("camwatch_site_info")] == ["43.6"]


def test_operators_have_camera_counts_and_their_objective() -> None:
    operators = (Operator("ville", "Ville", 0.995), Operator("sacogiva", "Sacogiva"))
    rows = [
        camera("cam-1"),
        camera("cam-2"),
        camera("cam-3", operator="sacogiva", lifecycle=Lifecycle.PLANNED),
    ]
    scrape = City(registered(rows, operators)).beat("cam-1").scrape()
    cameras = "camwatch_operator_cameras"
    assert scrape.value(cameras, operator="ville", status="up") == 1
    assert scrape.value(cameras, operator="ville", status="unknown") == 1
    assert scrape.value(cameras, operator="sacogiva", status="planned") == 1
    assert sum(sample.value for sample in scrape.of(cameras)) == 3
    (objective,) = scrape.of("camwatch_operator_objective_ratio")
    assert (objective["operator"], objective.value) == ("ville", 0.995)


def test_availability_and_coverage_are_told_for_every_window() -> None:
    """Rules A2-A5: an hour of two cameras, of which one falls silent half way and one is never heard."""
    operators = (Operator("ville", "Ville"), Operator("sacogiva", "Sacogiva"))
    rows = [camera("cam-1"), camera("cam-2"), camera("cam-3", operator="sacogiva")]
    told = City(registered(rows, operators)).beat("cam-1", "cam-2")
    for _ in range(180):
        told.pass_s(10).beat("cam-1", "cam-2")
    for _ in range(180):
        told.pass_s(10).beat("cam-1")
    scrape = told.scrape()
    up, down = 3600 + 1805, 1795
    for window in ("1h", "24h", "7d", "30d", "365d", "day", "week", "month", "year"):
        ville = {"operator": "ville", "window": window}
        assert scrape.value(AVAILABILITY, **ville) == up / (up + down)
        assert scrape.value(COVERAGE, **ville) == 1
        other = {"operator": "sacogiva", "window": window}
        assert scrape.value(AVAILABILITY, **other) == 0
        assert scrape.value(COVERAGE, **other) == 3590 / 3600
    assert len(scrape.of(AVAILABILITY)) == len(scrape.of(COVERAGE)) == 2 * 9


def test_there_is_no_ratio_without_covered_time() -> None:
    """Rule A2: no value, never 0 or 100 %. Coverage of time that is all unknown is 0."""
    told = city()
    assert told.scrape().of(AVAILABILITY) == told.scrape().of(COVERAGE) == []
    told.pass_s(5)
    assert told.scrape().of(AVAILABILITY) == []
    assert {sample.value for sample in told.scrape().of(COVERAGE)} == {0}
    told.beat("cam-1").pass_s(5)
    assert {sample.value for sample in told.scrape().of(AVAILABILITY)} == {1}
    assert {sample.value for sample in told.scrape().of(COVERAGE)} == {0.5}


def test_before_the_operators_accounts_are_derived_nothing_is_said_of_them() -> None:
    told = city().beat("cam-1").pass_s(5)
    told.rolling = None
    families = {family.name for family in told.scrape().families}
    assert families.isdisjoint({AVAILABILITY, COVERAGE})
    assert "camwatch_operator_cameras" in families


def test_what_is_not_stored_yet_and_failures_of_the_store_are_counted() -> None:
    told = city()
    told.history = told.history._replace(sealed=Seal(7, "00000000001f" + "a" * 52))
    assert told.scrape().value("camwatch_history_seals") == 7
    assert told.scrape().value("camwatch_history_seal_head") == 0x1F
    told.history = told.history._replace(pending=17, write_errors=3)
    assert told.scrape().value("camwatch_history_pending_events") == 17
    assert told.scrape().value("camwatch_history_write_errors_total") == 3


def test_the_delay_from_deadline_to_notice_is_observed_once_per_conviction() -> None:
    told = city(2).beat("cam-1").pass_s(1.5).beat("cam-2").pass_s(46)  # cam-2's deadline falls between looks
    delay = "camwatch_detection_delay_seconds"
    scrape = told.scrape()
    assert scrape.value(f"{delay}_count") == 2
    assert scrape.value(f"{delay}_sum") == pytest.approx(0.5)
    buckets = [sample.value for sample in scrape.of(f"{delay}_bucket")]
    assert len(buckets) == len(DELAY_BOUNDS_S) + 1
    assert buckets == sorted(buckets)
    assert buckets[0] == 1
    assert scrape.value(f"{delay}_bucket", le="0.5") == 2


def test_stalls_clock_steps_and_strangers_are_told() -> None:
    told = city().beat("cam-1")
    told.mono += 30
    told.wall += 30
    told.pass_s(1)
    told.wall += 3600
    told.link.message("camwatch/v1/ville/nobody/heartbeat", b"", retained=False)
    told.link.message("camwatch/v1/ville/nobody/heartbeat", b"", retained=False)
    told.pass_s(1)
    scrape = told.scrape()
    assert scrape.value("camwatch_event_loop_stall_seconds_total") == 31
    assert scrape.value("camwatch_clock_steps_total") == 1
    assert scrape.value("camwatch_unregistered_cameras") == 1
    assert scrape.value("camwatch_messages_rejected_total", reason="unregistered") == 2


def test_a_reload_changes_rows_labels_and_the_time_of_the_inventory() -> None:
    """Rule V6: the counters of a camera that stays go on."""
    told = city(2).beat("cam-1", "cam-2").pass_s(10)
    assert told.scrape().value("camwatch_inventory_last_reload_success_timestamp_seconds") == BEGIN_S
    told.watcher.on_reload(registered([camera("cam-1", name="Nouveau"), camera("cam-3")]))
    scrape = told.scrape()
    assert {(s["camera"], s["name"]) for s in scrape.of("camwatch_camera_info")} == {
        ("cam-1", "Nouveau"),
        ("cam-3", "cam-3"),
    }
    assert scrape.value("camwatch_camera_heartbeats_total", camera="cam-1") == 1
    assert scrape.value("camwatch_inventory_last_reload_success_timestamp_seconds") == BEGIN_S + 10


def test_a_refused_reload_is_counted_and_changes_nothing() -> None:
    told = city().beat("cam-1")
    told.watcher.on_reload_failed(ConfigError((ConfigProblem("cameras.csv, line 3", "no camera"),)))
    scrape = told.scrape()
    assert scrape.value("camwatch_inventory_last_reload_successful") == 0
    told.watcher.on_reload(told.watcher.inventory)
    assert told.scrape().value("camwatch_inventory_last_reload_successful") == 1
    assert scrape.value("camwatch_inventory_reload_errors_total") == 1
    assert scrape.value("camwatch_camera_heartbeats_total") == 1


def test_a_reload_in_mid_scrape_leaves_the_scrape_whole() -> None:
    told = city(2)
    pieces = told.exposition.render()
    begun = next(pieces)
    told.watcher.on_reload(registered([camera("cam-3")]))
    assert "cam-1" in begun + "".join(pieces)
    assert {s["camera"] for s in told.scrape().of("camwatch_camera_info")} == {"cam-3"}


def test_the_offset_from_utc_is_that_of_the_configured_zone_now() -> None:
    """A5: in Paris two hours in summer, one in winter."""
    told = city()
    offsets = []
    told.wall = datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC).timestamp() - DOUBT_S
    told.scrape()
    for seconds in (DOUBT_S, 2):
        told.pass_s(seconds)
        offsets.append(told.scrape().value("camwatch_timezone_offset_seconds"))
    assert offsets == [7200, 3600]
