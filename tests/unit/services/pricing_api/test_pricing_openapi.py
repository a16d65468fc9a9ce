"""The document that pricing_api serves, and schemathesis with it against the application itself, over twins."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_pydantic import OpenAPI
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

ROUTES = [
    ("POST", "/v1/quotes", "service.s"),
    ("POST", "/v1/bookings", "service.s"),
    ("GET", "/v1/bookings/{id}", "service.s"),
    ("GET", "/v1/surge", "rider.r-1"),
    ("GET", "/v1/surge/map", "rider.r-1"),
    ("GET", "/v1/cities", "rider.r-1"),
    ("PUT", "/v1/cities/{id}/surge-cap", "operator.o"),
]
FAST = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def mapped(make_world):
    world = make_world(rate_per_second=1e6, rate_burst=1e6)
    world.copies.compute_maps()
    world.copies.refresh()
    return world


def test_the_document_is_valid_openapi_3_1_with_all_routes(mapped):
    document = json.loads(mapped.get("/openapi.json").data)
    assert OpenAPI.model_validate(document).openapi.startswith("3.1")
    described = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    assert described == {(method, path) for method, path, _ in ROUTES} | {("GET", "/openapi.json")}
    assert document["security"] == [{"bearer": []}]


@pytest.mark.parametrize(("method", "path", "token"), [*ROUTES, ("GET", "/openapi.json", "")])
def test_no_route_is_open_without_a_token(mapped, method, path, token):
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic cjpy"}):
        answer = mapped.app.test_client().open(path.replace("{id}", "sim"), method=method, headers=headers, json={})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path", "token"), ROUTES)
def test_schemathesis_finds_no_5xx_and_nothing_undocumented(mapped, method, path, token, mode):
    headers = {"Authorization": f"Bearer {token}"}
    operation = schemathesis.openapi.from_wsgi("/openapi.json", mapped.app, headers=headers)[path][method]
    if mode is GenerationMode.NEGATIVE and path in ("/v1/cities", "/v1/bookings/{id}"):
        pytest.skip("takes nothing that could be wrong but an id that is not there")

    @FAST
    @given(operation.as_strategy(generation_mode=mode))
    def check(case):
        # Data that fits the schema may still be a forged token, outside every city, or in the past.
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    check()
