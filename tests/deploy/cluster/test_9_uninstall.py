"""The other Helm takes the release over, and uninstalling leaves nothing behind."""

import time

import pytest

from tests.deploy.cluster.installation import CHART, RELEASE, STORES, Installation
from tests.deploy.cluster.kube import run, until

pytestmark = pytest.mark.timeout(1200)

# The lake holds what cannot be made again: its claim stays until somebody deletes it (global.lake.keep).
KEPT = {f"PersistentVolumeClaim/{RELEASE}-lake"}


def everything(installation: Installation) -> set[str]:
    """Every object of the namespace, of every kind that can be listed."""
    kinds = run("kubectl", "api-resources", "--namespaced", "--verbs=list,delete", "--output=name").stdout.split()
    skipped = {"events", "events.events.k8s.io", "pods.metrics.k8s.io"}
    found = installation.kube.json(
        "get", ",".join(kind for kind in kinds if kind not in skipped), "--ignore-not-found"
    )["items"]
    return {f"{item['kind']}/{item['metadata']['name']}" for item in found}


def of_the_cluster(installation: Installation) -> set[str]:
    """Objects of no namespace that carry the release's label."""
    kinds = run("kubectl", "api-resources", "--namespaced=false", "--verbs=list,delete", "--output=name").stdout.split()
    listed = run(
        "kubectl",
        "get",
        ",".join(kinds),
        "--selector",
        f"app.kubernetes.io/instance={RELEASE}",
        "--output=name",
        "--ignore-not-found",
    )
    return set(listed.stdout.split())


def made_by_tests(names: set[str]) -> set[str]:
    """Secrets and accounts that are not the charts': the keys, and what every namespace has."""
    secrets = {name for name in names if name.startswith("Secret/wayfare-")}
    return secrets | {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}


@pytest.mark.long
def test_helm_4_takes_the_release_over_under_load(installation: Installation):
    with installation.clients.load("helm4") as calls:
        took = installation.upgrade("--set-string", "global.logLevel=warning", helm=installation.helm4)
    installation.report.add("`helm upgrade` by Helm 4", took, "s")
    installation.report.load("upgrade by Helm 4", calls.summary)
    assert calls.failed == 0, calls.failures


def test_uninstalling_leaves_nothing_behind(installation: Installation):
    began = time.monotonic()
    installation.run_helm("uninstall", RELEASE, "--wait", "--timeout", "5m")
    installation.run_helm("uninstall", STORES, "--wait", "--timeout", "5m")
    until(lambda: not installation.kube.items("pods"), 120, "the end of all pods")
    installation.report.add("`helm uninstall` of both charts", time.monotonic() - began, "s")
    names = everything(installation)
    assert names - made_by_tests(names) == KEPT
    assert of_the_cluster(installation) == set()


def test_helm_4_installs_the_same_chart_on_the_lake_that_stayed(installation: Installation):
    lake = f"{RELEASE}-lake"
    before = installation.kube.json("get", "persistentvolumeclaim", lake)["metadata"]["uid"]
    rendered = installation.run_helm("template", RELEASE, str(CHART), *installation.values(), helm=installation.helm4)
    assert f"{RELEASE}-pricing-api" in rendered
    took = time.monotonic()
    # Without servers nothing becomes ready, so nothing is waited for: what is tried is that Helm 4 makes and unmakes it all.
    options = [*installation.values(), "--set", "bootstrap.enabled=false,storesPrepare.enabled=false"]
    installation.run_helm("install", RELEASE, str(CHART), *options, helm=installation.helm4)
    assert installation.kube.json("get", "persistentvolumeclaim", lake)["metadata"]["uid"] == before
    installation.run_helm("uninstall", RELEASE, "--wait", "--timeout", "5m", helm=installation.helm4)
    installation.report.add("install and uninstall by Helm 4", time.monotonic() - took, "s")
    until(lambda: not installation.kube.items("pods"), 120, "the end of all pods")
    names = everything(installation)
    assert names - made_by_tests(names) == KEPT
