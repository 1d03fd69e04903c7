"""The OpenAPI document: what FastAPI finds, and what is true of every operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from camwatch import __version__
from camwatch.web.problems import MEDIA_TYPE

_DESCRIPTION = """\
What camwatch knows of cameras, for other programs: how they are now, how they were, service levels, reports,
maintenance, and events as they happen.

What an account may not see does not exist for it: it is not listed, not counted, and asking for it by name
is 404. Times are RFC 3339 in UTC; days are those of the configured time zone. Durations end in `_ms` or `_s`,
ratios are between 0 and 1, nothing is rounded. Lists come in pages: `total` counts all, `next` is the
`offset` of the page that follows. Errors are problems as in RFC 9457.
`docs/reference/semantics.md` defines every term.
"""

_TAGS = [
    {"name": "fleet", "description": "All at a glance: operators, sites, incidents, links."},
    {"name": "cameras", "description": "One by one, now and lately."},
    {"name": "record", "description": "Outages, blindness, service levels of any time, the raw record."},
    {"name": "reports", "description": "What partners settle by."},
    {"name": "maintenance", "description": "Windows in which nothing counts."},
    {"name": "inventory", "description": "What is wrong with the tables. For those who see all."},
    {"name": "events", "description": "What happens, as it happens."},
]

_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what to do."},
        "errors": {
            "type": "array",
            "description": "What is wrong with the request, fault by fault.",
            "items": {
                "type": "object",
                "required": ["where", "problem"],
                "properties": {"where": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
    "examples": [
        {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no camera 'cam-7'"}
    ],
}

_ALWAYS = {
    "401": "Not authenticated, or the token is not valid.",
    "422": "The request is not well-formed; `errors` lists where.",
    "429": "Throttled, or request budget exceeded: wait for `Retry-After`.",
    "503": "The store does not answer, or there are too many connections: try again.",
}
_OF_PATHS = {"404": "Does not exist, or is not visible to this account."}
_OF_CHANGES = {
    "400": "The body cannot be read.",
    "403": "The account may see it, but not change it.",
    "409": "The correction cannot be made; `detail` gives the reason.",
}


def describe(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Have an application describe these routes, those of its API, at `app.openapi()`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document_of(routes)
        return app.openapi_schema

    setattr(app, "openapi", openapi)  # noqa: B010 - so FastAPI wants it, and mypy does not


def document_of(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """Return the OpenAPI document of these routes."""
    document = get_openapi(
        title="camwatch",
        version=__version__,
        openapi_version="3.1.0",
        summary="Who watches the cameras: status, service levels, events",
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        tags=_TAGS,
        routes=routes,
    )
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "Made by `camwatch accounts add`."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Host-camwatch",
            "description": "Of a logged-in user; changes then also need the header `X-CSRF-Token`."
            " The name is `camwatch` without TLS, and `__Secure-camwatch` below a root path.",
        },
    }
    document["security"] = [{}, {"token": []}, {"session": []}]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = _ALWAYS | _OF_PATHS if "{" in path or _narrows(operation) else dict(_ALWAYS)
            if path.startswith("/api/v1/inventory"):
                responses |= _OF_PATHS
            if method != "get":
                responses |= _OF_PATHS | _OF_CHANGES
            operation["responses"] |= {status: _problem(text) for status, text in responses.items()}
            operation["responses"] = dict(sorted(operation["responses"].items()))
    return document


def _narrows(operation: dict[str, Any]) -> bool:
    """Return whether an operation names something that may not exist."""
    return any(parameter["name"] in ("operator", "month") for parameter in operation.get("parameters", ()))


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}}
