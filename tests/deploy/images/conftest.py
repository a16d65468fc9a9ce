"""A container engine, and the images of this tree; a printed reason where there is none of either."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import time
import uuid
from dataclasses import dataclass, field

import pytest

ROOT = pathlib.Path(__file__).parents[3]
KINDS = ("front", "stream", "spark", "trainer", "model-server")
_FIND = '. docker/engine.sh; [ "${INSTALL:-}" ] || install_podman() { fail "no container engine answers here"; }; engine; echo "$ENGINE"; echo "${CONTAINERS_CONF:-}"; echo "$REGISTRY"; echo "$TAG"'


@dataclass
class Engine:
    """podman or docker. `run` gives containers what they are given in production: read-only, no network, no capability."""

    name: str
    environment: dict[str, str]
    registry: str
    tag: str
    started: list[str] = field(default_factory=list)
    looked: dict[str, dict] = field(default_factory=dict)

    def __call__(self, *arguments: str, check: bool = True, seconds: float = 120.0, stdin: str | None = None):
        done = subprocess.run(
            [self.name, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            input=stdin,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{self.name} {' '.join(arguments)}: {done.stderr[-3000:]}{done.stdout[-1000:]}")
        return done

    def image(self, kind: str) -> str:
        return f"{self.registry}/wayfare/{kind}:{self.tag}"

    def confined(self, *more: str, writable: bool = True) -> list[str]:
        options = ["--read-only", "--read-only-tmpfs=false"] if self.name == "podman" else ["--read-only"]
        options += ["--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
        if writable:
            options += ["--tmpfs=/tmp:mode=1777", "--volume=/var/lib/wayfare"]
        return [*options, *more]

    def run(self, kind: str, *command: str, options: tuple[str, ...] = (), check: bool = True, seconds: float = 240.0):
        """A container that ends by itself."""
        return self("run", "--rm", *self.confined(*options), self.image(kind), *command, check=check, seconds=seconds)

    def start(self, kind: str, *command: str, options: tuple[str, ...] = ()) -> str:
        """A container that stays; removed when the test session ends."""
        name = f"wayfare-test-{uuid.uuid4().hex[:12]}"
        self.started.append(name)
        self("run", "--detach", "--name", name, *self.confined(*options), self.image(kind), *command)
        return name

    def ask(self, container: str, path: str, port: int = 9090) -> tuple[int, str]:
        """Status and body of one GET inside a container; status 0 when nobody answers."""
        code = (
            "import sys, urllib.request, urllib.error\n"
            "try: answer = urllib.request.urlopen(sys.argv[1], timeout=4)\n"
            "except urllib.error.HTTPError as error: answer = error\n"
            "except OSError as error: print(0, error); sys.exit()\n"
            "print(answer.status, answer.read().decode())"
        )
        done = self("exec", container, "python", "-c", code, f"http://127.0.0.1:{port}{path}", check=False)
        status, _, body = done.stdout.strip().partition(" ")
        return int(status or 0), body

    def wait(self, container: str, path: str, status: int, seconds: float = 200.0) -> str:
        """Ask until the status comes; fails with the last answer and the end of the log."""
        deadline, told = time.monotonic() + seconds, (0, "")
        while time.monotonic() < deadline:
            told = self.ask(container, path)
            if told[0] == status:
                return told[1]
            time.sleep(0.5)
        logs = self("logs", container, check=False)
        raise AssertionError(f"{path} did not become {status}, got {told}\n{(logs.stdout + logs.stderr)[-3000:]}")


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config):
    """Started by `make test-images` and `make test-compose`; skipped in a run of all tests, which builds no images."""
    if not any("tests/deploy" in str(argument) for argument in pytestconfig.invocation_params.args):
        pytest.skip("containers are tried by `make test-images` and `make test-compose`")
    found = subprocess.run(["bash", "-c", _FIND, "tests"], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"no container engine: {found.stderr.strip()}")
    name, configuration, registry, tag = found.stdout.split("\n")[:4]
    environment = dict(os.environ) | ({"CONTAINERS_CONF": configuration} if configuration else {})
    made = Engine(name, environment, registry, tag)
    yield made
    for container in made.started:
        made("rm", "--force", "--volumes", container, check=False)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, engine: Engine) -> str:
    """Each kind of image, where it was built."""
    built(engine, request.param)
    return request.param


def built(engine: Engine, kind: str) -> dict:
    """What the engine knows of an image."""
    done = engine("image", "inspect", engine.image(kind), check=False)
    if done.returncode:
        pytest.skip(f"{engine.image(kind)} is not built: make images ARGS={kind}")
    return json.loads(done.stdout)[0]
