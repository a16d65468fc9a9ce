"""What an operator does to a running installation, as docs/operate.md says: keys, secrets, and a look at what came of it."""

from __future__ import annotations

import base64
import json
import pathlib
from typing import Any

from tests.deploy.cluster.installation import KEY_SECRETS, ROOT, Installation
from tests.deploy.cluster.kube import run

CALLS = """
import httpx, json
token = open("/token/service.token").read().strip()
pricing, events = (httpx.Client(base_url=url, headers={"Authorization": "Bearer " + token}, timeout=5) for url in (PRICING, EVENTS))
"""


def call(installation: Installation, code: str) -> Any:
    """The JSON that a program prints which calls the Services as an app does."""
    addresses = f"PRICING, EVENTS = {installation.clients.pricing_url!r}, {installation.clients.events_url!r}"
    return json.loads(installation.clients.python(f"{addresses}\n{CALLS}\n{code}"))


def kid(token: str) -> str:
    head = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


def keys(installation: Installation) -> pathlib.Path:
    """The operator's folder of keys."""
    return installation.work / "keys"


def store(installation: Installation, secret: str) -> None:
    folder = keys(installation) / KEY_SECRETS[secret]
    installation.store_secret(secret, {path.name: path.read_bytes() for path in folder.iterdir()})


def wayfare(*arguments: str) -> str:
    return run(str(ROOT / ".venv/bin/wayfare"), *arguments).stdout


def mounted(installation: Installation, service: str, container: str, folder: str, name: str) -> bool:
    """Whether every pod of a service has a file that was put into a secret."""
    found = [
        installation.kube("exec", pod, "--container", container, "--", "ls", folder)
        for pod in installation.kube.ready_pods(service)
    ]
    return bool(found) and all(name in names.split() for names in found)
