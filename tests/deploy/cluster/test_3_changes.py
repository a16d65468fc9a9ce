"""Everything an operator does to a running installation, under load: no request fails."""

import json
import subprocess
import time

import pytest

from tests.deploy.cluster.installation import CHART, RELEASE, Installation
from tests.deploy.cluster.kube import until

pytestmark = pytest.mark.timeout(900)

FRONT_ENDS = ("events-api", "pricing-api", "model-server")


def revisions(installation: Installation, service: str) -> set[str]:
    return {pod["metadata"]["labels"]["pod-template-hash"] for pod in installation.kube.pods(service)}


def settled(installation: Installation) -> None:
    """All front ends stand as they did before."""
    until(
        lambda: all(len(installation.kube.ready_pods(name)) >= 3 for name in FRONT_ENDS),
        180,
        "three ready pods of each front end",
    )


def finish(installation: Installation, during: str, calls) -> None:
    installation.report.load(during, calls.summary)
    assert calls.failed == 0, calls.failures


def test_a_pod_is_drained_within_its_grace_period(installation: Installation):
    kube = installation.kube
    with installation.clients.load("drain") as calls:
        for service in FRONT_ENDS:
            name = kube.ready_pods(service)[0]
            grace = kube.json("get", "pod", name)["spec"]["terminationGracePeriodSeconds"]
            began = time.monotonic()
            kube("delete", "pod", name, "--wait=true", seconds=grace + 30)
            took = time.monotonic() - began
            installation.report.add(f"a {service} pod asked to stop until it is gone", took, f"s of {grace} s grace")
            assert took < grace, service
            settled(installation)
    finish(installation, "one pod of each front end deleted", calls)


def test_a_changed_setting_rolls_the_pods_under_load(installation: Installation):
    before = {service: revisions(installation, service) for service in FRONT_ENDS}
    with installation.clients.load("upgrade") as calls:
        took = installation.upgrade("--set-string", "global.logLevel=debug")
        settled(installation)
    installation.report.add("`helm upgrade` of every service", took, "s")
    for service in FRONT_ENDS:
        assert not before[service] & revisions(installation, service), f"{service} was not rolled"
    finish(installation, "rolling upgrade", calls)


def test_a_rollback_restores_the_pods_of_before_under_load(installation: Installation):
    history = json.loads(installation.run_helm("history", RELEASE, "--output", "json"))
    with installation.clients.load("rollback") as calls:
        began = time.monotonic()
        installation.run_helm("rollback", RELEASE, str(history[-2]["revision"]), "--wait", "--timeout", "10m")
        took = time.monotonic() - began
        settled(installation)
    installation.report.add("`helm rollback`", took, "s")
    deployment = installation.kube.json("get", "deployment", f"{RELEASE}-pricing-api")
    levels = [
        row["value"]
        for row in deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        if row["name"] == "WAYFARE_LOG_LEVEL"
    ]
    assert levels == ["info"]
    finish(installation, "rollback", calls)


def test_a_release_that_never_becomes_ready_harms_no_request_and_is_rolled_back(installation: Installation):
    broken = [
        "--set-string",
        "pricing-api.env.WAYFARE_REDIS_URL=redis://nobody:6379/0,pricing-api.env.WAYFARE_DEADLINE_SECONDS=none",
    ]
    with installation.clients.load("broken") as calls:
        done = installation.run_helm(
            "upgrade",
            RELEASE,
            str(CHART),
            *installation.values(),
            *broken,
            "--wait",
            "--timeout",
            "40s",
            check=False,
        )
        assert "UPGRADE FAILED" in done or "timed out" in done or "context deadline" in done, done
        installation.run_helm("rollback", RELEASE, "--wait", "--timeout", "10m")
        settled(installation)
    finish(installation, "a release that cannot start, and its rollback", calls)


def test_evictions_are_refused_where_a_disruption_budget_says_so_and_harm_no_request(installation: Installation):
    kube = installation.kube
    refused: dict[str, int] = {}
    with installation.clients.load("evictions") as calls:
        for service in FRONT_ENDS:
            pods = kube.ready_pods(service)
            assert kube.evict(pods[0]).returncode == 0, service
            second: subprocess.CompletedProcess[str] = kube.evict(pods[1])
            assert second.returncode != 0, f"a second pod of {service} could be evicted at once"
            assert "disruption budget" in second.stderr, second.stderr
            assert "TooManyRequests" in second.stderr or "429" in second.stderr, second.stderr
            refused[service] = 429
            # As `kubectl drain` goes on: once the first has its replacement, the next may go.
            for pod in pods[1:]:
                until(lambda pod=pod: kube.evict(pod).returncode == 0, 180, f"the eviction of {pod}")
            settled(installation)
            assert not set(pods) & set(kube.ready_pods(service))
    installation.report.add("evictions refused with 429", len(refused), f"services, of {len(FRONT_ENDS)}")
    finish(installation, "eviction of every pod of the front ends", calls)
