"""Who can open a connection to whom, tried from inside every pod against the one table of services."""

import json

import pytest

from tests.deploy.cluster.installation import RELEASE, Installation
from wayfare.inventory import ACTORS, SERVICES

pytestmark = pytest.mark.timeout(300)

# Targets by the names of the inventory. A pod that talks to a service reaches its public port, never its admin port.
TARGETS = {
    "kafka": ("kafka", 9092),
    "redis": ("redis", 6379),
    "cassandra": ("cassandra", 9042),
    "artifacts": ("s3", 7070),
    "events_api": (f"{RELEASE}-events-api", 80),
    "pricing_api": (f"{RELEASE}-pricing-api", 80),
    "model_server": (f"{RELEASE}-model-server", 8500),
}
NOBODY = {
    "admin port of pricing_api": (f"{RELEASE}-pricing-api-admin", 9090),
    "admin port of ingest": (f"{RELEASE}-ingest-admin", 9090),
    "the Kubernetes API": ("kubernetes.default", 443),
    "a metadata server": ("169.254.169.254", 80),
}

PROBE = """
import concurrent.futures, json, socket
def reached(target):
    for _ in range(2):
        try:
            socket.create_connection(target, 2).close()
            return "yes"
        except ConnectionRefusedError:
            return "refused"
        except OSError as error:
            last = repr(error)
    return "no: " + last
with concurrent.futures.ThreadPoolExecutor(20) as pool:
    print(json.dumps(dict(zip(TARGETS, pool.map(reached, map(tuple, TARGETS.values()))))))
"""


def reached_from(installation: Installation, pod: str, targets: dict[str, tuple[str, int]]) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        installation.kube.python(pod, f"TARGETS = {json.dumps(targets)}\n{PROBE}", seconds=120.0)
    )
    return found


def pods_of_the_table() -> dict[str, set[str]]:
    """For each kind of pod, whom its containers may talk to: a publisher runs in the pod of its model server."""
    edges: dict[str, set[str]] = {}
    for service in SERVICES:
        pod = "model-server" if service.name == "publisher" else service.name.replace("_", "-")
        edges.setdefault(pod, set()).update(service.talks_to)
    return edges


def strangers(service: str) -> dict[str, tuple[str, int]]:
    """All targets except the pod's own, which it may meet in itself: what stays in a pod no policy can refuse."""
    own = f"{RELEASE}-{service}"
    mine = pods_of_the_table()[service]
    return {
        name: (host, port)
        for name, (host, port) in (TARGETS | NOBODY).items()
        if name in mine or not host.startswith(own)
    }


@pytest.mark.parametrize("service", sorted(pods_of_the_table()))
def test_a_pod_reaches_whom_the_table_names_and_nobody_else(installation: Installation, service: str):
    pod = installation.kube.ready_pods(service)[0]
    allowed = pods_of_the_table()[service]
    found = reached_from(installation, pod, strangers(service))
    wrong = {name: answer for name, answer in found.items() if (answer == "yes") != (name in allowed)}
    assert not wrong, f"{service} may reach {sorted(allowed)}"
    installation.state.setdefault("edges", []).extend((service, name) for name in sorted(allowed))


def test_every_edge_of_the_table_was_tried(installation: Installation):
    tried = set(installation.state["edges"])
    actors = {row.name for row in ACTORS}
    wanted = {(pod, name) for pod, names in pods_of_the_table().items() for name in names if pod not in actors}
    assert tried == wanted
    forbidden = sum(len(strangers(pod)) - len(names) for pod, names in pods_of_the_table().items())
    installation.report.add("connections that must work, and do", len(tried))
    installation.report.add("connections that must not, and do not", forbidden)


def test_apps_reach_the_public_ports_only(installation: Installation):
    space = installation.kube.namespace
    targets = {
        name: (f"{host}.{space}" if not host[0].isdigit() else host, port) for name, (host, port) in TARGETS.items()
    }
    answer = json.loads(installation.clients.python(f"TARGETS = {json.dumps(targets)}\n{PROBE}"))
    assert {name for name, said in answer.items() if said == "yes"} == {"events_api", "pricing_api"}, answer


def test_a_stranger_in_the_same_namespace_reaches_nothing_of_wayfare(installation: Installation):
    clients = installation.clients
    overrides = {
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "stranger",
                    "image": clients.image,
                    "command": ["python", "-c", "import time; time.sleep(600)"],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        }
    }
    installation.kube(
        "run", "stranger", f"--image={clients.image}", "--restart=Never", f"--overrides={json.dumps(overrides)}"
    )
    try:
        installation.kube("wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s")
        found = reached_from(installation, "stranger", TARGETS | NOBODY)
        assert [name for name, answer in found.items() if answer == "yes"] == [], found
    finally:
        installation.kube("delete", "pod", "stranger", "--grace-period=0", "--force", "--ignore-not-found")
