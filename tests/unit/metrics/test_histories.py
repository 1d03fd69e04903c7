"""Whatever happens to a fleet, its exposition keeps its promises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.core.model import Lifecycle, MaintenanceWindow, Scope
from camwatch.core.telemetry import SessionStatus
from tests.support.examples import examples
from tests.support.fleet import camera
from tests.support.monitor_fixture import BEGIN_S, City, Scraped, registered

IDS = ("cam-1", "cam-2", "cam-3", "cam-4")
_BEGIN_MS = round(BEGIN_S * 1000)
_PLAIN = registered([camera(name) for name in IDS[:3]])
_OTHER = registered(
    [camera("cam-1", site="duranne"), camera("cam-2", lifecycle=Lifecycle.RETIRED), camera("cam-4")],
    windows=(MaintenanceWindow(Scope.CAMERA, "cam-1", _BEGIN_MS + 50_000, _BEGIN_MS + 90_000, "works"),),
)
_DEEDS = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from([0.25, 1.0, 9.0, 12.5, 47.0, 130.0])),
    st.tuples(
        st.just("beat"),
        st.sampled_from(IDS),
        st.fixed_dictionaries(
            {},
            optional={
                "seq": st.integers(0, 3),
                "uptime_s": st.floats(0, 100),
                "ts": st.sampled_from([0.0, BEGIN_S, BEGIN_S + 100]),
                "fps": st.floats(0, 60),
                "frozen": st.booleans(),
                "firmware": st.text(max_size=8),
            },
        ),
    ),
    st.tuples(st.just("word"), st.sampled_from(IDS), st.sampled_from(list(SessionStatus))),
    st.tuples(st.sampled_from(["lose", "regain", "garbage"])),
    st.tuples(st.just("reload"), st.sampled_from([_PLAIN, _OTHER])),
    st.tuples(st.just("sleep"), st.sampled_from([6.0, 60.0])),
    st.tuples(st.just("set clock"), st.sampled_from([-7200.0, -1.0, 1.0, 7200.0])),
)


def _do(city: City, deed: tuple[Any, ...]) -> None:
    inventory = city.watcher.inventory.cameras
    match deed:
        case ("pass", seconds):
            city.pass_s(seconds)
        case ("beat", camera_id, said) if camera_id in inventory:
            city.beat(camera_id, **said)
        case ("word", camera_id, word) if camera_id in inventory:
            city.say(word, camera_id)
        case ("garbage",):
            city.link.message("camwatch/v1/ville/stranger/heartbeat", b"\xff", retained=False)
        case ("lose",) if city.watcher.fleet.links["main"].up:
            city.lose_sight()
        case ("regain",) if not city.watcher.fleet.links["main"].up:
            city.link.subscribed(city.watcher.clock(), session_present=True)
        case ("reload", inventory):
            city.watcher.on_reload(inventory)
        case ("sleep", seconds):
            city.mono += seconds
            city.wall += seconds
        case ("set clock", seconds):
            city.wall += seconds


def _each_camera_is_told_once_and_truly(city: City, scrape: Scraped) -> None:
    now = city.watcher.clock()
    watched = city.watcher.fleet.cameras
    assert {s["camera"] for s in scrape.of("camwatch_camera_info")} == set(watched)
    for name, state in watched.items():
        status = {s["status"]: s.value for s in scrape.of("camwatch_camera_status", camera=name)}
        assert sum(status.values()) == 1
        assert status[state.status_at(now)] == 1
        up = scrape.value("camwatch_camera_up", camera=name)
        assert up == (1 if status["up"] else 0 if status["down"] else None)
        if not status["up"]:
            assert scrape.value("camwatch_camera_suspect", camera=name) == 0
            assert not any(s.value for s in scrape.of("camwatch_camera_degraded", camera=name))


def _operators_add_up(scrape: Scraped) -> None:
    for status in ("up", "down", "unknown", "maintenance", "planned", "retired"):
        cameras = sum(s.value for s in scrape.of("camwatch_camera_status", status=status))
        assert sum(s.value for s in scrape.of("camwatch_operator_cameras", status=status)) == cameras


@pytest.mark.no_cover
@given(st.lists(_DEEDS, max_size=25))
@examples(40)
def test_figures_stay_true_and_counters_never_decrease_over_any_history(deeds: list[tuple[Any, ...]]) -> None:
    city = City(_PLAIN)
    before: dict[str, dict[Any, float]] = {}
    for deed in deeds:
        _do(city, deed)
        scrape = city.scrape()
        _each_camera_is_told_once_and_truly(city, scrape)
        _operators_add_up(scrape)
        now = scrape.counters()
        for camera_id in [*city.watcher.fleet.cameras, ""]:
            mine = {k: v for k, v in now.items() if dict(k[1]).get("camera", "") == camera_id}
            for key, value in before.get(camera_id, {}).items():
                assert mine.get(key, value) >= value, f"{key} fell from {value} after {deed}"
            before[camera_id] = mine
        for gone in set(before) - set(city.watcher.fleet.cameras) - {""}:
            del before[gone]  # a camera that left the inventory begins anew when it returns
    assert Scraped(city.text(openmetrics=True), openmetrics=True).ours() == city.scrape().ours()


@given(st.lists(_DEEDS.filter(lambda deed: deed[0] not in ("reload", "set clock")), max_size=20))
@examples(30)
def test_the_accounts_of_a_camera_sum_to_no_more_than_its_time_in_service(
    deeds: list[tuple[Any, ...]],
) -> None:
    """Rule A1: and they are whole milliseconds, of which none is missing up to what is certain."""
    city = City(_PLAIN)
    for deed in deeds:
        _do(city, deed)
    scrape = city.scrape()
    for name, state in city.watcher.fleet.cameras.items():
        told = sum(
            round(s.value * 1000) for s in scrape.of("camwatch_camera_status_seconds_total", camera=name)
        )
        assert state.accounted_until_ms is not None
        assert told == state.status_time.in_service == state.accounted_until_ms - 5_000_000
        assert told <= round(city.mono * 1000) - 5_000_000
