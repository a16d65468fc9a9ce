"""The document that events_api serves, and schemathesis with it against the application itself, on the memory log."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_pydantic import OpenAPI
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

AUTHORIZATION = {"Authorization": "Bearer service:s"}


@pytest.fixture
def document(world):
    return json.loads(world.client.get("/openapi.json", headers=AUTHORIZATION).data)


def test_the_document_is_valid_openapi_3_1_with_the_routes_and_their_security(document):
    assert OpenAPI.model_validate(document).openapi.startswith("3.1")
    assert set(document["paths"]) == {
        "/v1/driver-pings", "/v1/ride-requests", "/v1/trips", "/v1/weather", "/openapi.json"
    }  # fmt: skip
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_operation_documents_its_problems_and_its_roles(document):
    for path, operations in document["paths"].items():
        for operation in operations.values():
            problems = {status for status, answer in operation["responses"].items() if "application/problem+json" in answer.get("content", {})}  # fmt: skip
            expected = {"401", "403", "422", "500", "503"} | (
                {"400", "413", "415"} if "requestBody" in operation else set()
            )
            assert expected <= problems, path
            assert "Roles: " in operation["description"]


def test_the_bodies_are_shown_with_their_bounds_and_examples(document):
    schemas = document["components"]["schemas"]
    assert schemas["Pings"]["properties"]["pings"]["maxItems"] == 1000
    assert schemas["Ping"]["additionalProperties"] is False
    assert schemas["Ping"]["properties"]["lat"]["maximum"] == 90
    content = document["paths"]["/v1/driver-pings"]["post"]["requestBody"]["content"]["application/json"]
    assert set(content["examples"]) == {"a free cab", "a cab on a trip"}


def cases(world, path, mode):
    api = schemathesis.openapi.from_wsgi("/openapi.json", world.app, headers=AUTHORIZATION)
    return api[path]["GET" if path == "/openapi.json" else "POST"].as_strategy(generation_mode=mode)


FAST = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
EVERY = pytest.mark.parametrize(
    "path", ["/v1/driver-pings", "/v1/ride-requests", "/v1/trips", "/v1/weather", "/openapi.json"]
)


@EVERY
def test_schemathesis_finds_no_5xx_with_data_that_fits(world, path):
    @FAST
    @given(cases(world, path, GenerationMode.POSITIVE))
    def check(case):
        # Data that fits the schema may still lie outside every city or in the future.
        case.call_and_validate(headers=AUTHORIZATION, excluded_checks=[positive_data_acceptance])

    check()


@EVERY
def test_schemathesis_gets_nothing_past_the_schema_with_data_that_does_not_fit(world, path):
    if path == "/openapi.json":
        pytest.skip("takes nothing that could be wrong")

    @FAST
    @given(cases(world, path, GenerationMode.NEGATIVE))
    def check(case):
        case.call_and_validate(headers=AUTHORIZATION)

    check()


@EVERY
def test_schemathesis_gets_nothing_without_a_token(world, path):
    @settings(FAST, max_examples=15)
    @given(cases(world, path, GenerationMode.POSITIVE))
    def check(case):
        assert case.call(headers={"Authorization": ""}).status_code == 401

    check()
