"""The compose tool itself, against Docker where its daemon answers, else against podman's socket of the same interface."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass

import pytest

ROOT = pathlib.Path(__file__).parents[3]
STORES = ("kafka", "redis", "cassandra")


def _script(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", command, "tests"], cwd=ROOT, capture_output=True, text=True, check=False)


@dataclass
class Compose:
    """docker-compose with this project's files, in a project and on ports of its own."""

    tool: pathlib.Path
    environment: dict[str, str]
    project: str
    files: tuple[str, ...] = ("docker-compose.yml",)

    def __call__(self, *arguments: str, check: bool = True, seconds: float = 600.0) -> subprocess.CompletedProcess[str]:
        files = [part for file in self.files for part in ("--file", str(ROOT / file))]
        command = [str(self.tool), "--progress", "plain", "--project-name", self.project, *files, *arguments]
        done = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert not check or done.returncode == 0, f"{' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done

    def container(self, service: str) -> str:
        return f"{self.project}-{service}-1"


@pytest.fixture(scope="session")
def tool(pytestconfig: pytest.Config) -> pathlib.Path:
    """docker-compose as local/tools builds it, or the one on the path."""
    if not any("tests/deploy" in str(argument) for argument in pytestconfig.invocation_params.args):
        pytest.skip("the compose file is tried by `make test-compose`")
    done = _script("local/tools/build.sh docker-compose")
    built = pathlib.Path(done.stdout.strip().split("\n")[-1] or "none") / "docker-compose"
    if done.returncode == 0 and built.exists():
        return built
    found = shutil.which("docker-compose")
    if not found:
        pytest.skip(f"no docker-compose: {done.stderr.strip()[-500:]}")
    return pathlib.Path(found)


@pytest.fixture(scope="session")
def compose(tool: pathlib.Path):
    """For what needs no engine."""
    return Compose(tool, dict(os.environ), "wayfare")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def stack(tool: pathlib.Path):
    """Wayfare's part of the file, running: stores from stand-in images where the official ones are not to be had."""
    found = _script(
        '. docker/engine.sh; engine; echo "$ENGINE"; echo "${CONTAINERS_CONF:-}"; echo "$REGISTRY"; echo "$TAG"'
    )
    if found.returncode:
        pytest.skip(f"no container engine: {found.stderr.strip()}")
    engine, configuration, registry, tag = found.stdout.split("\n")[:4]
    environment = dict(os.environ) | ({"CONTAINERS_CONF": configuration} if configuration else {})
    environment |= {"REGISTRY": registry, "TAG": tag, "ENGINE": engine}

    def has(image: str) -> bool:
        return subprocess.run([engine, "image", "inspect", image], capture_output=True, check=False).returncode == 0

    for kind in ("front", "stream", "spark", "trainer", "model-server"):
        if not has(f"{registry}/wayfare/{kind}:{tag}"):
            pytest.skip(f"{registry}/wayfare/{kind}:{tag} is not built: make images")
    config = json.loads(Compose(tool, environment, "wayfare")("config", "--format", "json").stdout)["services"]
    for store in STORES:
        if not has(config[store]["image"]):
            stand_in = f"{registry}/wayfare-standin/{store}:{tag}"
            if not has(stand_in):
                made = _script(f"tests/deploy/cluster/images/build.sh {store}")
                assert made.returncode == 0, made.stderr[-2000:]
            environment[f"{store.upper()}_IMAGE"] = stand_in
    for name in ("EVENTS_PORT", "PRICING_PORT"):
        environment[name] = str(_free_port())

    folder = pathlib.Path(tempfile.mkdtemp(prefix="wayfare-compose-"))
    service = None
    if engine == "podman":
        address = folder / "podman.sock"
        with (folder / "podman.log").open("wb") as log:
            service = subprocess.Popen(
                ["podman", "system", "service", "--time=0", f"unix://{address}"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while not address.exists():
            assert time.monotonic() < deadline, (folder / "podman.log").read_text()
            time.sleep(0.1)
        environment["DOCKER_HOST"] = f"unix://{address}"
    project = f"wayfare-test-{uuid.uuid4().hex[:8]}"
    files = ("docker-compose.yml", "docker/compose/stand-in.yml", "tests/deploy/compose/small.yml")
    made = Compose(tool, environment, project, files)
    try:
        yield made
    finally:
        made("--profile", "*", "down", "--volumes", "--remove-orphans", check=False)
        if service is not None:
            service.terminate()
            service.wait(30)
        shutil.rmtree(folder, ignore_errors=True)
