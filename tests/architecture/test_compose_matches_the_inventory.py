"""docker-compose.yml against the one table: every service is there, from its image, confined, on loopback alone."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

from wayfare.inventory import ACTORS, SERVERS, SERVICES

ROOT = pathlib.Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
STAND_IN = (ROOT / "docker/compose/stand-in.yml").read_text()
ENTRIES: dict[str, dict] = COMPOSE["services"]
OURS = {name: entry for name, entry in ENTRIES.items() if "/wayfare/" in entry["image"]}


def entry(service):
    return ENTRIES[service.name.replace("_", "-")]


@pytest.mark.parametrize("service", [row for row in (*SERVICES, *ACTORS) if row.name != "model_server"], ids=str)
def test_a_service_runs_its_module_from_its_image(service):
    assert f"/wayfare/{service.image}:" in entry(service)["image"]
    assert entry(service)["command"] == ["python", "-m", service.module]


def test_the_model_server_is_the_official_image_and_can_be_the_stand_in():
    assert "tensorflow/serving:" in ENTRIES["model-server"]["image"]
    stand_in = next(row for row in SERVICES if row.name == "model_server")
    assert f"/wayfare/{stand_in.image}:" in STAND_IN
    assert stand_in.module in STAND_IN


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_every_store_is_there(server):
    assert server.name in ENTRIES


def test_nothing_listens_beyond_loopback():
    published = [port for row in ENTRIES.values() for port in row.get("ports", [])]
    assert published
    assert [port for port in published if not str(port).startswith("127.0.0.1:")] == []
    assert not [name for name, row in ENTRIES.items() if row.get("network_mode") == "host"]


def test_only_public_services_and_what_people_look_at_are_published():
    public = {row.name.replace("_", "-") for row in SERVICES if row.public}
    assert {name for name, row in ENTRIES.items() if row.get("ports")} == public | {"prometheus", "grafana"}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_container_is_confined_and_bounded(name):
    row = ENTRIES[name]
    assert row["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in row["security_opt"]
    assert row["mem_limit"]
    assert row["cpus"]
    assert row["restart"]
    assert "privileged" not in row
    assert row["read_only"] or name in ("kafka", "cassandra"), "their entry points write their own configuration"


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_is_nobody_and_gets_no_secret_as_a_variable(name):
    assert OURS[name]["user"] == "10001:10001"
    secret = re.compile(r"PASSWORD|SECRET|TOKEN$|_KEY$")
    assert not [variable for variable in OURS[name].get("environment", {}) if secret.search(variable)]


def test_a_private_key_is_mounted_only_where_it_is_used():
    holders = {
        key: {
            name for name, row in OURS.items() for volume in row.get("volumes", []) if volume.startswith(f"keys-{key}:")
        }
        for key in ("quotes", "trainer", "publisher", "pseudonym", "session", "jwt")
    }
    assert holders == {
        "quotes": {"keys", "pricing-api"},
        "pseudonym": {"keys", "pricing-api"},
        "session": {"keys", "console"},
        "publisher": {"keys", "publisher"},
        "trainer": {"keys", "train", "publish"},
        "jwt": {"keys", "token"},
    }


def test_services_wait_for_their_stores_by_themselves():
    serving = {row.name.replace("_", "-") for row in (*SERVICES, *ACTORS)} - {"model-server"}
    for name in serving:
        assert set(ENTRIES[name]["depends_on"]) == {"keys"}, name


def test_prometheus_looks_at_every_service():
    scraped = (ROOT / "docker/compose/prometheus.yml").read_text()
    for service in (*SERVICES, ACTORS[0]):
        assert f"{service.name.replace('_', '-')}:" in scraped, service.name


def test_compose_and_the_chart_of_stores_name_the_same_official_images():
    chart = yaml.safe_load((ROOT / "charts/datastores/values.yaml").read_text())
    for server in SERVERS:
        image = chart[server.name]["image"]
        official = re.search(r":-(.*)}", ENTRIES[server.name]["image"])[1]
        assert f"{image['repository']}:{image['tag']}".endswith(official), server.name
