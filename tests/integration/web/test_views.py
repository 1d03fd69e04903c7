"""What the window says of cameras, groups and times, against what is known of the town."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from camwatch.accounting.records import MaintenanceRecord
from camwatch.accounting.rolling_window import WINDOWS
from camwatch.core.conditions import REASON_NAMES
from camwatch.core.model import Purpose, Scope, Status
from camwatch.core.telemetry import SessionStatus
from camwatch.history.dialects import read_transaction
from camwatch.history.outage_list import outages
from camwatch.monitoring.service import MonitorService
from camwatch.services.history import KnownCamera
from camwatch.web.auth.principal import LOCAL_ADMIN, Principal
from camwatch.web.problems import ProblemError
from camwatch.web.views import cameras, fleet, history, incidents, inventory, maintenance, service_levels
from camwatch.web.views.base import run_sync, to_datetime
from camwatch.web.views.cameras import Condition, Filter, Sort
from camwatch.web.views.maintenance import MaintenanceScope
from tests.support.web.two_operator_app import BEGIN_MS, LANDLORD, MAYOR, OURS, READER, THEIRS, Town, town

HOUR = 3_600_000


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    yield from town(tmp_path_factory.mktemp("town"))


def incidents_of(live: MonitorService, viewer: Principal) -> list[incidents.IncidentView]:
    return [incidents.view(live, each) for each in incidents.open_incidents(live, viewer)]


def ids(town_: Town, wanted: Filter, sort: str = Sort.ID) -> list[str]:
    return [state.camera.id for state in run_sync(cameras.query(town_.watcher, READER, wanted, sort))]


def test_every_reason_for_being_degraded_can_be_asked_for() -> None:
    assert set(REASON_NAMES.values()) < set(Condition)


FILTERS = [
    (Filter(site="park"), ["ville-park"]),
    (Filter(zone="Jas"), ["ville-park"]),
    (Filter(purpose=Purpose.TRAFFIC), ["ville-park"]),
    (Filter(status=(Status.DOWN,)), ["ville-1", "ville-2", "ville-3"]),
    (Filter(status=(Status.PLANNED, Status.RETIRED)), ["ville-plan"]),
    (Filter(condition=("video_loss",)), ["ville-4"]),
    (Filter(condition=("degraded", "suspect")), ["ville-4", "ville-5"]),
    (Filter(condition=("overdue",)), ["ville-plan"]),
    (Filter(operator=THEIRS), []),
    (Filter(q="PARC jourdan"), ["ville-park"]),
    (Filter(q="camera 4"), ["ville-4"]),
    (Filter(q="zulu"), []),
]


@pytest.mark.parametrize(("wanted", "found"), FILTERS)
def test_filters_narrow_what_is_seen(here: Town, wanted: Filter, found: list[str]) -> None:
    assert ids(here, wanted) == found


def test_what_is_not_well_comes_first_and_each_order_can_be_turned_around(here: Town) -> None:
    usual = ids(here, Filter(), Sort.SEVERITY)
    assert usual[:3] == ["ville-1", "ville-2", "ville-3"]
    assert usual[3:] == ["ville-5", "ville-4", "ville-plan", "ville-park"]
    for sort in Sort:
        assert ids(here, Filter(), f"-{sort}") == ids(here, Filter(), sort)[::-1]


def test_a_row_says_why_and_since_when(here: Town) -> None:
    row = cameras.to_row(here.watcher, cameras.get(here.watcher, LOCAL_ADMIN, "ville-1"))
    assert (row.status, row.cause, row.site_name) == (Status.DOWN, "timeout", "Mairie")
    assert row.since == datetime(2026, 1, 1, 10, 11, 55, tzinfo=UTC)
    assert (row.latitude, row.longitude) == (43.52, 5.44)
    up = cameras.to_row(here.watcher, cameras.get(here.watcher, LOCAL_ADMIN, "ville-4"))
    assert (up.status, up.cause, up.degraded) == (Status.UP, None, ("video_loss",))


def test_one_camera_tells_all_that_is_known_of_it(here: Town) -> None:
    detail = cameras.detail(here.watcher, READER, "ville-1")
    assert (detail.model, detail.interval_s, detail.down_after_s) == ("AX-1", 10.0, 45.0)
    assert detail.values.fps == 25.0
    assert [(each.kind, each.id) for each in detail.incidents] == [("site", "mairie")]
    with pytest.raises(ProblemError) as caught:
        cameras.detail(here.watcher, READER, "zulu-1")
    assert caught.value.status == 404


def test_counts_add_up_for_whoever_asks(here: Town) -> None:
    everything = run_sync(fleet.counts(here.watcher, LOCAL_ADMIN))
    ours = run_sync(fleet.counts(here.watcher, READER))
    assert (everything.total, ours.total) == (len(here.watcher.inventory.cameras), 7)
    assert (ours.up, ours.down, ours.planned, ours.in_service) == (3, 3, 1, 6)
    assert (ours.suspect, ours.degraded, ours.worst) == (1, 1, Status.DOWN)
    by_site = [site.counts.total for site in run_sync(fleet.sites(here.watcher, LOCAL_ADMIN))]
    by_operator = [
        each.counts.total for each in run_sync(fleet.operators(here.watcher, LOCAL_ADMIN, here.rolling))
    ]
    assert sum(by_site) == sum(by_operator) == everything.total


def test_the_sites_of_somebody_are_those_where_there_are_cameras_to_see(here: Town) -> None:
    found = {site.id: site.worst for site in run_sync(fleet.sites(here.watcher, READER))}
    assert found == {"mairie": Status.DOWN, "park": Status.UP}


def test_an_operator_has_every_window(here: Town) -> None:
    view = run_sync(fleet.operator(here.watcher, READER, OURS, here.rolling))
    assert list(view.windows) == list(WINDOWS)
    assert view.objective == 0.98
    account = view.windows["24h"]
    assert account.in_service_ms == 6 * 92 * 60_000


def test_blindness_is_told_to_those_whose_cameras_are_in_the_dark(new_town: Town) -> None:
    now = new_town.watcher.clock()
    new_town.receivers["main"].lost(now, now, "as the test asked")
    assert fleet.blind(new_town.watcher, READER).operators == (OURS,)
    assert fleet.blind(new_town.watcher, LOCAL_ADMIN).operators == (OURS,)  # theirs have another link
    assert [link.up for link in fleet.links(new_town.watcher, LOCAL_ADMIN)] == [False, True]
    assert not run_sync(fleet.fleet(new_town.watcher, LOCAL_ADMIN)).ready


@pytest.fixture
def new_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    yield from town(tmp_path_factory.mktemp("town"))


def test_an_incident_is_seen_whole_by_who_sees_all(here: Town) -> None:
    (whole,) = incidents_of(here.watcher, LOCAL_ADMIN)
    (ours,) = incidents_of(here.watcher, MAYOR)
    assert (len(whole.cameras), whole.down, whole.name) == (6, 6, "Mairie")
    assert (len(ours.cameras), ours.down) == (3, 3)
    assert len(incidents.open_incidents(here.watcher, MAYOR)) == 1


def test_the_inventory_tells_what_is_wrong_with_it(here: Town) -> None:
    view = inventory.inventory(here.watcher, LOCAL_ADMIN)
    assert [each.camera for each in view.overdue] == ["ville-plan", "zulu-plan"]
    assert (view.unregistered, view.rejected["unregistered"]) == (1, 1)
    assert [each.id for each in inventory.unregistered(here.watcher, LOCAL_ADMIN)] == ["zulu-stranger"]


# --- what was


def test_levels_are_sums_of_cameras_and_agree_with_the_windows(here: Town) -> None:
    now = here.watcher.now.utc_ms
    archive = here.parts.history
    record = archive.read((OURS,), now - 24 * HOUR, now)
    found = service_levels.levels(
        record, here.watcher.inventory, {Purpose.TRAFFIC: 0.9}, now - 24 * HOUR, now
    )
    total = run_sync(fleet.operator(here.watcher, READER, OURS, here.rolling)).windows["24h"]
    assert found.total == total
    assert sum(line.account.up_ms for line in found.cameras) == total.up_ms
    assert [(line.id, line.objective) for line in found.operators] == [(OURS, 0.98)]
    assert {line.id: line.objective for line in found.purposes}["traffic"] == 0.9
    assert sum(line.outages for line in found.sites) == 4


def test_a_cameras_ledger_days_and_life_are_of_one_account(here: Town) -> None:
    now, zone = here.watcher.now.utc_ms, here.watcher.timezone
    record = here.parts.history.read((OURS,), now - service_levels.YEAR_MS, now, camera="ville-1")
    year = service_levels.windows(record, zone, now)["365d"]
    today = date(2026, 1, 1)
    (day,) = service_levels.days(record, zone, today, today)
    assert (day.account, day.outages) == (year, 1)
    life = service_levels.stretches(record, BEGIN_MS, now)
    down = sum((each.end - each.start).total_seconds() for each in life if each.status is Status.DOWN)
    assert round(down * 1000) == year.down_ms
    assert [each.status for each in life] == ["up", "unknown", "up", "down"]


def test_outages_come_newest_first_and_a_page_is_a_piece_of_all(here: Town) -> None:
    now, archive = here.watcher.now.utc_ms, here.parts.history
    with read_transaction(here.store.engine) as connection:
        everything = outages(connection, to_ms=now)
    total, first = archive.outage_page(None, from_ms=0, to_ms=now, piece=slice(0, 4))
    _, second = archive.outage_page(None, from_ms=0, to_ms=now, piece=slice(4, 99))
    assert total == len(everything)
    assert [each.outage.id for each in (*first, *second)] == [each.outage.id for each in everything][::-1]
    assert [each.account for each in second] == [each.account for each in everything[::-1][4:]]
    assert archive.outage_page(None, from_ms=0, to_ms=now, piece=slice(0, 9), unattributed=True) == (0, [])
    view = history.outage(everything[0])
    assert view.attribution is not None
    assert (view.attribution.author, view.down_ms) == ("Hélène", 600_000)
    (silent,) = [history.outage(each) for each in everything if each.camera.id == "ville-1"][-1:]
    assert silent.at_earliest < silent.start < silent.at_latest
    assert (silent.voided, silent.voided_reason) == (False, None)


def test_blindness_names_only_what_is_ones_own(here: Town) -> None:
    records = here.parts.history.monitoring_gaps(0, here.watcher.now.utc_ms)
    (ours,) = history.monitoring_gaps(READER, records)
    assert (ours.operators, ours.links) == ((OURS,), ("main",))
    assert len(history.monitoring_gaps(LOCAL_ADMIN, records)) == 2


REACH = [
    (Scope.CAMERA, "ville-1", True),
    (Scope.CAMERA, "zulu-1", False),
    (Scope.SITE, "mairie", True),
    (Scope.SITE, "park", True),
    (Scope.SITE, "zulu-tower", False),
    (Scope.OPERATOR, OURS, True),
    (Scope.OPERATOR, THEIRS, False),
    (Scope.CAMERA, "nobody", False),
]


@pytest.mark.parametrize(("scope", "scope_id", "sees"), REACH)
def test_maintenance_is_planned_where_one_has_cameras(
    here: Town, scope: Scope, scope_id: str, sees: bool
) -> None:
    reach = maintenance.MaintenanceScope(here.watcher, MAYOR)
    assert reach.is_visible(scope, scope_id) == sees
    if sees:
        reach.authorize(scope, scope_id)
    else:
        with pytest.raises(ProblemError) as caught:
            reach.authorize(scope, scope_id)
        assert caught.value.status == 404


def test_a_viewer_may_cancel_nothing(here: Town) -> None:
    archive, now = here.parts.history, here.watcher.now.utc_ms
    records, known = archive.maintenance(0, 1 << 62), archive.known(None)
    seen = maintenance.windows(here.watcher, READER, records, known, now)
    assert [(each.id, each.can_cancel, each.state) for each in seen] == [
        ("ville-4", False, "planned"),
        ("mairie", False, "planned"),
    ]


def test_what_is_past_is_planned_for_by_who_had_cameras_there_then(here: Town) -> None:
    """One that left the inventory, and one that changed hands: what was then is their old operator's, too."""
    now = here.watcher.now.utc_ms
    known = [
        KnownCamera("zulu-gone", THEIRS, "park", "Zulu"),
        KnownCamera("ville-1", THEIRS, "mairie", "Zulu"),
    ]
    for scope, scope_id in ((Scope.SITE, "park"), (Scope.CAMERA, "ville-1")):
        with pytest.raises(ProblemError):
            MaintenanceScope.for_interval(here.watcher, LANDLORD, known, now, now).authorize(scope, scope_id)
        MaintenanceScope.for_interval(here.watcher, LANDLORD, known, now - 1, now).authorize(scope, scope_id)


