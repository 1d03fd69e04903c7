"""The committed alertmanager.yml in a real Alertmanager: what mutes what, who is told when, in what words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.support.alertmanager import Alertmanager, derived
from tests.support.eventually import eventually
from tests.support.mailbox import Mailbox, mailbox

Alerts: TypeAlias = list[dict[str, str]]

QUICKER = 120
"""So `group_wait` is a quarter of a second."""
CAMERA = {"operator": "sacogiva", "site": "encagnane", "zone": "Ouest", "camera": "enc-01"}
OTHER = {"operator": "ville", "site": "la-duranne", "zone": "La Duranne", "camera": "la-duranne-01"}
SITE = {"operator": "sacogiva", "site": "encagnane", "zone": "Ouest"}
WORDS = {
    "summary": "Caméra hors service",
    "description": "« Entrée » ne répond plus depuis 09:12.",
    "runbook_url": "https://camwatch.example/runbooks/CamwatchCameraDown.md",
}


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mailbox() as opened:
        yield opened


def alertmanager(folder: Path, box: Mailbox, *, at_any_hour: bool = True) -> Alertmanager:
    folder.mkdir(exist_ok=True)
    tree = derived(
        quicker=QUICKER,
        webhook=box.webhook,
        smarthost=box.smarthost,
        secrets=folder,
        at_any_hour=at_any_hour,
    )
    return Alertmanager(folder / "alertmanager", tree)


def alert(name: str, severity: str = "warning", **labels: str) -> dict[str, str]:
    return {"alertname": f"Camwatch{name}", "severity": severity, "job": "camwatch", **labels}


CAMERAS_ALERTS = [
    *(
        alert(f"Camera{what}", **CAMERA)
        for what in ("Down", "Flapping", "Degraded", "Clock", "Storage", "RebootLoop", "Unknown")
    ),
    alert("VideoProtectionDown", "critical", **CAMERA),
]
FLEETS_ALERTS = [
    *CAMERAS_ALERTS,
    alert("SiteIncident", "critical", **SITE),
    alert("OperatorIncident", "critical", operator="sacogiva"),
    alert("ErrorBudgetBurnFast", "critical", operator="sacogiva"),
    alert("ErrorBudgetBurnSlow", operator="sacogiva"),
    alert("ManyCamerasDown", "critical"),
    alert("NotReady"),
]
ELSEWHERE = [
    alert("CameraDown", **OTHER),
    alert("SiteIncident", "critical", **{name: OTHER[name] for name in ("operator", "site", "zone")}),
]
OWN = [
    alert("HistoryBehind", "critical"),
    alert("MessagesRejected", reason="malformed"),
    alert("InventoryReloadFailed"),
    alert("UnregisteredCamera", "info"),
    alert("Watchdog", "none"),
]
LINK = [
    alert("LinkDown", "critical", link="main"),
    alert("LinkIncident", "critical", link="main"),
    alert("LinkLags", link="main"),
]
LANDLORDS = [
    *CAMERAS_ALERTS,
    alert("SiteIncident", "critical", **SITE),
    alert("OperatorIncident", "critical", operator="sacogiva"),
    alert("ErrorBudgetBurnFast", "critical", operator="sacogiva"),
]
LANDLORDS_LINK = [
    alert("LinkDown", "critical", link="other", operator="sacogiva"),
    alert("LinkLags", link="other", operator="sacogiva"),
]
CITYS = [
    *ELSEWHERE[:1],
    alert("OperatorIncident", "critical", operator="bailleur-4"),
    alert("ManyCamerasDown", "critical"),
    alert("NotReady"),
]


@pytest.mark.parametrize(
    ("source", "muted", "told"),
    [
        pytest.param(alert("Blind", "critical"), [*LINK, *FLEETS_ALERTS, *ELSEWHERE], OWN, id="blind"),
        pytest.param(alert("Absent", "critical"), [*LINK, *FLEETS_ALERTS, *ELSEWHERE], OWN, id="absent"),
        pytest.param(
            alert("Blind", "critical", operator="sacogiva"),
            [*LANDLORDS, *LANDLORDS_LINK],
            [*LINK[2:], *CITYS, *OWN[1:]],
            id="blind for one operator",
        ),
        pytest.param(
            alert("LinkDown", "critical", link="main"),
            [*LINK[2:], alert("NotReady")],
            [*LANDLORDS_LINK[1:], *CAMERAS_ALERTS[4:5], *ELSEWHERE[:1], *OWN],
            id="link down",
        ),
        pytest.param(
            alert("LinkDown", "critical", link="other", operator="sacogiva"),
            LANDLORDS_LINK[1:],
            [*LINK[2:], *LANDLORDS[-1:], *CITYS, *OWN[1:]],
            id="link of one operator down",
        ),
        pytest.param(
            alert("LinkDown", "critical", link="main"),
            [alert("LinkIncident", "critical", link="main")],
            LANDLORDS_LINK[1:],
            id="link down after its incident",
        ),
        pytest.param(
            alert("LinkIncident", "critical", link="other", operator="sacogiva"),
            LANDLORDS,
            [*CITYS, *OWN[1:]],
            id="incident of a link of one operator",
        ),
        pytest.param(
            alert("LinkIncident", "critical", link="main"),
            [*FLEETS_ALERTS, *ELSEWHERE],
            OWN,
            id="link incident",
        ),
        pytest.param(
            alert("OperatorIncident", "critical", operator="sacogiva"),
            [
                *CAMERAS_ALERTS,
                alert("SiteIncident", "critical", **SITE),
            ],
            [*ELSEWHERE[:1], alert("ManyCamerasDown", "critical"), *OWN],
            id="operator",
        ),
        pytest.param(
            alert("SiteIncident", "critical", **SITE),
            CAMERAS_ALERTS,
            [
                alert("CameraDown", **OTHER),
                alert("ErrorBudgetBurnFast", "critical", operator="sacogiva"),
                *OWN,
            ],
            id="site",
        ),
        pytest.param(
            alert("VideoProtectionDown", "critical", **CAMERA),
            [alert("CameraDown", **CAMERA), alert("CameraFlapping", **CAMERA)],
            [alert("CameraDown", **CAMERA | {"camera": "enc-02"}), alert("CameraStorage", **CAMERA)],
            id="video-protection",
        ),
        pytest.param(
            alert("CameraFlapping", **CAMERA),
            [alert("CameraDown", **CAMERA), alert("CameraRebootLoop", **CAMERA)],
            [alert("VideoProtectionDown", "critical", **CAMERA | {"camera": "enc-02"})],
            id="flapping",
        ),
        pytest.param(
            alert("SiteIncident", "critical", site="encagnane"),
            [],
            [alert("CameraDown", **CAMERA)],
            id="site of several operators",
        ),
        pytest.param(
            alert("ErrorBudgetBurnFast", "critical", operator="ville"),
            [alert("ErrorBudgetBurnSlow", operator="ville")],
            [alert("ErrorBudgetBurnSlow", operator="sacogiva"), alert("CameraDown", **OTHER)],
            id="budget",
        ),
        pytest.param(
            alert("HistoryBehind", "critical"), [alert("NotReady")], CAMERAS_ALERTS[4:5], id="history"
        ),
        pytest.param(
            alert("RecordAhead"),
            [alert("NotReady")],
            [alert("ClockStepped"), *CAMERAS_ALERTS[4:5]],
            id="record",
        ),
        pytest.param(alert("ClockWrong"), [alert("NotReady")], CAMERAS_ALERTS[4:5], id="clock"),
    ],
)
async def test_an_alert_mutes_what_follows_from_it_and_nothing_else(
    tmp_path: Path,
    box: Mailbox,
    source: dict[str, str],
    muted: list[dict[str, str]],
    told: list[dict[str, str]],
) -> None:
    async with alertmanager(tmp_path, box) as running:
        await running.post([source, *muted, *told])
        found = await running.settled(muted=len(muted))
    assert len(found) == 1 + len(muted) + len(told)
    quiet = [each["labels"] for each in found if each["status"]["inhibitedBy"]]
    assert sorted(quiet, key=repr) == sorted(muted, key=repr)


async def test_a_landlord_is_notified_in_french_by_mail_and_webhook(tmp_path: Path, box: Mailbox) -> None:
    async with alertmanager(tmp_path, box) as running:
        await running.post([alert("CameraDown", **CAMERA)], WORDS)
        await box.until(lambda box: len(box.mails) == 2 and len(box.notifications) == 2)
    assert {told.receiver for told in box.notifications} == {"sacogiva", "ville-tickets"}
    assert {told.authorization for told in box.notifications} == {
        "Bearer secret of sacogiva-token",
        "Bearer secret of ville-tickets-token",
    }
    mail = next(mail for mail in box.mails if "sacogiva" in mail.to)
    assert mail.subject == "[ticket] Caméra hors service – enc-01"
    begin, _, rest = mail.text.partition("  Alerte donnée le ")
    assert begin == "EN COURS\n\n* Caméra hors service\n  « Entrée » ne répond plus depuis 09:12.\n"
    day, _, rest = rest.partition(".\n")
    assert day.endswith((" CET", " CEST"))
    assert rest == (
        "  Que faire : https://camwatch.example/runbooks/CamwatchCameraDown.md\n\n-- \n"
        "camwatch, destinataire : sacogiva\n"
        "Suspendre ces messages : https://alertes.ville.example/#/alerts?receiver=sacogiva\n"
    )


async def test_a_page_reaches_the_chat_too(tmp_path: Path, box: Mailbox) -> None:
    async with alertmanager(tmp_path, box) as running:
        await running.post([alert("Blind", "critical")], {"summary": "camwatch ne voit plus les caméras"})
        await box.until(lambda box: box.chats and box.notifications and box.mails)
    (chat,) = box.chats
    assert chat["attachments"][0]["title"] == "[astreinte] camwatch ne voit plus les caméras"
    assert [told.receiver for told in box.notifications] == ["ville-astreinte"]


async def test_outside_working_hours_a_page_is_sent_and_a_ticket_is_not(tmp_path: Path, box: Mailbox) -> None:
    """The page comes after the ticket's time: its notification proves that the ticket's was held back."""
    async with alertmanager(tmp_path, box, at_any_hour=False) as running:
        await running.post([alert("CameraDown", **OTHER)], WORDS)
        await running.post([alert("CameraDown", **CAMERA)], WORDS)
        await eventually(lambda: running.log.count("Notifications not sent") >= 3)
        await running.post([alert("VideoProtectionDown", "critical", **CAMERA)], WORDS)
        await box.until(lambda box: len(box.to("sacogiva", "ville-astreinte")) == 2)
    assert {name for told in box.notifications for name in told.names()} == {"CamwatchVideoProtectionDown"}


async def test_thirteen_cameras_of_a_site_are_one_notification(tmp_path: Path, box: Mailbox) -> None:
    cameras = [
        alert("CameraDown", **OTHER | {"camera": f"la-duranne-{number:02}"}) for number in range(1, 14)
    ]
    async with alertmanager(tmp_path, box) as running:
        await running.post(cameras[:6], WORDS)
        await running.post(cameras[6:], WORDS)
        await box.until(lambda box: box.to("ville-tickets"))
    (told,) = box.to("ville-tickets")
    assert len(told.alerts()) == 13


async def test_the_dead_mans_switch_is_fed_again_and_again(tmp_path: Path, box: Mailbox) -> None:
    async with alertmanager(tmp_path, box) as running:
        await running.post([alert("Watchdog", "none")])
        await box.until(lambda box: len(box.to("veilleur")) >= 3)
    assert not box.mails


async def test_a_blindness_of_several_operators_is_one_notification_for_the_city(
    tmp_path: Path, box: Mailbox
) -> None:
    """Each landlord is told of its own; who is called for the city is called once."""
    async with alertmanager(tmp_path, box) as running:
        await running.post(
            [alert("Blind", "critical", operator=name) for name in ("sacogiva", "bailleur-4", "bailleur-5")],
            {"summary": "camwatch ne voit plus les caméras"},
        )
        await box.until(lambda box: len(box.notifications) == 4)
    (city,) = box.to("ville-astreinte")
    assert len(city.alerts()) == 3
    assert [len(told.alerts()) for told in box.to("sacogiva", "bailleur-4", "bailleur-5")] == [1, 1, 1]
