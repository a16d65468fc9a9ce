"""What the drift monitor answers: states, unknown when old or never judged, roles and cities, the page, its documents."""

from __future__ import annotations

import json

import pytest
from openapi_pydantic import OpenAPI

from services.drift_monitor.main import application
from services.drift_monitor.routes import routes
from services.drift_monitor.settings import DriftSettings
from services.drift_monitor.telling import Telling
from tests.unit.domain.drift.city_days import City as Days
from tests.unit.domain.drift.city_days import live, part_at, train
from wayfare.adapters.kafka_registers import Held
from wayfare.domain.callers import Caller
from wayfare.domain.city import City, CityClock, Place, Registry, Tariff
from wayfare.domain.drift.judgement import judgement_of
from wayfare.domain.drift.monitor import Monitor
from wayfare.domain.drift.register import BUCKET_MS
from wayfare.domain.errors import StoreUnavailable

LAST = 70 * 288 + 24
ENDS = LAST * BUCKET_MS


class NoArtifacts:
    """A store that is away."""

    def labelled(self, model, label="stable"):
        raise StoreUnavailable("away on purpose")

    def cells(self, model, version):
        raise StoreUnavailable("away on purpose")


class Verifier:
    """A token is `role` or `role:city`."""

    def verify(self, token):
        role, _, city = token.partition(":")
        return Caller(subject=f"{role}-1", role=role, city=city or None)


@pytest.fixture(scope="module")
def judgement():
    days = Days(3)
    monitor = Monitor(train(days, 28), part_at)
    list(live(monitor, days, 70 * 288, 70 * 288 + 12))
    list(live(monitor, days, 70 * 288 + 12, LAST, shift=4.0))
    return json.loads(json.dumps(judgement_of(monitor, "c", "surge-c", 20261121001, 5_000), allow_nan=False))


class World:
    def __init__(self) -> None:
        corners = (Place(0, 0), Place(0, 1), Place(1, 1))
        self.city = City("c", "C", corners, Place(0.5, 0.5), "UTC", "USD", "US", Tariff(1, 1, 1, 1), clock=CityClock())
        self.held, self.now = Held(), ENDS + 1_000
        registry = Registry([self.city])
        self.telling = Telling(self.held, lambda: registry, NoArtifacts(), lambda: self.now, 20.0, 120.0)
        settings = DriftSettings(
            state="/tmp",
            kafka_bootstrap="x:1",
            cities_file="/x",
            artifact_store="file:///x",
            trusted_keys_dir="/x",
            jwks="/x",
        )
        self.client = application(settings, self.telling, Verifier()).test_client()

    def get(self, path: str, token: str = "operator"):
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def world(judgement) -> World:
    found = World()
    found.held.take("judgement|c|surge-c|20261121001|a", json.dumps(judgement).encode())
    return found


def test_drift_is_told_with_its_feature_and_since_when(world):
    (model,) = world.get("/v1/drift").json["models"]
    assert (model["state"], model["version"]) == ("drifted", 20261121001)
    check = model["checks"]["moments"]
    assert check["state"] == "drifted"
    assert "wait" in {alarm["feature"] for alarm in check["alarms"]}
    assert check["since"] <= model["until"]
    (detail,) = world.get("/v1/drift/surge-c").json["models"]
    wait = next(column for column in detail["last_hour"] if column["name"] == "wait")
    assert wait["kl"] > 0.5
    assert wait["mean"] > wait["mean_expected"]
    assert detail["reference"]["days"] == 28


def test_a_judgement_that_is_too_old_makes_everything_unknown(world):
    world.now = ENDS + BUCKET_MS + 141_000
    (model,) = world.get("/v1/drift").json["models"]
    assert model["state"] == "unknown"
    assert {check["state"] for check in model["checks"].values()} == {"unknown"}
    assert "too old, got 7 minutes" in model["checks"]["moments"]["reason"]


def test_a_model_that_nobody_judged_is_listed_as_unknown():
    world = World()
    (model,) = world.get("/v1/drift").json["models"]
    assert (model["model"], model["state"], model["version"]) == ("surge-c", "unknown", None)
    assert b"No prediction of this model was judged yet" in world.get("/v1/drift/surge-c/report").data


def test_who_may_ask(world):
    assert world.client.get("/v1/drift").status_code == 401
    assert world.get("/v1/drift", "rider").status_code == 403
    assert world.get("/v1/drift/surge-c", "operator:elsewhere").status_code == 403
    assert world.get("/v1/drift", "operator:elsewhere").json == {"models": []}
    assert world.get("/v1/drift/surge-x").status_code == 404


def test_the_page_runs_no_script_and_says_what_drifted(world):
    answer = world.get("/v1/drift/surge-c/report")
    assert answer.status_code == 200
    assert "script" not in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    text = answer.get_data(as_text=True)
    assert "style=" not in text
    for said in ("drifted", "wait", "<svg", "since 1970", "Told neither" if "Told neither" in text else "KL"):
        assert said in text


def test_names_in_the_page_cannot_be_markup(judgement):
    world = World()
    strange = json.loads(json.dumps(judgement).replace('"wait"', '"<b>wait</b>"'))
    world.held.take("judgement|c|surge-c|20261121001|a", json.dumps(strange).encode())
    assert b"<b>wait" not in world.get("/v1/drift/surge-c/report").data


def test_the_document_is_openapi_and_names_every_route(world):
    document = world.get("/openapi.json").json
    OpenAPI.model_validate(document)
    assert {"/v1/drift", "/v1/drift/{model}", "/v1/drift/{model}/report"} <= set(document["paths"])
    assert len(routes(world.telling)) == 3


def test_of_two_versions_the_one_that_is_served_more_is_told(world, judgement):
    other = judgement | {"version": 20261121002, "rows_hour": 1}
    world.held.take("judgement|c|surge-c|20261121002|a", json.dumps(other).encode())
    assert world.get("/v1/drift").json["models"][0]["version"] == 20261121001