def test_windows_of_a_site_are_seen_by_whose_cameras_stood_there_then(new_town: Town) -> None:
    """V7, H3: also where they were moved since, and not what was there before they came."""
    now = new_town.watcher.now.utc_ms
    with new_town.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE placements SET site = 'zulu-yard' WHERE site = 'zulu-tower'")
        moved = (
            "INSERT INTO placements (camera_key, since_ms, site, purpose) "
            "SELECT key, :now, site, purpose FROM cameras WHERE site = 'zulu-tower'"
        )
        connection.execute(text(moved), {"now": now})
    known = new_town.parts.history.known(None)
    reach = MaintenanceScope(new_town.watcher, LANDLORD, known)
    for site, from_ms, to_ms, covers in (
        ("zulu-yard", now - 9, now - 1, True),
        ("zulu-yard", now - 9, now + 9, True),
        ("zulu-yard", now, now + 9, False),
        ("zulu-tower", now - 9, now, False),
        ("zulu-tower", now - 9, now + 9, True),
    ):
        assert reach.covers(MaintenanceRecord(1, Scope.SITE, site, from_ms, to_ms, "works")) == covers
    MaintenanceScope.for_interval(new_town.watcher, LANDLORD, known, now - 1, now).authorize(
        Scope.SITE, "zulu-yard"
    )
    with pytest.raises(ProblemError):
        MaintenanceScope.for_interval(new_town.watcher, LANDLORD, known, now, now).authorize(
            Scope.SITE, "zulu-yard"
        )


