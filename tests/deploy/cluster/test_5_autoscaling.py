"""The autoscaler adds pods when their CPU is used and takes them away when it is not."""

import time

import pytest

from tests.deploy.cluster.installation import RELEASE, Installation
from tests.deploy.cluster.kube import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def test_pricing_scales_out_under_load_and_in_after_it(installation: Installation):
    kube = installation.kube
    name = f"{RELEASE}-pricing-api"

    def replicas() -> int:
        return int(kube.json("get", "deployment", name)["spec"]["replicas"])

    def utilisation():
        return kube.json("get", "horizontalpodautoscaler", name)["status"].get("currentMetrics")

    until(utilisation, 120, "metrics of the autoscaler")
    least = kube.json("get", "horizontalpodautoscaler", name)["spec"]["minReplicas"]
    until(lambda: replicas() == least, 240, "as few pods as are allowed")
    began = time.monotonic()
    with installation.clients.load("scaling", quotes=80, pings=5) as calls:
        until(lambda: replicas() > least, 180, "more pods")
        out = time.monotonic() - began
        until(lambda: len(kube.ready_pods("pricing-api")) > least, 120, "a further pod that is ready")
    ended = time.monotonic()
    until(lambda: replicas() == least, 300, "as few pods as before")
    installation.report.add("load until the autoscaler adds a pod", out, "s")
    installation.report.add("load's end until it takes the last one away", time.monotonic() - ended, "s")
    installation.report.load("scaling out", calls.summary)
    assert calls.failed == 0, calls.failures
