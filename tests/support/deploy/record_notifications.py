"""Plays the story and writes what people got: `python -m tests.support.deploy.record_notifications`."""

from __future__ import annotations

import asyncio
import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.deploy.alert_scenario import ALONE, DARK, LANDLORD, QUICKER, Delay, Story, delay, play
from tests.support.mailbox import Notification
from tests.support.paths import ROOT

FILE = ROOT / "docs" / "examples" / "notifications.md"
_HEAD = f"""# What people receive

Recorded by `python -m tests.support.deploy.record_notifications` from the real programs, with every time
divided by {QUICKER}: "4 s" below would be 2 minutes ([alerting.md](../alerting.md)).

"""


def written(story: Story) -> str:
    """Return the document."""
    begin = story.done["cut"]
    acts = [(at, f"*{act}*", "", "") for act, at in story.done.items()]
    notes = [
        (
            each.at,
            "",
            each.receiver,
            _what(each),
        )
        for each in story.box.notifications
        if each.receiver != "veilleur"
    ]
    rows = "".join(
        f"| {at - begin:.1f} | {act} | {who} | {what} |\n"
        for at, act, who, what in sorted(acts + notes)
        if at >= begin
    )
    mails = "".join(
        f"\nTo: `{mail.to}`\n\n```text\nSubject: {mail.subject}\n\n{mail.text.strip()}\n```\n"
        for mail in story.box.mails
    )
    hook = next(each for each in story.box.to("ville-astreinte") if each.names() == ["CamwatchSiteIncident"])
    return (
        f"{_HEAD}| second | what happened | who was told | of what |\n|---|---|---|---|\n"
        f"{rows}\n{_delays(story)}"
        f"\n## Mails\n{mails}\n## A webhook, shortened\n\n```json\n{_shortened(hook.body)}\n```\n"
    )


def _what(told: Notification) -> str:
    labels = told.alerts(told.status)[0]
    place = labels.get("camera") or labels.get("site")
    names = ", ".join(told.names(told.status))
    return f"{told.status}: {names} ({place})" if place else f"{told.status}: {names}"


def _delays(story: Story) -> str:
    dark = [f"{DARK}-{number:02}" for number in range(1, 14)]
    found = {
        "one camera, silent (CamwatchCameraDown)": delay(story, LANDLORD, [ALONE], camera=ALONE),
        "a site without power (CamwatchSiteIncident)": delay(story, "ville-astreinte", dark, site=DARK),
    }
    blind = next(iter(story.told("ville-astreinte", alertname="CamwatchBlind")))
    began = datetime.fromisoformat(blind.body["alerts"][0]["startsAt"]).timestamp()
    killed = story.done["broker killed"]
    found["the broker is killed (CamwatchBlind)"] = Delay(began - killed, blind.at - began)
    rows = "".join(f"| {what} | {_row(took)} |\n" for what, took in found.items())
    return (
        "| from the last heartbeat | to the alert | to the notification | times "
        f"{QUICKER} |\n|---|---|---|---|\n{rows}"
    )


def _row(took: Delay) -> str:
    total = took.to_alert + took.to_people
    return f"{took.to_alert:.2f} s | {total:.2f} s | {QUICKER * total:.0f} s"


def _shortened(body: dict[str, Any]) -> str:
    short = {name: body[name] for name in ("receiver", "status", "groupLabels", "alerts")}
    for alert in short["alerts"]:
        del alert["generatorURL"], alert["fingerprint"]
    return json.dumps(short, ensure_ascii=False, indent=2)


def main() -> None:
    """Play and write."""
    with tempfile.TemporaryDirectory() as folder:
        story = asyncio.run(play(Path(folder)))
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(written(story))


if __name__ == "__main__":
    main()
