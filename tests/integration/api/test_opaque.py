"""What an operator is told of its own counts nothing of the others': ids, numbers of corrections, anchors."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest

from camwatch.accounting.records import AttributedCause
from camwatch.history.corrections import entries_since
from camwatch.history.dialects import read_transaction
from camwatch.history.metadata import secret
from camwatch.history.public_ids import anchor
from camwatch.services.corrections import Author
from camwatch.web.auth.principal import LOCAL_ADMIN
from tests.support.web.two_operator_app import LANDLORD, MAYOR, OURS, THEIRS, Town

MONTH = {"month": "2026-01"}


async def ids(town: Town, path: str, name: str) -> list[int]:
    async with town.client(LOCAL_ADMIN) as client:
        return [each[name] for each in (await client.get(path)).json()["items"]]


async def report(town: Town, **query: str) -> dict[str, Any]:
    async with town.client(MAYOR) as client:
        answer = await client.get("/api/v1/reports", params={**MONTH, "format": "json", **query})
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(("path", "name"), [("outages", "id"), ("maintenance", "number")])
async def test_ids_are_no_numbers_in_a_row(old_town: Town, path: str, name: str) -> None:
    """The record numbers them 1, 2, 3; what is told of it tells neither how many nor which came first."""
    found = await ids(old_town, f"/api/v1/{path}", name)
    assert len(set(found)) == len(found) >= 5
    assert max(found) > 1_000_000
    assert sorted(found) not in (found, found[::-1])


async def test_an_id_is_the_same_wherever_it_is_told(old_town: Town) -> None:
    known = set(await ids(old_town, "/api/v1/outages", "id"))
    async with old_town.client(MAYOR) as client:
        mine = {each["id"] for each in (await client.get("/api/v1/outages")).json()["items"]}
        raw = await client.get("/api/v1/export", params={"from": "0", "to": str(2**52)})
        page = (await client.get("/operators/ville/outages")).text
        table = (await client.get("/api/v1/reports", params={**MONTH, "format": "csv", "lang": "en"})).text
        for number in mine:
            assert (await client.get(f"/api/v1/outages/{number}")).json()["id"] == number
    exported = [json.loads(line) for line in raw.text.splitlines()]
    reported = await report(old_town)
    assert {line["id"] for line in exported if line["kind"] == "outage"} == mine < known
    assert {outage["id"] for section in reported["operators"] for outage in section["outages"]} == mine
    assert {int(each) for each in re.findall(r'/outages/(\d+)"', page)} == mine
    assert {int(each) for each in re.findall(r'^outage,ville,"(\d+)"', table, re.MULTILINE)} == mine


async def test_an_operators_report_counts_its_own_corrections_only(
    new_town: Town,
) -> None:
    """Of the five windows two are ours: on the shared site and on a camera; each outage has its cause."""
    before = await report(new_town)
    mine = sum(1 for section in before["operators"] for outage in section["outages"])
    assert before["corrections"]["count"] == mine + 2
    assert before["corrections"]["head"] is None
    _, (theirs,) = new_town.parts.history.outage_page([THEIRS], from_ms=0, to_ms=1 << 52, piece=slice(1))
    new_town.parts.corrections.attribute_outage(
        Author("Zulu"), "zulu", theirs, AttributedCause.WORKS, excluded=False
    )
    assert (await report(new_town))["corrections"] == before["corrections"]
    async with new_town.client(LANDLORD) as client:
        answer = await client.get("/api/v1/reports", params={**MONTH, "format": "json"})
    assert answer.json()["corrections"]["anchor"] != before["corrections"]["anchor"]


async def test_the_entry_of_a_reports_anchor_can_be_found_in_the_store(new_town: Town) -> None:
    said = (await report(new_town))["corrections"]
    with read_transaction(new_town.store.engine) as connection:
        entries = entries_since(connection, 0)
        key = secret(connection)
    first, last = date(2026, 1, 1), date(2026, 1, 31)
    anchored = [e.seq for e in entries if anchor(key, [OURS], first, last, e.hash) == said["anchor"]]
    assert len(anchored) == 1
    assert said["anchor"] not in {entry.hash for entry in entries}


async def test_the_report_on_everybody_has_the_whole_count_and_the_bare_hash(old_town: Town) -> None:
    async with old_town.client(LOCAL_ADMIN) as client:
        answer = await client.get("/api/v1/reports", params={**MONTH, "format": "json"})
    with read_transaction(old_town.store.engine) as connection:
        entries = entries_since(connection, 0)
    whole = {"count": len(entries), "head": entries[-1].hash, "anchor": None}
    assert answer.json()["corrections"] == whole


async def test_no_refusal_tells_a_number_of_the_record(new_town: Town) -> None:
    async with new_town.client(MAYOR) as client:
        window = (await client.get("/api/v1/maintenance")).json()["items"][0]["number"]
        path = f"/api/v1/maintenance/{window}/cancel"
        assert (await client.post(path, json={"reason": "rain"})).status_code == 200
        again = (await client.post(path, json={"reason": "rain"})).json()["detail"]
    assert again == f"maintenance window {window} is cancelled already"
