"""The files beside the pages: others' are what npm gave, ours carry the hash of what they hold."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from starlette.requests import Request

from camwatch.web.pages.assets import Assets
from camwatch.web.problems import ProblemError
from tools.vendor_frontend.vendor import HERE, MANIFEST, VENDOR, WANTED, entry, versions

ASSETS = Assets()
STATIC = VENDOR.parent


def asked(query: str = "", **headers: str) -> Request:
    """Return a request for a file."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "query_string": query.encode(), "headers": given})


def test_vendored_files_are_those_of_the_manifest_byte_for_byte() -> None:
    found = versions()
    content = {wanted: (VENDOR / wanted.name).read_bytes() for wanted in WANTED}
    told = [entry(wanted, found[wanted.package], content[wanted]) for wanted in WANTED]
    assert json.loads(MANIFEST.read_text()) == told, "run `make vendor`"
    assert {path.name for path in VENDOR.iterdir()} == {wanted.name for wanted in WANTED} | {MANIFEST.name}


def test_each_package_comes_with_its_licence() -> None:
    assert {wanted.package for wanted in WANTED if wanted.source == "LICENSE"} == set(versions())


def test_the_lock_file_pins_what_is_asked_for_and_records_no_addresses() -> None:
    package = json.loads((HERE / "package.json").read_text())
    lock = (HERE / "package-lock.json").read_text()
    assert package["dependencies"] == versions()
    assert "resolved" not in lock
    assert "://" not in lock


def test_a_file_with_its_hash_is_cached_and_without_it_revalidated() -> None:
    url = ASSETS.url("live-page.js")
    version = url.partition("?")[2]
    assert "immutable" in ASSETS.respond(asked(version), "live-page.js").headers["cache-control"]
    assert ASSETS.respond(asked("v=old"), "live-page.js").headers["cache-control"] == "no-cache"


def test_a_file_that_a_browser_has_is_not_sent_again() -> None:
    etag = ASSETS.respond(asked(), "live-page.js").headers["etag"]
    assert ASSETS.respond(asked(if_none_match=etag), "live-page.js").status_code == 304


def test_a_file_is_sent_packed_to_who_takes_that() -> None:
    packed = ASSETS.respond(asked(accept_encoding="gzip"), "camwatch.css")
    plain = ASSETS.respond(asked(), "camwatch.css")
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2


@pytest.mark.parametrize("name", ["nothing.js", "../pages/frame.py", "vendor/manifest.json", ""])
def test_nothing_else_is_served(name: str) -> None:
    with pytest.raises(ProblemError):
        ASSETS.respond(asked(), name)


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_our_scripts_need_no_eval_and_no_address_of_others(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\beval\b|new Function|https?://", text)
