"""Every page, in both languages: it is there, whole, safe, and shows nobody what is another's."""

from __future__ import annotations

import contextlib
import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from camwatch.core.model import Status
from camwatch.web.auth.principal import LOCAL_ADMIN
from tests.support.fleet import camera
from tests.support.monitor_fixture import registered
from tests.support.web.page_paths import PAGES, an_outage, named
from tests.support.web.two_operator_app import LANDLORD, MAYOR, OPERATORS, READER, Town, town

HTML = {"accept": "text/html"}
WHOLE = [
    path
    for path in PAGES
    if re.fullmatch(
        r"/|/\?.*|/(incidents|reports|maintenance|search)(\?.*)?|/(operators|cameras|outages)/[^/]+", path
    )
]


def landmarks(text: str) -> list[str]:
    """Return the elements that lead somebody around a page."""
    return re.findall(r"<(main|h1)\b", text)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("lang", ["fr", "en"])
async def test_a_page_is_there_and_has_nothing_inline(built: Town, path: str, lang: str) -> None:
    async with built.client() as client:
        answer = await client.get(named(built, path), headers={"accept-language": lang})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)
    assert "{{" not in answer.text
    assert "None" not in answer.text


@pytest.mark.parametrize("path", WHOLE)
async def test_a_whole_page_has_one_main_and_one_first_heading(built: Town, path: str) -> None:
    async with built.client() as client:
        text = (await client.get(named(built, path), headers={"accept-language": "fr"})).text
    assert landmarks(text) == ["main", "h1"]
    assert '<html lang="fr"' in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", PAGES)
async def test_whoever_sees_one_operator_reads_nothing_of_another(built: Town, path: str) -> None:
    async with built.client(READER) as client:
        answer = await client.get(named(built, path))
    assert answer.status_code == 200
    assert "zulu" not in answer.text.lower()


@pytest.mark.parametrize(
    "path", ["/operators/ville", "/cameras/ville-1", "/reports?operator=ville", "/outages/1"]
)
async def test_what_is_anothers_is_not_there(built: Town, path: str) -> None:
    _, outages = built.parts.history.outage_page(["ville"], from_ms=0, to_ms=1 << 52, piece=slice(None))
    path = path.replace("/1", f"/{outages[0].outage.id}") if path.startswith("/outages") else path
    async with built.client(LANDLORD) as client:
        answer = await client.get(path, headers=HTML)
        nowhere = await client.get("/cameras/nowhere", headers=HTML)
    assert answer.status_code == nowhere.status_code == 404
    assert "Caméra" not in answer.text


async def test_a_landlord_with_few_cameras_sees_their_days_at_once(built: Town) -> None:
    async with built.client(LANDLORD) as client:
        landlords = (await client.get("/")).text
    async with built.client() as client:
        everybodys = (await client.get("/")).text
    assert 'hx-get="/operators/zulu-habitat/days"' in landlords
    assert "/days" not in everybodys


async def test_problems_come_first_and_an_incident_replaces_its_cameras(built: Town) -> None:
    async with built.client(MAYOR) as client:
        text = (await client.get("/", headers={"accept-language": "en"})).text
    trouble = text.partition('id="attention"')[2].partition("</ul>")[0]
    down = built.ids(Status.DOWN)
    assert "ville-5" in trouble
    assert "ville-1" in down
    assert trouble.index("incident") < trouble.index("ville-5")
    assert 'id="t-ville-1"' not in trouble


async def test_a_city_that_is_dark_fills_no_page_without_end(tmp_path: Path) -> None:
    """Sixty sites of ten cameras: the largest incidents come first, the rest is counted."""
    rows = [camera(f"s{site:02}-{number}", site=f"s{site:02}") for site in range(60) for number in range(10)]
    with contextlib.contextmanager(town)(tmp_path) as built:
        built.watcher.load_inventory(registered(rows, OPERATORS))
        built.beat(*(row.id for row in rows))
        built.pass_s(60)
        assert len(built.ids(Status.DOWN)) == 600
        async with built.client() as client:
            listed = (await client.get("/incidents", headers={"accept-language": "en"})).text
            front = (await client.get("/", headers={"accept-language": "en"})).text
    assert listed.count("<section") <= 55
    assert listed.count('<th scope="row">') == 100
    assert "and 12 more incidents" in listed  # of 60 sites, their operator, their link
    assert listed.index("Operator: Ville") < listed.index("Site: s59")
    assert len(re.findall(r'id="i-[^"]+"', listed)) == len(set(re.findall(r'id="i-[^"]+"', listed)))
    assert "and 50 more incidents" in front
    assert "s59-9" not in front.partition('id="attention"')[2].partition("</ul>")[0]


