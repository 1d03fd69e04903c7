"""What people are told when cameras, a site, a broker fail: one notification for one cause."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.support.deploy.alert_scenario import ALONE, CARED_FOR, DARK, FLAPS, LANDLORD, Story, play

pytestmark = pytest.mark.serial


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return asyncio.run(play(tmp_path_factory.mktemp("live")))


def test_a_cut_camera_is_told_once_to_its_operator_and_once_to_the_city(story: Story) -> None:
    told = story.told(camera=ALONE)
    assert Counter((each.receiver, each.status) for each in told) == {
        (LANDLORD, "firing"): 1,
        (LANDLORD, "resolved"): 1,
        ("ville-tickets", "firing"): 1,
        ("ville-tickets", "resolved"): 1,
    }
    assert {name for each in told for name in each.names(each.status)} == {"CamwatchCameraDown"}


def test_a_landlord_is_told_of_nothing_but_its_own_cameras(story: Story) -> None:
    told = story.box.to(LANDLORD)
    assert {labels["operator"] for each in told for labels in each.alerts(each.status)} == {LANDLORD}
    receivers = {each.receiver for each in story.box.notifications}
    assert receivers == {LANDLORD, "ville-astreinte", "ville-tickets", "veilleur"}


def test_a_cut_site_of_thirteen_cameras_is_one_notification(story: Story) -> None:
    assert [(each.receiver, each.status, each.names(each.status)) for each in story.told(site=DARK)] == [
        ("ville-astreinte", "firing", ["CamwatchSiteIncident"]),
        ("ville-astreinte", "resolved", ["CamwatchSiteIncident"]),
    ]
    muted = {labels["camera"] for labels in story.muted if labels["alertname"] == "CamwatchCameraDown"}
    assert muted == {f"{DARK}-{number:02}" for number in range(1, 14)}, "each would have been told by itself"


def test_a_killed_broker_is_one_notification_about_us(story: Story) -> None:
    told = story.people_told("broker killed", "broker back")
    assert [(each.receiver, each.status, each.names()) for each in told] == [
        ("ville-astreinte", "firing", ["CamwatchBlind"])
    ]


def test_when_the_broker_is_back_that_is_told_and_no_camera_is_blamed(story: Story) -> None:
    told = story.people_told("broker back", "end")
    assert [(each.receiver, each.status, each.names("resolved")) for each in told] == [
        ("ville-astreinte", "resolved", ["CamwatchBlind"])
    ]


def test_a_camera_in_maintenance_is_told_to_nobody(story: Story) -> None:
    assert story.told(camera=CARED_FOR) == []


def test_a_flapping_camera_is_told_once(story: Story) -> None:
    assert [(each.receiver, each.status, each.names()) for each in story.told(camera=FLAPS)] == [
        ("ville-tickets", "firing", ["CamwatchCameraFlapping"])
    ]


def test_each_notification_is_a_mail_too(story: Story) -> None:
    people = [each for each in story.box.notifications if each.receiver != "veilleur"]
    assert Counter(
        mail.text.partition("destinataire : ")[2].split()[0] for mail in story.box.mails
    ) == Counter(each.receiver for each in people)
    pages = [each for each in people if each.receiver == "ville-astreinte"]
    assert len(story.box.chats) == len(pages)
