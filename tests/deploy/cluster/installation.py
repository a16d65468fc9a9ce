"""What the tests install: keys, data stores, and Wayfare itself, by Helm as its operators do."""

from __future__ import annotations

import base64
import json
import pathlib
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tests.deploy.cluster.clients import Clients
from tests.deploy.cluster.kube import Kube, run
from tests.deploy.cluster.report import Report

ROOT = pathlib.Path(__file__).parents[3]
HERE = pathlib.Path(__file__).parent
CHART = ROOT / "charts/wayfare"
RELEASE = "wayfare"
STORES = "stores"

# Secret -> folder of `wayfare keys init`.
KEY_SECRETS = {
    "wayfare-quote-keys": "quotes",
    "wayfare-publisher-key": "publisher",
    "wayfare-trainer-key": "trainer",
    "wayfare-trusted-keys": "trusted",
    "wayfare-pseudonym-key": "pseudonym",
    "wayfare-session-key": "session",
    "wayfare-jwks": "jwks",
    "wayfare-service-token": "tokens",
}


@dataclass
class Installation:
    """Where it is and how it is called."""

    kube: Kube
    clients: Clients
    helm: str
    helm4: str
    registry: str
    tag: str
    stores_registry: str
    storage_class: str
    report: Report
    say: Callable[[str], None]
    work: pathlib.Path
    began: float = 0.0
    state: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], report: Report, say: Callable[[str], None]) -> Self:
        namespace = environment.get("NAMESPACE", "wayfare-test")
        image = f"{environment['REGISTRY']}/wayfare/stream:{environment['TAG']}"
        events, pricing = (f"http://{RELEASE}-{name}.{namespace}" for name in ("events-api", "pricing-api"))
        return cls(
            kube=Kube(namespace),
            clients=Clients(Kube(f"{namespace}-apps"), image, events, pricing),
            helm=environment["HELM"],
            helm4=environment["HELM4"],
            registry=environment["REGISTRY"],
            tag=environment["TAG"],
            stores_registry=environment.get("STORES_REGISTRY", ""),
            storage_class=environment.get("STORAGE_CLASS", ""),
            report=report,
            say=say,
            work=pathlib.Path(environment.get("WORK") or tempfile.mkdtemp(prefix="wayfare-cluster-test-")),
        )

    # -- helm ----------------------------------------------------------------------------------------------------------

    def run_helm(self, *arguments: str, seconds: float = 900.0, check: bool = True, helm: str = "") -> str:
        done = run(helm or self.helm, "--namespace", self.kube.namespace, *arguments, seconds=seconds, check=check)
        return done.stdout + done.stderr

    def values(self) -> list[str]:
        """Options of Helm for the chart wayfare on a small cluster."""
        chosen = [
            "--values",
            str(ROOT / "charts/wayfare/environments/trial.yaml"),
            "--values",
            str(HERE / "values.yaml"),
        ]
        chosen += ["--set-string", f"global.image.registry={self.registry},global.image.tag={self.tag}"]
        if self.storage_class:
            chosen += ["--set-string", f"global.lake.storageClass={self.storage_class}"]
        apps = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.clients.kube.namespace}}}]
        return [*chosen, "--set-json", f"networkPolicy.gateway.from={json.dumps(apps)}"]

    def stores_values(self) -> list[str]:
        chosen = ["--values", str(HERE / "values-datastores.yaml")]
        for name in ("kafka", "cassandra", "redis", "s3") if self.stores_registry else ():
            image = f"{self.stores_registry}/wayfare-standin/{name}"
            chosen += ["--set-string", f"{name}.image.repository={image},{name}.image.tag={self.tag}"]
        return chosen

    def upgrade(self, *options: str, helm: str = "") -> float:
        """`helm upgrade --wait` with the tests' values and more; seconds it took."""
        began = time.monotonic()
        # The bootstrap is for the first installation: an upgrade that asked for it would train once more.
        chosen = [*self.values(), "--set", "bootstrap.enabled=false", *options]
        self.run_helm("upgrade", RELEASE, str(CHART), *chosen, "--wait", "--timeout", "10m", helm=helm)
        return time.monotonic() - began

    # -- set-up --------------------------------------------------------------------------------------------------------

    def make_namespace(self) -> None:
        labels = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
        metadata = {"name": self.kube.namespace, "labels": labels}
        self.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    def make_keys(self) -> pathlib.Path:
        """Development keys of this installation as Secrets, as docs/operate.md says; returns their folder."""
        keys = self.work / "keys"
        run(str(ROOT / ".venv/bin/wayfare"), "keys", "init", str(keys), "--development")
        for name, folder in KEY_SECRETS.items():
            self.store_secret(name, {path.name: path.read_bytes() for path in (keys / folder).iterdir()})
        access = {"AWS_ACCESS_KEY_ID": secrets.token_hex(8), "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20)}
        self.store_secret("wayfare-object-store", {name: value.encode() for name, value in access.items()})
        self.clients.prepare((keys / "tokens" / "service.token").read_text(), {})
        return keys

    def store_secret(self, name: str, content: dict[str, bytes]) -> None:
        data = {key: base64.b64encode(value).decode() for key, value in content.items()}
        self.kube.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": self.kube.namespace},
                "data": data,
            }
        )

    def remove(self) -> None:
        """The namespaces and all in them."""
        for kube in (self.clients.kube, self.kube):
            run(
                "kubectl",
                "delete",
                "namespace",
                kube.namespace,
                "--ignore-not-found",
                "--timeout=180s",
                seconds=200,
                check=False,
            )
