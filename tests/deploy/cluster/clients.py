"""Pods that act as apps: in a namespace of their own, with one token, calling the public Services."""

from __future__ import annotations

import json
import pathlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.cluster.kube import Kube, until

GENERATOR = pathlib.Path(__file__).with_name("load.py")
TOKEN = "/token/service.token"


@dataclass
class Calls:
    """What a load generator did; filled in when it has stopped."""

    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        return [line for kind in ("quotes", "pings") for line in self.summary[kind]["failures"]]

    @property
    def failed(self) -> int:
        return int(self.summary["quotes"]["failed"] + self.summary["pings"]["failed"])


@dataclass(frozen=True)
class Clients:
    """The namespace of the apps."""

    kube: Kube
    image: str
    events_url: str
    pricing_url: str

    def prepare(self, token: str, labels: dict[str, str]) -> None:
        """The namespace, the token and the program; again is harmless."""
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.kube.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": self.kube.namespace, "labels": labels | restricted},
            },
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "token", "namespace": self.kube.namespace},
                "stringData": {"service.token": token},
            },
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "program", "namespace": self.kube.namespace},
                "data": {"load.py": GENERATOR.read_text()},
            },
        )

    def pod(self, name: str, command: list[str]) -> None:
        """Start a pod with the token under /token and the program under /program."""
        allowed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        container = {
            "name": "client",
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "command": command,
            "securityContext": allowed,
            "volumeMounts": [{"name": "token", "mountPath": "/token"}, {"name": "program", "mountPath": "/program"}],
        }
        self.kube.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": self.kube.namespace, "labels": {"app": "client"}},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 1,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 10001,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                    "volumes": [
                        {"name": "token", "secret": {"secretName": "token"}},
                        {"name": "program", "configMap": {"name": "program"}},
                    ],
                },
            }
        )

    def phase(self, name: str) -> str:
        return str(self.kube.json("get", "pod", name)["status"]["phase"])

    @contextmanager
    def load(self, name: str, quotes: float = 10.0, pings: float = 5.0) -> Iterator[Calls]:
        """Steady calls while the block runs, and a second before and after it."""
        rates = ["--quotes", str(quotes), "--pings", str(pings)]
        self.pod(name, ["python", "/program/load.py", self.events_url, self.pricing_url, TOKEN, *rates])
        calls = Calls()
        try:
            until(lambda: "started" in self.kube("logs", name), 90, f"the load generator {name} starts")
            time.sleep(1)
            yield calls
            time.sleep(1)
            self.kube("exec", name, "--", "python", "-c", "open('/tmp/stop', 'w')")
            until(lambda: self.phase(name) in ("Succeeded", "Failed"), 60, f"the load generator {name} stops")
            calls.summary = json.loads(self.kube("logs", name, "--tail=1"))
        finally:
            self.kube("delete", "pod", name, "--wait=false", "--ignore-not-found")

    def python(self, code: str) -> str:
        """What a program prints in a pod of the apps, which stays for the next."""
        if not self.kube.json("get", "pods", "--selector", "app=client", "--field-selector", "metadata.name=app")[
            "items"
        ]:
            self.pod("app", ["python", "-c", "import time; time.sleep(36000)"])
            self.kube("wait", "--for=condition=Ready", "pod/app", "--timeout=90s")
        return self.kube.python("app", code)

    def quote(self, rider: str = "rider-1") -> dict[str, Any]:
        """The answer to one quote, with its status under `status`."""
        code = f"""
import httpx, json
body = {{"pickup": {{"lat": 37.7793, "lon": -122.4193}}, "dropoff": {{"lat": 37.7955, "lon": -122.3937}}, "rider_id": {rider!r}}}
token = open({TOKEN!r}).read().strip()
try:
    answer = httpx.post("{self.pricing_url}/v1/quotes", json=body, headers={{"Authorization": "Bearer " + token}}, timeout=5)
    print(json.dumps(answer.json() | {{"status": answer.status_code}}))
except httpx.HTTPError as error:
    print(json.dumps({{"status": 0, "error": repr(error)}}))
"""
        answer: dict[str, Any] = json.loads(self.python(code))
        return answer
