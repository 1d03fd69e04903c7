"""What cameras themselves put into labels, and what is refused of them."""

from __future__ import annotations

from camwatch.metrics.camera_renderer import FIRMWARE_KEPT_S
from tests.support.fleet import camera
from tests.support.monitor_fixture import City, registered

REJECTED = "camwatch_camera_messages_rejected_total"


def labels(city: City) -> set[str]:
    """Return the firmware of each series of the camera's information."""
    return {sample["firmware"] for sample in city.scrape().of("camwatch_camera_info")}


def test_a_firmware_is_a_label_at_once_and_then_changes_once_an_hour() -> None:
    """A camera that says another at each heartbeat makes one series an hour; its page follows at once."""
    city = City(registered([camera("cam-1")]))
    assert labels(city) == {""}
    seen = set()
    beats = round(2.5 * FIRMWARE_KEPT_S / 600)
    for number in range(beats):
        city.beat("cam-1", firmware=f"v{number}", uptime_s=0.0).pass_s(600)
        seen |= labels(city)
    assert seen == {"v0", "v6", "v12"}
    assert city.watcher.fleet.cameras["cam-1"].firmware == f"v{beats - 1}"


def test_a_reload_is_no_way_around_that() -> None:
    city = City(registered([camera("cam-1")]))
    city.beat("cam-1", firmware="v1")
    assert labels(city) == {"v1"}
    city.watcher.load_inventory(registered([camera("cam-1", name="Place")]))
    city.beat("cam-1", firmware="v2")
    assert labels(city) == {"v1"}
    (info,) = city.scrape().of("camwatch_camera_info")
    assert info["name"] == "Place"


def test_rejections_are_counted_by_camera_and_reason_where_present() -> None:
    """L10."""
    city = City(registered([camera("cam-1"), camera("cam-2")]))
    city.beat("cam-1", seq=1, uptime_s=5.0).beat("cam-1", seq=1, uptime_s=5.0)
    city.send("heartbeat", b"[]", "cam-1").send("heartbeat", b"{", "cam-1")
    city.link.message("camwatch/v1/stranger/cam-2/heartbeat", b"", retained=False)
    found = {(s["camera"], s["reason"]): s.value for s in city.scrape().of(REJECTED)}
    assert found == {("cam-1", "duplicate"): 1, ("cam-1", "malformed"): 2, ("cam-2", "wrong_operator"): 1}


def test_a_refusal_that_is_not_stored_yet_is_not_exported() -> None:
    """A crash would take it back."""
    city = City(registered([camera("cam-1")]))
    city.send("heartbeat", b"{", "cam-1")
    assert f"{REJECTED}{{" not in "".join(city.exposition.render())
    assert city.scrape().value(REJECTED, camera="cam-1", reason="malformed") == 1


def test_what_was_refused_of_a_camera_that_left_is_not_told_any_more() -> None:
    city = City(registered([camera("cam-1"), camera("cam-2")]))
    city.send("heartbeat", b"{", "cam-1", "cam-2")
    city.watcher.load_inventory(registered([camera("cam-2")]))
    assert [sample["camera"] for sample in city.scrape().of(REJECTED)] == ["cam-2"]


def test_each_field_has_its_count_of_drops_from_the_start() -> None:
    """C4."""
    city = City(registered([camera("cam-1")]))
    city.send("heartbeat", b'{"fps":-1,"temperature_celsius":NaN}', "cam-1")
    counts = {
        s["field"]: s.value for s in city.scrape().of("camwatch_fields_dropped_total", source="camwatch")
    }
    assert {field for field, count in counts.items() if count} == {"fps", "temperature_celsius"}
    assert len(counts) == 12
