"""A model server process and a publisher process over one folder, and networks to publish."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from wayfare.adapters.ed25519_signing import Signer, TrustedKeys, generate_key, trust, trusted_keys
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.adapters.grpc_predictor import GrpcPredictor

ROOT = pathlib.Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], seconds: float = 30.0, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.05)


def is_ready(port: int) -> dict[str, str] | None:
    """None when ready, else the reasons; a process that does not answer yet is a reason too."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2).close()
    except urllib.error.HTTPError as error:
        with error:
            return json.loads(error.read())["reasons"]
    except OSError as error:
        return {"process": str(error)}
    return None


class Process:
    def __init__(self, module: str, variables: dict[str, str], log: pathlib.Path) -> None:
        self.module, self.variables, self.log = module, variables, log
        self.admin = int(variables["WAYFARE_ADMIN_PORT"])
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", self.module],
                cwd=ROOT,
                env=os.environ | self.variables,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> int:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(30)

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=5) as answer:
            return answer.read().decode()


class Installation:
    """Keys, a store, a folder of models, and the two processes."""

    def __init__(self, state: pathlib.Path) -> None:
        self.state = state
        self.trainer: Signer = generate_key(state / "keys" / "trainer-t.pem")
        self.publisher_key: Signer = generate_key(state / "keys" / "publisher-t.pem")
        trust(self.trainer, state / "trusted")
        trust(self.publisher_key, state / "trusted")
        self.trusted: TrustedKeys = trusted_keys(state / "trusted")
        self.store_folder = state / "artifacts"
        self.store_url = self.store_folder.as_uri()
        self.store = ArtifactStore(self.store_url)
        self.models = state / "models"
        self.grpc_port = free_port()
        self.variables = {
            "WAYFARE_STATE": str(state),
            "WAYFARE_MODELS_DIR": str(self.models),
            "WAYFARE_ARTIFACT_STORE": self.store_url,
            "WAYFARE_TRUSTED_KEYS_DIR": str(state / "trusted"),
            "WAYFARE_PUBLISHER_KEY_FILE": str(state / "keys" / "publisher-t.pem"),
            "WAYFARE_TRAINER_KEY_FILE": str(state / "keys" / "trainer-t.pem"),
            "WAYFARE_MODEL_SERVER": f"127.0.0.1:{self.grpc_port}",
            "WAYFARE_GRPC_PORT": str(self.grpc_port),
            "WAYFARE_POLL_SECONDS": "0.2",
        }
        self.predictor = GrpcPredictor(f"127.0.0.1:{self.grpc_port}")

    def run(self, service: str, **changed: str) -> Process:
        variables = self.variables | {"WAYFARE_ADMIN_PORT": str(free_port())} | changed
        return Process(f"services.{service}.main", variables, self.state / f"{service}.log")


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    root = tmp_path_factory.mktemp("networks")
    made = subprocess.run(
        [sys.executable, str(pathlib.Path(__file__).with_name("make_networks.py")), str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    return root


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("installation"))
    yield made
    made.predictor.close()
    shutil.rmtree(made.state)


@pytest.fixture(scope="session")
def model_server(installation: Installation) -> Iterator[Process]:
    process = installation.run("model_server")
    wait_until(lambda: is_ready(process.admin) is None, 240, "model server ready")
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="session")
def publisher(installation: Installation) -> Iterator[Process]:
    process = installation.run("publisher")
    wait_until(lambda: is_ready(process.admin) is None, 30, "publisher ready")
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    return wait_until


@pytest.fixture(scope="session")
def ready() -> Callable[[int], dict[str, str] | None]:
    return is_ready
