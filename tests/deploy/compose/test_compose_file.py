"""docker-compose.yml as the compose tool reads it; needs no engine."""

from __future__ import annotations

import json
import re

import pytest
from google.protobuf import text_format

from tests.deploy.compose.conftest import ROOT


@pytest.mark.parametrize("profile", [(), ("load",), ("training",), ("replay",), ("tools",), ("load", "training")])
def test_the_file_is_valid_with_each_profile(compose, profile):
    options = [part for name in profile for part in ("--profile", name)]
    assert compose(*options, "config", "--quiet").stderr == ""


def test_the_model_server_can_be_the_stand_in(compose):
    stand_in = ROOT / "docker/compose/stand-in.yml"
    compose.files = ("docker-compose.yml", str(stand_in))
    try:
        server = json.loads(compose("config", "--format", "json").stdout)["services"]["model-server"]
    finally:
        compose.files = ("docker-compose.yml",)
    assert server["command"] == ["python", "-m", "services.model_server.main"]
    assert server.get("entrypoint") is None
    assert [volume["target"] for volume in server["volumes"]] == ["/models"]
    assert server["read_only"] is True
    assert server["cap_drop"] == ["ALL"]


def test_profiles_add_what_they_say(compose):
    def services(*profiles: str) -> set[str]:
        options = [part for name in profiles for part in ("--profile", name)]
        return set(compose(*options, "config", "--services").stdout.split())

    serving = services()
    assert services("load") - serving == {"city-simulator"}
    assert services("training") - serving == {"history", "train", "publish"}
    assert not {"token", "replayer"} & serving


def test_tensorflow_serving_is_told_in_its_own_words():
    from tensorflow_serving.config import model_server_config_pb2

    models = text_format.Parse(
        (ROOT / "docker/compose/models.config").read_text(), model_server_config_pb2.ModelServerConfig()
    )
    (row,) = models.model_config_list.config
    assert (row.name, row.base_path) == ("surge-sim", "/models/surge-sim")
    assert row.model_version_policy.WhichOneof("policy_choice") == "all"
    monitoring = (ROOT / "docker/compose/monitoring.config").read_text()
    path = re.fullmatch(r'prometheus_config { enable: true path: "(.*)" }\n', monitoring)[1]
    assert f"metrics_path: {path}\n" in (ROOT / "docker/compose/prometheus.yml").read_text()