async def test_a_search_takes_no_heed_of_accents(built: Town) -> None:
    async with built.client() as client:
        text = (await client.get("/search", params={"q": "caméra 3"})).text
        plain = (await client.get("/search", params={"q": "CAMERA 3"})).text
    assert 'href="/cameras/ville-3"' in text
    assert 'href="/cameras/ville-3"' in plain


async def test_what_is_searched_for_is_shown_as_text(built: Town) -> None:
    async with built.client() as client:
        text = (await client.get("/search", params={"q": "<script>alert(1)</script>\"'"})).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


async def test_the_language_is_kept_in_a_cookie_and_the_way_back_is_ours(built: Town) -> None:
    async with built.client() as client:
        answer = await client.get("/preferences", params={"lang": "en", "next": "/incidents?x=1"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/incidents?x=1")
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert '<html lang="en"' in (await client.get("/", headers={"accept-language": "fr"})).text
        for away in ("https://else.example/", "//else.example", "/\\else.example"):
            answer = await client.get("/preferences", params={"theme": "dark", "next": away})
            assert answer.headers["location"] == "/"
        assert 'data-theme="dark"' in (await client.get("/")).text
        await client.get("/preferences", params={"theme": "<b>", "lang": "xx"})
        assert '<html lang="en" data-theme="dark"' in (await client.get("/")).text


async def test_a_page_is_packed_and_says_what_it_depends_on(built: Town) -> None:
    async with built.client() as client:
        answer = await client.get("/", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding, accept-language, cookie"


async def test_a_problem_is_told_on_a_page_in_the_readers_language(built: Town) -> None:
    async with built.client() as client:
        answer = await client.get("/nowhere", headers=HTML | {"accept-language": "fr"})
    assert answer.status_code == 404
    assert "Cette page n’existe pas" in answer.text
    assert landmarks(answer.text) == ["main", "h1"]


async def test_a_report_is_shown_in_a_scriptless_frame_and_can_be_downloaded(
    built: Town,
) -> None:
    async with built.client(READER) as client:
        read = await client.get("/reports/report.html", params={"month": "2026-01", "read": "1"})
        page = await client.get("/reports", params={"month": "2026-01", "operator": "ville"})
        saved = await client.get("/reports/report.csv", params={"month": "2026-01", "operator": "ville"})
        other = await client.get("/reports/report.exe", headers=HTML)
    assert "sandbox" in read.headers["content-security-policy"]
    assert read.headers["content-disposition"].startswith("inline;")
    assert "zulu" not in read.text.lower()
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    assert saved.headers["content-disposition"] == 'attachment; filename="camwatch-ville-2026-01.csv"'
    assert other.status_code == 404


async def test_where_there_is_no_report_the_frame_says_so(built: Town) -> None:
    async with built.client(READER) as client:
        read = await client.get("/reports/report.html", params={"month": "2024-01", "read": "1"})
    assert read.status_code == 404
    assert "frame-ancestors 'self'" in read.headers["content-security-policy"]
    assert landmarks(read.text) == ["main", "h1"]


# --- what editors do


@pytest.fixture
def own(tmp_path: Path) -> Town:
    """Give a town that a test may change."""
    return Town(tmp_path)


async def post(client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """Send a form."""
    return await client.post(path, data=fields, headers=HTML | {"accept-language": "en"})


async def test_an_editor_attributes_an_outage(own: Town) -> None:
    number = an_outage(own)
    async with own.client(MAYOR) as client:
        answer = await post(client, f"/outages/{number}", cause="vandalism", reason="paint", excluded="1")
        assert answer.headers["location"] == f"/outages/{number}?saved"
        text = (await client.get(answer.headers["location"], headers={"accept-language": "en"})).text
    assert "Saved." in text
    assert "paint – Hélène" in text
    found = own.parts.history.outage(["ville"], number)
    assert found is not None
    said = found.outage.attribution
    assert said is not None
    assert (said.cause, said.excluded, said.author, said.reason) == ("vandalism", True, "Hélène", "paint")
    own.close()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"cause": "", "reason": "x"}, "Choose a cause."),
        ({"cause": "magic", "reason": "x"}, "Choose a cause."),
        ({"cause": "power", "reason": "  "}, "Enter a reason"),
    ],
)
async def test_an_attribution_that_lacks_something_says_what(
    built: Town, fields: dict[str, str], told: str
) -> None:
    number = an_outage(built)
    async with built.client(MAYOR) as client:
        answer = await post(client, f"/outages/{number}", **fields)
    assert answer.status_code == 422
    assert told in answer.text