def test_the_former_operator_of_a_camera_sees_its_former_name(here: Town) -> None:
    known = [KnownCamera("ville-1", THEIRS, "mairie", "Zulu's own")]
    new = here.watcher.inventory.cameras["ville-1"].name
    for viewer, seen, name in (
        (LANDLORD, known, "Zulu's own"),
        (LANDLORD, [], "ville-1"),
        (READER, known, new),
        (LOCAL_ADMIN, known, new),
    ):
        assert MaintenanceScope(here.watcher, viewer, seen).name(Scope.CAMERA, "ville-1") == name


def test_when_anothers_camera_went_down_is_told_nowhere(new_town: Town) -> None:
    """I2: ours are back, theirs are not: the incident goes on, but not for us."""
    watcher = new_town.watcher
    new_town.beat("ville-5", seq=8000)
    new_town.say(SessionStatus.GOODBYE, "zulu-4")
    new_town.pass_s(16)
    (ours,) = incidents_of(watcher, READER)
    (everything,) = incidents_of(watcher, LOCAL_ADMIN)
    assert everything.since <= ours.since
    first = min(watcher.fleet.cameras[each].since.utc_ms for each in ("ville-1", "ville-2", "ville-3"))
    assert ours.since == to_datetime(first)
    (ref,) = cameras.detail(watcher, READER, "ville-1").incidents
    assert ref.since == ours.since
    new_town.beat("ville-1", "ville-2", "ville-3", seq=9000)
    (still,) = incidents_of(watcher, LOCAL_ADMIN)
    assert still.down == 4
    assert incidents_of(watcher, READER) == []
    assert len(incidents.open_incidents(watcher, READER)) == 0
    assert cameras.detail(watcher, READER, "ville-1").incidents == ()


def test_what_was_refused_and_dropped_shows_for_an_hour(new_town: Town) -> None:
    """C4, L10."""
    new_town.send("heartbeat", b"{", "ville-1").send("heartbeat", b'{"fps":-1}', "ville-4")
    down = cameras.detail(new_town.watcher, READER, "ville-1")
    up = cameras.detail(new_town.watcher, READER, "ville-4")
    assert [(each.reason, each.messages) for each in down.refused] == [("malformed", 1)]
    assert [(each.field, each.heartbeats) for each in up.dropped] == [("fps", 1)]
    new_town.pass_s(3601)
    assert cameras.detail(new_town.watcher, READER, "ville-1").refused == ()
    assert cameras.detail(new_town.watcher, READER, "ville-4").dropped == ()
