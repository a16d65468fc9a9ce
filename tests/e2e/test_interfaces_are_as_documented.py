"""The running services against their own /openapi.json, asked by schemathesis with a token of each role, and without one."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import uuid

import httpx
import pytest
from openapi_pydantic import OpenAPI

pytestmark = pytest.mark.timeout(900)  # the first test waits for a whole installation, a training included

EVERY_BOUND = "examples,coverage,fuzzing"
SERVICES = ("events_api", "pricing_api", "drift_monitor")
"""All that answer apps and programs; the console answers browsers."""
PHASES = {"service": EVERY_BOUND, "operator": EVERY_BOUND, "rider": "examples,fuzzing", "driver": "examples,fuzzing"}
"""Services and operators between them reach every route; bounds are tried one by one for them."""
CASES_PER_ROUTE = 5
CHECKS = ",".join(
    (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "missing_required_header",
        "unsupported_method",
        "allow_header_conformance",
        "ignored_auth",
    )
)
"""All that apply. Not positive_data_acceptance: what fits the schema may be a forged quote, outside every city, in the past."""


def address(city, service: str) -> str:
    return next(row.address for row in city.stack.status() if row.name == service)


@pytest.mark.parametrize("role", PHASES)
@pytest.mark.parametrize("service", SERVICES)
def test_schemathesis_finds_no_5xx_and_nothing_undocumented(city, tmp_path: pathlib.Path, service: str, role: str):
    url = f"{address(city, service)}/"
    token = city.token(role, f"{role[0]}-{uuid.uuid4().hex[:12]}")["Authorization"]
    found = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}openapi.json"),
            *("--header", f"Authorization:{token}", "--checks", CHECKS, "--max-examples", str(CASES_PER_ROUTE)),
            *("--phases", PHASES[role], "--suppress-health-check", "all", "--seed", "1"),
            # A rider or driver who asks as fast as this is told to wait, which is not what is looked at here.
            *("--rate-limit", "auto"),
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]
    document = httpx.get(f"{url}openapi.json", headers={"Authorization": token}).json()
    routes = sum(len(methods) for path, methods in document["paths"].items() if path != "/openapi.json")
    assert re.search(rf"Tested: {routes}$", found.stdout, re.MULTILINE), found.stdout
    assert int(re.search(r"(\d+) generated", found.stdout)[1]) >= 3 * routes, found.stdout


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic cjpy"}])
def test_no_route_answers_without_a_token(city, header):
    for service in SERVICES:
        with httpx.Client(base_url=address(city, service), timeout=10.0) as client:
            document = client.get("/openapi.json", headers=city.token("service", "s-1")).json()
            assert document["paths"]
            for path, methods in document["paths"].items():
                for method in methods:
                    answer = client.request(method, re.sub(r"{\w+}", "sim", path), headers=header)
                    assert answer.status_code == 401, (method, path, answer.status_code)
                    assert answer.headers["www-authenticate"].startswith("Bearer")
                    assert answer.headers["content-type"] == "application/problem+json"


def test_the_documents_of_all_services_make_one(city):
    whole = {
        "openapi": "3.1.1",
        "info": {"title": "Wayfare", "version": "1"},
        "paths": {},
        "components": {"schemas": {}},
    }
    operations = []
    for service in SERVICES:
        document = httpx.get(f"{address(city, service)}/openapi.json", headers=city.token("service", "s-1")).json()
        for path, methods in document["paths"].items():
            assert path == "/openapi.json" or path not in whole["paths"], f"two services serve {path}"
            whole["paths"][path] = methods
            operations += [one["operationId"] for one in methods.values() if path != "/openapi.json"]
        for name, schema in document["components"]["schemas"].items():
            known = whole["components"]["schemas"].setdefault(name, schema)
            assert known == schema, f"two services mean different things by {name}"
    assert len(operations) == len(set(operations))
    OpenAPI.model_validate(whole)