async def test_who_only_looks_has_no_form_and_changes_nothing(built: Town) -> None:
    number = an_outage(built)
    async with built.client(READER) as client:
        for path in (f"/outages/{number}", "/maintenance"):
            assert 'method="post"' not in (await client.get(path)).text.replace(
                'action="/logout"', ""
            ).replace('<form method="post" >', "")
            assert (await post(client, path, cause="power", reason="x")).status_code == 403


async def test_an_editor_plans_maintenance_and_cancels_it(own: Town) -> None:
    own.pass_s(1)
    start = datetime.fromtimestamp(own.watcher.now.utc_ms / 1000, UTC).astimezone(own.watcher.timezone)
    begin, end = (f"{start + timedelta(hours=hours):%Y-%m-%dT%H:%M}" for hours in (1, 2))
    async with own.client(MAYOR) as client:
        answer = await post(client, "/maintenance", what="site:park", starts=begin, ends=end, reason="mast")
        assert answer.headers["location"] == "/maintenance?planned"
        text = (await client.get("/maintenance?planned", headers={"accept-language": "en"})).text
        assert "The maintenance is scheduled." in text
        number = re.findall(r"/maintenance/(\d+)/cancel", text)[-1]
        assert (await post(client, f"/maintenance/{number}/cancel", reason="")).status_code == 422
        answer = await post(client, f"/maintenance/{number}/cancel", reason="rain")
        assert answer.headers["location"] == "/maintenance?cancelled"
        assert (await post(client, "/maintenance/999999/cancel", reason="x")).status_code == 404
    own.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"what": "the tower"}, "is not a camera, site or operator"),
        ({"what": "camera:zulu-1"}, "is not a camera, site or operator"),
        ({"what": "site:mairie"}, "ends too far ahead"),
        ({"starts": "soon"}, "Enter start and end"),
        ({"ends": "2026-01-01T00:00"}, "The end must be after"),
        ({"reason": ""}, "Enter a reason"),
    ],
)
async def test_a_plan_that_makes_no_sense_says_why(built: Town, change: dict[str, str], told: str) -> None:
    fields = {"what": "site:park", "starts": "2030-01-01T10:00", "ends": "2030-01-01T12:00", "reason": "mast"}
    async with built.client(MAYOR) as client:
        answer = await post(client, "/maintenance", **fields | change)
    assert answer.status_code == 422
    assert told in answer.text.replace("&#39;", "'")


async def test_with_a_root_path_every_address_begins_with_it(built: Town) -> None:
    transport = httpx.ASGITransport(app=built.site(LOCAL_ADMIN), root_path="/cam")
    async with httpx.AsyncClient(transport=transport, base_url="http://camwatch") as client:
        text = (await client.get("/")).text
    found = re.findall(r'\b(?:href|src|action|hx-get|data-live)="(/[^"]*)"', text)
    assert found
    assert [each for each in found if not each.startswith("/cam/")] == []


# --- when camwatch cannot see


async def test_a_gap_is_one_line_shown_only_to_the_operators_concerned(own: Town) -> None:
    now = own.watcher.clock()
    for receiver in own.receivers.values():
        receiver.lost(now, now, "as the test asked")
    own.pass_s(120)
    async with own.client(MAYOR) as client:
        text = (await client.get("/", headers={"accept-language": "en"})).text
    assert "Monitoring interrupted since" in text
    assert "Affected operators" not in text
    assert re.search(r"\d+ cameras not visible", text)
    assert "zulu" not in text.lower()
    own.close()


async def test_each_count_leads_to_a_list_of_so_many(built: Town) -> None:
    async with built.client() as client:
        page = (await client.get("/", headers={"accept-language": "fr"})).text
        counts = re.findall(r'class="count [^"]*" href="([^"#]+)#cameras"><b>(\d+)</b>', page)
        assert len(counts) == 6
        for path, number in counts:
            listed = (await client.get(html.unescape(path), headers={"accept-language": "fr"})).text
            rows = (
                listed.partition('id="camera-list"')[2]
                .partition("<tbody>")[2]
                .partition("</tbody>")[0]
                .count("<tr")
            )
            assert rows == int(number), path


@pytest.mark.parametrize("path", ["/outages/100000000000000000000", "/outages/0", "/outages/x"])
async def test_a_number_that_no_record_has_is_no_failure_of_ours(built: Town, path: str) -> None:
    async with built.client() as client:
        assert (await client.get(path)).status_code in (404, 422)
