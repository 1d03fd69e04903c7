"""Errors of requests: problem documents (RFC 9457) for programs, pages for browsers.

Under `/api/` an error is always `application/problem+json`; elsewhere a client that accepts `text/html` gets
the page of `app.state.problem_page`.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, Response

from camwatch.errors import CorrectionError, ReportRequestError, StoreError

MEDIA_TYPE = "application/problem+json"
_MOST_FAULTS = 20
_MOST_NAME = 100  # characters of a field's name


class ProblemError(Exception):
    """A request that cannot be served. `detail` contains a remedy; `more` are further members."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        title: str = "",
        type: str = "about:blank",  # noqa: A002 - the word of RFC 9457
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        self.status = status
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.type = type
        self.headers = dict(headers or {})
        self.more = more
        super().__init__(f"{status} {self.title}: {detail}")

    @property
    def body(self) -> dict[str, Any]:
        """The members of the problem document."""
        members = {"type": self.type, "title": self.title, "status": self.status}
        return members | ({"detail": self.detail} if self.detail else {}) | self.more


ProblemPage: TypeAlias = Callable[[HTTPConnection, ProblemError], Response]
"""Renders a problem as a page."""


def not_found(what: str) -> ProblemError:
    """Return the 404 of what does not exist or is not visible: the same text for both."""
    return ProblemError(404, f"there is no {what}")


def problem_response(request: HTTPConnection, problem: ProblemError, *, plainly: bool = False) -> Response:
    """Return a problem as JSON or as a page; `plainly` without the frame of our pages."""
    if _is_for_people(request):
        page: ProblemPage = plain_page
        if not plainly:
            page = getattr(request.app.state, "problem_page", None) or plain_page
        response = page(request, problem)
        response.headers.update(problem.headers)
        return response
    content = msgspec.json.encode(problem.body)
    return Response(content, problem.status, problem.headers, media_type=MEDIA_TYPE)


def plain_page(_request: HTTPConnection, problem: ProblemError) -> Response:
    """Render a problem as a minimal page."""
    title, detail = html.escape(problem.title), html.escape(problem.detail)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<h1>{title}</h1><p>{detail}</p></html>",
        problem.status,
    )


def install(app: FastAPI) -> None:
    """Register handlers that turn every error of an application into a problem."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(CorrectionError, _refused)
    app.add_exception_handler(ReportRequestError, _no_answer)
    app.add_exception_handler(StoreError, _store_failed)
    app.add_exception_handler(Exception, _bug)


def _is_for_people(request: HTTPConnection) -> bool:
    if request.url.path.startswith(f"{request.scope.get('root_path', '')}/api/"):
        return False
    return "text/html" in request.headers.get("accept", "")


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - it is registered for these
    return problem_response(request, error)


def _of_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    phrase = HTTPStatus(error.status_code).phrase
    detail = "" if error.detail == phrase else str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND and not detail:
        detail = "there is no page at this address"
    return problem_response(request, ProblemError(error.status_code, detail, headers=error.headers))


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = error.errors()
    faults = [{"where": _place(fault["loc"]), "problem": fault["msg"]} for fault in found[:_MOST_FAULTS]]
    texts = [f"{fault['where']}: {fault['problem']}" for fault in faults]
    if len(found) > len(faults):
        texts.append(f"and {len(found) - len(faults)} more")
    return problem_response(request, ProblemError(422, "; ".join(texts), errors=faults))


def _place(location: Sequence[int | str]) -> str:
    return ".".join(str(part)[:_MOST_NAME] for part in location) or "request"


def _refused(request: Request, error: Exception) -> Response:
    return problem_response(request, ProblemError(409, str(error), title="The correction cannot be made"))


def _no_answer(request: Request, error: Exception) -> Response:
    return problem_response(request, ProblemError(404, str(error)))


def _store_failed(request: Request, error: Exception) -> Response:
    problem = ProblemError(503, str(error), title="The store does not answer", headers={"retry-after": "5"})
    return problem_response(request, problem)


def _bug(request: Request, _error: Exception) -> Response:
    return problem_response(request, ProblemError(500, "internal error: see camwatch's log"))
