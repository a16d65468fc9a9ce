"""Images: size and cold start of each service against a front end of the ordinary kind (`bench/ordinary`).

Needs a container engine and the images (`make images`). A cold start is the time from asking the engine for a container to
the first 200 of /healthz, seen from outside; the sides take turns. Stores are nowhere: a service lives without them. Size is
what the engine counts, all layers together. A ratio is peer over ours.
"""

from __future__ import annotations

import json
import os
import pathlib
import socket
import statistics
import subprocess
import time
import urllib.request
import uuid

from wayfare.inventory import SERVICES

ROOT = pathlib.Path(__file__).parents[1]
ORDINARY = "localhost/wayfare-bench/ordinary:1"
_ENGINE = 'cd docker && . ./engine.sh && engine && echo "$ENGINE" && echo "${CONTAINERS_CONF:-}" && echo "$REGISTRY" && echo "$TAG"'
_LOOK_SECONDS = 3.0
_TOLD = {
    "WAYFARE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    "WAYFARE_REDIS_URL": "redis://127.0.0.1:1/0",
    "WAYFARE_CASSANDRA_HOSTS": "127.0.0.1:1",
    "WAYFARE_MODEL_SERVER": "127.0.0.1:1",
    "WAYFARE_ARTIFACT_STORE": "file:///artifacts",
    "WAYFARE_EVENTS_URL": "http://127.0.0.1:1",
    "WAYFARE_PRICING_URL": "http://127.0.0.1:1",
    "WAYFARE_PROMETHEUS_URL": "http://127.0.0.1:1",
}


class Containers:
    """podman or docker, as docker/build.sh finds it."""

    def __init__(self) -> None:
        found = subprocess.run(["bash", "-c", _ENGINE, "bench"], cwd=ROOT, capture_output=True, text=True, check=True)
        self.name, configuration, self.registry, self.tag = found.stdout.split("\n")[:4]
        self._environment = dict(os.environ) | ({"CONTAINERS_CONF": configuration} if configuration else {})

    def __call__(self, *arguments: str) -> str:
        command = [self.name, *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=True).stdout

    def _log(self, name: str) -> str:
        command = [self.name, "logs", name]
        said = subprocess.run(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return said.stdout[-2000:]

    def image(self, kind: str) -> str:
        return f"{self.registry}/wayfare/{kind}:{self.tag}"

    def size_mb(self, image: str) -> float:
        return float(json.loads(self("image", "inspect", image))[0]["Size"]) / 1e6

    def cold_start(self, image: str, port: int, *arguments: str) -> float:
        """Seconds until /healthz answers; RuntimeError with the log when it ends, or does not within five minutes."""
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            outside = one.getsockname()[1]
        name = f"wayfare-bench-{uuid.uuid4().hex[:10]}"
        split = arguments.index("--") if "--" in arguments else len(arguments)
        options, command = arguments[:split], arguments[split + 1 :]
        began = time.perf_counter()
        publish = f"--publish=127.0.0.1:{outside}:{port}"
        try:
            self("run", "--detach", "--name", name, "--tmpfs=/tmp:mode=1777", publish, *options, image, *command)
            # Asking the engine takes CPU from what is timed, so it is asked seldom.
            look = began + _LOOK_SECONDS
            while time.perf_counter() - began < 300:
                if time.perf_counter() > look:
                    state = self("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name).split()
                    if state[0] in ("exited", "stopped", "dead"):
                        raise RuntimeError(f"{image} {' '.join(command)} ended with {state[1]}: {self._log(name)}")
                    look = time.perf_counter() + _LOOK_SECONDS
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{outside}/healthz", timeout=2) as answer:
                        if answer.status == 200:
                            return time.perf_counter() - began
                except OSError:
                    time.sleep(0.02)
            raise RuntimeError(f"{image} {' '.join(command)} did not answer: {self._log(name)}")
        finally:
            subprocess.run(
                [self.name, "rm", "--force", "--volumes", name], env=self._environment, capture_output=True, check=False
            )


def _build_ordinary(engine: Containers) -> None:
    lent = [
        f"--volume={file}:{file}:ro"
        for file in ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")
        if engine.name == "podman" and pathlib.Path(file).exists()
    ]
    more = ["--network=host", "--pull=missing", *lent] if engine.name == "podman" else []
    engine("build", "--quiet", *more, "--tag", ORDINARY, str(ROOT / "bench/ordinary"))


def run(quick: bool) -> dict[str, object]:
    """The ratio is of pricing_api's cold start; sizes and the other services are figures beside it."""
    engine = Containers()
    _build_ordinary(engine)
    volume = f"wayfare-bench-{uuid.uuid4().hex[:10]}"
    make = (
        "wayfare keys init --development /etc/wayfare/keys && python -c "
        "\"import pathlib; from local import cities; cities.write_default(pathlib.Path('/etc/wayfare/cities/cities.json'))\""
    )
    told = [
        *(f"--env={name}={value}" for name, value in _TOLD.items()),
        f"--volume={volume}:/etc/wayfare:ro",
        "--read-only",
    ]
    rounds = 3 if quick else 7
    ours: dict[str, list[float]] = {service.name: [] for service in SERVICES}
    peer: list[float] = []
    try:
        engine("run", "--rm", f"--volume={volume}:/etc/wayfare", engine.image("front"), "sh", "-c", make)
        for turn in range(rounds + 1):  # the first warms the file cache for both and is not counted
            took = engine.cold_start(ORDINARY, 8080, "--read-only")
            peer += [took] if turn else []
            for service in SERVICES:
                command = ("--", "python", "-m", service.module)
                took = engine.cold_start(
                    engine.image(service.image), 9090, *told, "--volume=/var/lib/wayfare", *command
                )
                ours[service.name] += [took] if turn else []
    finally:
        subprocess.run([engine.name, "volume", "rm", "--force", volume], capture_output=True, check=False)
    ordinary_mb = engine.size_mb(ORDINARY)
    kinds = ("front", "stream", "spark", "trainer", "model-server")
    return {
        "name": "images",
        "what": "cold start of pricing_api's container; sizes of all images",
        "peer": "Flask, gunicorn and tensorflow-serving-api installed in full",
        "ratios": [theirs / mine for mine, theirs in zip(ours["pricing_api"], peer, strict=True)],
        "aim": "front end at most 1/5 of the size",
        "figures": {
            "front_size_ratio": ordinary_mb / engine.size_mb(engine.image("front")),
            "ordinary_mb": ordinary_mb,
            **{f"{kind}_mb": engine.size_mb(engine.image(kind)) for kind in kinds},
            "ordinary_start_s": statistics.median(peer),
            **{f"{name}_start_s": statistics.median(took) for name, took in ours.items()},
        },
    }
