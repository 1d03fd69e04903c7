"""The reference fleet, whole: 458 cameras on one broker, and a site of 13 that goes away."""

from __future__ import annotations

import asyncio
import csv
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.daemon import Daemon, Line, Metrics, broker, config, running
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.pace import PATIENCE_S, SCALE
from tests.support.paths import FLEET

SITE = "la-duranne"
INTERVAL = timedelta(seconds=SCALE)
DOWN_AFTER = 4.5 * INTERVAL
HINT_HOLD = timedelta(seconds=SCALE)
LAST_HEARTBEAT = "camwatch_camera_last_heartbeat_timestamp_seconds"
DELAYS = "camwatch_detection_delay_seconds"
MILLISECOND = timedelta(milliseconds=1)


def cameras(lifecycle: str, site: str | None = None) -> set[str]:
    """Return the ids of the fleet's cameras in this part of their life, at one site or all."""
    with (FLEET / "cameras.csv").open(encoding="utf-8") as file:
        return {
            row["camera_id"]
            for row in csv.DictReader(file)
            if row["lifecycle"] == lifecycle and site in (None, row["site_id"])
        }


ALL, THERE = cameras("in_service"), cameras("in_service", SITE)


@asynccontextmanager
async def camsim(url: str, folder: Path, *faults: str) -> AsyncIterator[None]:
    """Run `camsim run` for the fleet, all cameras connected; it must end in order when asked."""
    command = [str(Path(sys.executable).with_name("camsim")), "run", "--broker", url, "--fleet", str(FLEET)]
    command += ["--interval", str(INTERVAL.total_seconds())]
    command += [part for fault in faults for part in ("--action", fault)]
    said = folder / "camsim.log"
    with said.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        await eventually(lambda: "458/458 connected" in said.read_text() or process.returncode is not None)
        assert process.returncode is None, said.read_text()
        yield
    finally:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            code = await process.wait()
    assert code == 0, said.read_text()


async def with_statuses(daemon: Daemon, expected: dict[str, str]) -> Metrics:
    """Wait until the cameras in service have these statuses, and return a whole scrape of then."""

    def reached(now: Metrics) -> bool:
        found = now.statuses()
        return all(found[name] == status for name, status in expected.items())

    await daemon.until(reached, "camwatch_camera_status")
    return await daemon.metrics()


def assert_only_the_site_is_down(metrics: Metrics, outages: int) -> None:
    """I1: in every view; `outages` is how many each of the site's cameras has had by now."""
    statuses = metrics.statuses()
    assert {name for name, status in statuses.items() if status == "down"} == THERE
    assert {name for name, status in statuses.items() if status == "up"} == ALL - THERE
    assert {name for name, status in statuses.items() if status == "planned"} == cameras("planned")
    assert metrics.by("camera", "camwatch_camera_up") == {name: float(name not in THERE) for name in ALL}
    counted = metrics.by("camera", "camwatch_camera_outages_total")
    assert counted == {name: outages * (name in THERE) for name in statuses}
    assert metrics.value("camwatch_operator_cameras", operator="ville", status="down") == 13
    open_incidents = [labels for labels, value in metrics.find("camwatch_site_incident") if value == 1]
    assert open_incidents == [{"site": SITE}]
    assert not any(value for _, value in metrics.find("camwatch_operator_incident"))
    assert not any(value for _, value in metrics.find("camwatch_link_incident"))


def instants(line: Line, metrics: Metrics) -> tuple[datetime, datetime, datetime]:
    """Return when a camera's last heartbeat came, since when it was down, and when that was noticed."""
    last = metrics.value(LAST_HEARTBEAT, camera=line["camera"])
    assert last is not None
    at, noticed = datetime.fromisoformat(line["at"]), datetime.fromisoformat(line["detected_at"])
    return datetime.fromtimestamp(last, tz=at.tzinfo), at, noticed


def assert_silence_was_dated(line: Line, metrics: Metrics) -> None:
    """L2, L3, E1."""
    last, at, noticed = instants(line, metrics)
    assert line["cause"] == "timeout"
    assert abs(at - last - INTERVAL / 2) <= MILLISECOND
    assert noticed - last >= DOWN_AFTER - MILLISECOND


def assert_will_was_dated(line: Line, metrics: Metrics) -> None:
    """L5, E1: `at` the arrival of the will, soon after the death; noticed when the hold was over."""
    last, at, noticed = instants(line, metrics)
    assert line["cause"] == "will"
    assert last < at <= last + 1.5 * INTERVAL + MILLISECOND
    assert noticed - at >= HINT_HOLD - MILLISECOND


async def watch_the_site_go_and_return(
    daemon: Daemon, check: Callable[[Line, Metrics], None], outages: int
) -> None:
    """Wait until the site is down and see that all is as it should be; then until it is back."""
    down = await with_statuses(daemon, dict.fromkeys(THERE, "down"))
    assert_only_the_site_is_down(down, outages)
    lines = daemon.log("camera down")[-13:]
    assert {line["camera"] for line in lines} == THERE
    for line in lines:
        check(line, down)
    assert down.value(f"{DELAYS}_count") == 13 * outages
    incidents = daemon.log("site incident began")
    assert len(incidents) == outages
    assert incidents[-1]["site"] == SITE
    assert incidents[-1]["since"] == min(line["at"] for line in lines)
    after = await with_statuses(daemon, dict.fromkeys(ALL, "up"))
    assert not any(value for _, value in after.find("camwatch_site_incident"))
    assert len(daemon.log("site incident ended", site=SITE)) == outages
    assert after.outages() == 13 * outages


async def test_a_site_that_goes_away_is_one_incident_and_nobody_else_is_harmed(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """I1, L3, L5: 458 up; 13 down, first by silence, then by their wills; and up again each time."""
    settings = config(
        FLEET,
        broker(mosquitto.url),
        interval_s=INTERVAL.total_seconds(),
        will_grace_s=HINT_HOLD.total_seconds(),
    )
    faults = (
        f"{{action: network_cut, on: {{site: {SITE}}}, at: 8, for: 10}}",
        f"{{action: power_cut, on: {{site: {SITE}}}, at: 26, for: 8}}",
    )
    async with camsim(mosquitto.url, tmp_path, *faults), running(tmp_path, settings) as daemon:
        before = await with_statuses(daemon, dict.fromkeys(ALL, "up"))
        assert sum(value for _, value in before.find("camwatch_operator_cameras", status="up")) == 458
        assert before.outages() == 0
        await watch_the_site_go_and_return(daemon, assert_silence_was_dated, 1)
        await watch_the_site_go_and_return(daemon, assert_will_was_dated, 2)
        assert len(daemon.log("link subscribed")) == 1
