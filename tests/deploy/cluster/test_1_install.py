"""One `helm install`: everything comes up, a model is trained and goes live, and a price comes back through the Service."""

import base64
import json
import time

import pytest

from tests.deploy.cluster.installation import CHART, RELEASE, ROOT, STORES, Installation
from tests.deploy.cluster.kube import run, until
from wayfare.inventory import SERVICES

# The first installation brings up four data stores, makes a history and trains a model, on two cores.
pytestmark = pytest.mark.timeout(1800)

FRONT_ENDS = ("events-api", "pricing-api", "model-server")


def test_the_data_stores_come_up(installation: Installation):
    installation.make_namespace()
    installation.make_keys()
    began = time.monotonic()
    installation.run_helm(
        "install", STORES, str(ROOT / "charts/datastores"), *installation.stores_values(), "--wait", "--timeout", "10m"
    )
    installation.report.add("data stores ready", time.monotonic() - began, "s")


def test_helm_install_waits_until_everything_is_ready(installation: Installation):
    began = time.monotonic()
    installation.run_helm(
        "install", RELEASE, str(CHART), *installation.values(), "--wait", "--timeout", "25m", seconds=1600
    )
    installation.state["installed_at"] = began
    installation.report.add("`helm install --wait`", time.monotonic() - began, "s")
    for service in FRONT_ENDS:
        assert len(installation.kube.ready_pods(service)) == 3, service


def test_the_first_quote_comes_back_through_the_service(installation: Installation):
    quote = until(lambda: (answer := installation.clients.quote())["status"] == 201 and answer, 120, "the first quote")
    installation.report.add(
        "`helm install` to the first quote", time.monotonic() - installation.state["installed_at"], "s"
    )
    assert quote["price"]["amount_minor"] > 0


def test_the_trained_model_went_live_through_the_artifact_store(installation: Installation):
    with installation.clients.load("first", quotes=2, pings=5):
        quote = until(
            lambda: (answer := installation.clients.quote())["status"] == 201 and not answer["degraded"] and answer,
            90,
            "an undegraded quote",
        )
    installation.report.add(
        "`helm install` to the first undegraded quote", time.monotonic() - installation.state["installed_at"], "s"
    )
    assert quote["lineage"]["price_source"] == "model"
    assert quote["lineage"]["model"] == "surge-sim"


def test_every_service_of_the_inventory_runs_and_none_restarted_more_than_while_it_waited(installation: Installation):
    running = {
        pod["metadata"]["labels"]["app.kubernetes.io/name"]
        for pod in installation.kube.items("pods", f"app.kubernetes.io/instance={RELEASE}")
    }
    containers = {
        status["name"] for pod in installation.kube.items("pods") for status in pod["status"]["containerStatuses"]
    }
    for service in SERVICES:
        assert service.name.replace("_", "-") in running | containers
    # A container that the node's runtime could not start at the first try never ran: StartError is not the service's.
    restarts = {
        pod["metadata"]["name"]: status["lastState"]
        for pod in installation.kube.items("pods", f"app.kubernetes.io/instance={RELEASE}")
        for status in pod["status"]["containerStatuses"]
        if status["restartCount"] and status["lastState"].get("terminated", {}).get("reason") != "StartError"
    }
    assert restarts == {}


def test_no_pod_carries_a_token_of_the_kubernetes_api_and_each_service_has_its_own_account(installation: Installation):
    pods = [
        pod
        for pod in installation.kube.items("pods", f"app.kubernetes.io/instance={RELEASE}")
        if pod["status"]["phase"] == "Running"
    ]
    accounts = {}
    for pod in pods:
        accounts.setdefault(pod["spec"]["serviceAccountName"], set()).add(
            pod["metadata"]["labels"]["app.kubernetes.io/name"]
        )
        mounts = [
            mount["mountPath"] for container in pod["spec"]["containers"] for mount in container.get("volumeMounts", [])
        ]
        assert not any("serviceaccount" in path for path in mounts), pod["metadata"]["name"]
    assert "default" not in accounts
    assert all(len(services) == 1 for services in accounts.values()), accounts


def test_the_containers_cannot_write_to_their_root(installation: Installation):
    for service in FRONT_ENDS:
        pod = installation.kube.ready_pods(service)[0]
        code = (
            "import os\ntry:\n    open('/opt/x', 'w')\nexcept OSError as error:\n    print(os.getuid(), error.strerror)"
        )
        assert installation.kube.python(pod, code).strip() in ("10001 Read-only file system", "10001 Permission denied")


def test_a_booking_is_made_at_the_quoted_price_and_only_once(installation: Installation):
    code = """
import httpx, json, uuid
token = open("/token/service.token").read().strip()
client = httpx.Client(base_url=URL, headers={"Authorization": "Bearer " + token}, timeout=5)
body = {"pickup": {"lat": 37.7793, "lon": -122.4193}, "dropoff": {"lat": 37.7955, "lon": -122.3937}, "rider_id": "booker"}
quote = client.post("/v1/quotes", json=body).json()
answers = [client.post("/v1/bookings", json={"quote_token": quote["quote_token"]}) for _ in range(2)]
print(json.dumps({"quote": quote, "answers": [[a.status_code, a.json()] for a in answers]}))
"""
    said = json.loads(installation.clients.python(f"URL = {installation.clients.pricing_url!r}\n{code}"))
    (first, booking), (second, _) = said["answers"]
    assert (first, second) == (201, 409), said
    assert booking["price"] == said["quote"]["price"]


def test_helm_test_passes(installation: Installation):
    began = time.monotonic()
    said = installation.run_helm("test", RELEASE, "--timeout", "5m")
    assert "Phase:          Succeeded" in said
    installation.report.add("`helm test`", time.monotonic() - began, "s")


def test_smoke_passes_from_the_operators_machine(installation: Installation):
    token = installation.work / "service.token"
    stored = installation.kube.json("get", "secret", "wayfare-service-token")["data"]["service.token"]
    token.write_bytes(base64.b64decode(stored))
    with (
        installation.kube.forwarded(f"service/{RELEASE}-pricing-api", 80) as pricing,
        installation.kube.forwarded(f"service/{RELEASE}-events-api", 80) as events,
    ):
        told = [f"PRICING_URL={pricing}", f"EVENTS_URL={events}", f"TOKEN_FILE={token}"]
        done = run("make", "--no-print-directory", "-C", str(ROOT), "smoke", *told, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ping taken; quote" in done.stdout
