"""Schemathesis over the whole API: nothing breaks, and everything is as its description says."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from camwatch.web import api
from camwatch.web.api.openapi import document_of
from camwatch.web.auth.principal import LOCAL_ADMIN
from tests.support.web.two_operator_app import Town

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


ANYTHING_GOES = [
    "/api/v1/me",
    "/api/v1/fleet",
    "/api/v1/inventory",
    "/api/v1/operators/{operator}",
    "/api/v1/sites/{site}",
    "/api/v1/cameras/{camera}",
    "/api/v1/cameras/{camera}/availability",
]
"""What has no parameter but a name, which may be any text: no request is forbidden by the description."""

OPERATIONS = [
    (path, method)
    for path, operations in document_of(api.router.routes)["paths"].items()
    for method in operations
    if not path.endswith("/events")  # it has no end: tests/integration/api/test_events.py reads it
]


@pytest.fixture(scope="module")
def described(old_town: Town) -> Any:
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", old_town.site(LOCAL_ADMIN))


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_does_as_it_says(
    described: Any, path: str, method: str, mode: GenerationMode
) -> None:
    """With what the description allows, and with what it forbids."""

    @settings(
        max_examples=6,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=described[path][method].as_strategy(generation_mode=mode), real=st.booleans())
    def holds(case: Any, real: bool) -> None:
        if real and mode is GenerationMode.POSITIVE:
            _of_the_town(case)
        case.call_and_validate(checks=CHECKS)

    try:
        holds()
    except Unsatisfiable:
        assert (mode, path) in {(GenerationMode.NEGATIVE, each) for each in ANYTHING_GOES}


def _of_the_town(case: Any) -> None:
    """Have a request ask for what there is: made-up names lead to 404 only."""
    there = {"camera": "ville-1", "operator": "ville", "site": "mairie", "outage": 1, "number": 13}
    case.path_parameters = {name: there[name] for name in case.path_parameters or {}}
    if case.path.endswith("/reports"):
        kept = {"format", "lang", "download"} & (case.query or {}).keys()
        case.query = {name: case.query[name] for name in kept} | {"month": "2026-01"}
    if case.path == "/api/v1/maintenance" and case.method == "POST":
        case.body |= {"id": "mairie" if case.body["scope"] == "site" else "ville-1"}
        case.body |= {"from": "2026-02-01T08:00:00Z", "to": "2026-02-01T09:00:00Z"}
