"""The page on the API says what there is, and its examples work."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from camwatch.web import api
from camwatch.web.api import events
from camwatch.web.api.openapi import document_of
from camwatch.web.auth.principal import LOCAL_ADMIN
from tests.support.paths import ROOT
from tests.support.web.two_operator_app import Town

PAGE = (ROOT / "docs/reference/api.md").read_text()
DOCUMENT = document_of(api.router.routes)
ASKED = re.findall(r'\$URL(/[^"\s]*)"', PAGE)


def test_every_resource_is_on_the_page() -> None:
    resources = {path.split("/")[3] for path in DOCUMENT["paths"]}
    named = {word.split("/")[1].partition("?")[0] for word in re.findall(r"(?:`|\$URL)(/[^`\s\"]+)", PAGE)}
    assert resources <= named


@pytest.mark.parametrize("asked", [each for each in ASKED if not each.startswith("/events")])
async def test_the_examples_that_read_work(old_town: Town, asked: str) -> None:
    asked = asked.replace("ville-0001", "ville-1").replace("2026-10", "2026-01").replace("2026-11", "2026-02")
    parts = urlsplit(asked)
    async with old_town.client(LOCAL_ADMIN) as client:
        answer = await client.get(f"/api/v1{parts.path}", params=dict(parse_qsl(parts.query)))
    assert answer.status_code == 200, answer.text


def test_every_event_is_on_the_page() -> None:
    names = re.findall(r"`(\w+)`", events.events.__doc__ or "")
    assert "transition" in names
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_every_operation_says_what_it_is_and_what_goes_wrong() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            assert {"401", "422", "503"} <= operation["responses"].keys()
            for parameter in operation.get("parameters", ()):
                assert parameter.get("description"), (method, path, parameter["name"])
