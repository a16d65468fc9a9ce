import json
import subprocess
import sys

import pytest
from openapi_pydantic import OpenAPI

from wayfare.domain.errors import SettingsInvalid
from wayfare.runtime.settings import load
from wayfare.runtime.web.settings import WebSettings


@pytest.fixture
def document(world):
    answer = world.get("/openapi.json")
    assert answer.content_type == "application/json"
    return json.loads(answer.data)


def test_it_is_valid_and_has_every_route(document, world):
    OpenAPI.model_validate(document)
    declared = {(route.path, route.method.lower()) for route in world.app.extensions["wayfare"].routes}
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == declared


def test_parameters_come_from_the_path_the_query_model_and_idempotency(document):
    [path] = document["paths"]["/v1/orders/{id}"]["get"]["parameters"]
    assert (path["name"], path["in"], path["required"]) == ("id", "path", True)
    lat, zoom = document["paths"]["/v1/here"]["get"]["parameters"]
    assert (lat["name"], lat["required"], lat["schema"]["maximum"], lat["description"]) == (
        "lat",
        True,
        90,
        "Degrees north.",
    )
    assert (zoom["name"], zoom["required"], zoom["schema"]) == ("zoom", False, {"type": "integer"})
    [key] = document["paths"]["/v1/orders"]["post"]["parameters"]
    assert (key["name"], key["in"]) == ("Idempotency-Key", "header")


def test_each_operation_lists_the_problems_it_can_answer(document):
    answers = document["paths"]["/v1/orders"]["post"]["responses"]
    assert set(answers) == {"201", "400", "401", "403", "409", "413", "415", "422", "429", "500", "503"}
    assert "Retry-After" in answers["429"]["headers"]
    assert "404" in document["paths"]["/v1/orders/{id}"]["get"]["responses"]
    assert "Problem" in document["components"]["schemas"]


def test_its_examples_are_shown(document):
    content = document["paths"]["/v1/orders"]["post"]["requestBody"]["content"]["application/json"]
    assert content["examples"]["one"]["value"] == {"pickup": {"lat": 1, "lon": 2}}


def test_a_front_end_does_not_import_what_only_the_document_needs():
    code = "import sys, wayfare.runtime.web.app; print([m for m in ('openapi_pydantic', 'numpy', 'pandas') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "openapi_pydantic" not in found.stdout
    assert "pandas" not in found.stdout


def test_production_refuses_the_development_issuer(monkeypatch, tmp_path):
    for name, value in {"STATE": str(tmp_path), "JWKS": "https://keys.example/jwks", "ENV": "production"}.items():
        monkeypatch.setenv(f"WAYFARE_{name}", value)
    monkeypatch.delenv("WAYFARE_TOKEN_ISSUER", raising=False)
    with pytest.raises(SettingsInvalid, match="WAYFARE_TOKEN_ISSUER"):
        load(WebSettings)
    monkeypatch.setenv("WAYFARE_TOKEN_ISSUER", "https://identity.example")
    assert load(WebSettings).token_issuer == "https://identity.example"


def test_a_rule_over_several_settings_does_not_tell_their_values(monkeypatch, tmp_path):
    for name, value in {"STATE": str(tmp_path / "hidden-value"), "JWKS": "x", "ENV": "production"}.items():
        monkeypatch.setenv(f"WAYFARE_{name}", value)
    with pytest.raises(SettingsInvalid) as caught:
        load(WebSettings)
    assert "hidden-value" not in str(caught.value)
