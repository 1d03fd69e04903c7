"""The OpenAPI 3.1 description of the API, from the routes and the models that serve it."""

from __future__ import annotations

from camwatch.web import api
from camwatch.web.api.openapi import document_of
from tools.docs.heartbeat_schema import as_text


def text() -> str:
    """Return the document as the text of `docs/reference/openapi.json`."""
    return as_text(document_of(api.router.routes))
