"""Errors as RFC 9457 has them for programs, and as a page for people; the framework's own, too."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response

from camwatch.errors import CorrectionError, ReportRequestError, StoreError
from camwatch.web.problems import ProblemError, install


def app() -> FastAPI:
    """Return an application in which everything goes wrong."""
    built = FastAPI(openapi_url=None)
    install(built)
    errors = {
        "problem": ProblemError(403, "not you", why="role"),
        "store": StoreError("it is gone", "start it"),
        "correction": CorrectionError("there is no outage 7"),
        "question": ReportRequestError("there is no record of 2020-01"),
        "bug": ZeroDivisionError("secret"),
    }

    def fail(name: str) -> None:
        raise errors[name]

    @built.get("/api/v1/fail/{name}")
    async def _api(name: str) -> None:
        fail(name)

    @built.get("/fail/{name}")
    async def _page(name: str) -> None:
        fail(name)

    @built.get("/api/v1/number")
    async def _number(number: int) -> int:
        return number

    @built.post("/api/v1/strict")
    async def _strict(_said: _Nothing) -> None:
        pass

    return built


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


def client(built: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=built, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://camwatch")


CASES = [
    ("problem", 403, {"title": "Forbidden", "detail": "not you", "why": "role"}),
    ("store", 503, {"title": "The store does not answer", "detail": "the store: it is gone (start it)"}),
    ("correction", 409, {"title": "The correction cannot be made", "detail": "there is no outage 7"}),
    ("question", 404, {"title": "Not Found", "detail": "there is no record of 2020-01"}),
    ("bug", 500, {"title": "Internal Server Error", "detail": "internal error: see camwatch's log"}),
]


@pytest.mark.parametrize(("name", "status", "told"), CASES)
async def test_what_goes_wrong_is_told_as_a_problem(name: str, status: int, told: dict[str, str]) -> None:
    async with client(app()) as asks:
        answer = await asks.get(f"/api/v1/fail/{name}", headers={"accept": "text/html"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"type": "about:blank", "status": status, **told}


@pytest.mark.parametrize(("path", "method", "status"), [("/api/v1/x", "GET", 404), ("/x", "GET", 404)])
async def test_what_is_not_there_is_a_problem_too(path: str, method: str, status: int) -> None:
    async with client(app()) as asks:
        answer = await asks.request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


async def test_a_method_that_is_not_allowed_says_which_are() -> None:
    async with client(app()) as asks:
        answer = await asks.post("/api/v1/number")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["title"] == "Method Not Allowed"


async def test_a_request_that_is_wrong_is_told_where() -> None:
    async with client(app()) as asks:
        answer = await asks.get("/api/v1/number?number=x")
    told = answer.json()
    assert answer.status_code == told["status"] == 422
    assert told["errors"][0]["where"] == "query.number"
    assert "query.number" in told["detail"]


async def test_of_many_faults_the_first_are_told_however_they_are_called() -> None:
    """A correction of unknown keys was answered with ten times as many bytes."""
    async with client(app()) as asks:
        answer = await asks.post("/api/v1/strict", json={f"{number}{'x' * 300}": 1 for number in range(50)})
    told = answer.json()
    assert (answer.status_code, len(told["errors"])) == (422, 20)
    assert told["detail"].endswith("; and 30 more")
    assert len(answer.content) < 10_000


async def test_people_get_a_page() -> None:
    """Whoever has a nicer one puts it in the place of the plain one."""
    built = app()
    async with client(built) as asks:
        headers = {"accept": "text/html,*/*"}
        answer = await asks.get("/fail/problem", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
        assert "<h1>Forbidden</h1><p>not you</p>" in answer.text

        def page(_request: HTTPConnection, problem: ProblemError) -> Response:
            return PlainTextResponse(f"pretty {problem.detail}", problem.status)

        built.state.problem_page = page
        assert (await asks.get("/fail/problem", headers=headers)).text == "pretty not you"
        bug = await asks.get("/fail/bug", headers=headers)
    assert (bug.status_code, "secret" in bug.text) == (500, False)
