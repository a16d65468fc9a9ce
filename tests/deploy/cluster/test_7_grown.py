"""A topic is given more partitions while riders are quoted: none is refused, and none gets a degraded price."""

import time

import pytest

from tests.deploy.cluster.installation import Installation

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def test_driver_pings_get_more_partitions_under_load(installation: Installation):
    pod = installation.kube.ready_pods("ingest")[0]
    with installation.clients.load("grown") as calls:
        began = time.monotonic()
        told = installation.kube(
            "exec", pod, "--", "wayfare", "topic", "grow", "driver-pings", "--partitions", "6", seconds=300
        )
        took = time.monotonic() - began
        # What prices look at must be of the newer generation, and fresh, before the load ends.
        time.sleep(35)
    assert "driver-pings.g2x6 goes on from driver-pings" in told
    installation.report.add("driver-pings given more partitions", took, "s")
    installation.report.load("the growth of driver-pings", calls.summary)
    installation.report.add("degraded quotes meanwhile", calls.summary["quotes"]["degraded"], "")
    assert calls.failed == 0, calls.failures
    assert calls.summary["quotes"]["degraded"] == 0, calls.summary["quotes"]["degraded_by"]
