"""Pods die, run out of memory, and Redis goes: the service stays correct and comes back by itself."""

import json
import time

import pytest

from tests.deploy.cluster.installation import RELEASE, Installation
from tests.deploy.cluster.kube import until

pytestmark = pytest.mark.timeout(900)

KILL = """
import os, signal
for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
    if pid in (1, os.getpid()):
        continue
    line = open(f"/proc/{pid}/cmdline").read()
    if MODULE in line:
        os.kill(pid, signal.SIGKILL)
        print(pid)
"""

# Many small processes rather than one large: the kernel ends whoever holds most, which must be the service itself.
FILL = """
import os, time
for _ in range(COUNT):
    if os.fork() == 0:
        held = bytearray(os.urandom(1 << 20)) * SIZE
        time.sleep(30)
        os._exit(0)
time.sleep(30)
"""


def container_status(installation: Installation, pod: str, container: str):
    for status in installation.kube.json("get", "pod", pod)["status"]["containerStatuses"]:
        if status["name"] == container:
            return status
    raise KeyError(container)


def undegraded(installation: Installation, seconds: float, what: str):
    return until(
        lambda: (answer := installation.clients.quote())["status"] == 201 and not answer["degraded"] and answer,
        seconds,
        what,
    )


def test_a_pod_that_is_killed_without_notice_is_replaced(installation: Installation):
    kube = installation.kube
    with installation.clients.load("killed") as calls:
        for service in ("pricing-api", "events-api"):
            victim = kube.ready_pods(service)[0]
            began = time.monotonic()
            kube("delete", "pod", victim, "--force", "--grace-period=0")
            until(
                lambda service=service, victim=victim: (
                    len(kube.ready_pods(service)) >= 3 and victim not in kube.ready_pods(service)
                ),
                120,
                f"a new pod of {service}",
            )
            installation.report.add(f"a {service} pod killed until another is ready", time.monotonic() - began, "s")
    # Calls in the killed pods are lost; nothing else may be. What was cut off at most is one call per caller and pod.
    installation.report.load("two pods killed without notice", calls.summary)
    assert calls.failed <= 8, calls.failures


def test_a_process_killed_in_its_container_is_started_again(installation: Installation):
    kube = installation.kube
    pod = kube.ready_pods("ingest")[0]
    before = container_status(installation, pod, "ingest")["restartCount"]
    module = "services.ingest.main"
    kube("exec", pod, "--", "python", "-c", f"MODULE = {module!r}\n{KILL}", check=False)
    until(lambda: container_status(installation, pod, "ingest")["restartCount"] > before, 60, "the restart of ingest")
    until(lambda: pod in kube.ready_pods("ingest"), 120, "ingest ready again")


def test_a_pod_out_of_memory_is_ended_by_the_kernel_and_comes_back(installation: Installation):
    kube = installation.kube
    pod = kube.ready_pods("lander")[0]
    before = container_status(installation, pod, "lander")["restartCount"]
    kube("exec", pod, "--", "python", "-c", f"COUNT, SIZE = 60, 30\n{FILL}", check=False, seconds=90)
    status = until(
        lambda: (found := container_status(installation, pod, "lander"))["restartCount"] > before and found,
        90,
        "the end of lander",
    )
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled", status["lastState"]
    began = time.monotonic()
    until(lambda: pod in kube.ready_pods("lander"), 180, "lander ready again")
    installation.report.add("lander out of memory until it is ready again", time.monotonic() - began, "s")


def test_redis_goes_and_quotes_go_on_degraded_and_its_return_rebuilds_the_window(installation: Installation):
    kube = installation.kube
    kind = "statefulset/redis" if kube("get", "statefulset", "redis", "--ignore-not-found") else "deployment/redis"
    with installation.clients.load("redis") as calls:
        undegraded(installation, 120, "an undegraded quote before")
        kube("scale", kind, "--replicas=0")
        degraded = until(
            lambda: (answer := installation.clients.quote())["degraded"] and answer, 120, "a degraded quote"
        )
        assert degraded["status"] == 201
        time.sleep(5)
        kube("scale", kind, "--replicas=1")
        began = time.monotonic()
        back = undegraded(installation, 240, "an undegraded quote after Redis came back empty")
        installation.report.add("Redis back, empty, until a quote is undegraded again", time.monotonic() - began, "s")
    assert back["lineage"]["price_source"] == "model"
    assert back["lineage"]["window_age_s"] < 30
    installation.report.load("Redis gone for some seconds and back empty", calls.summary)
    assert calls.failed == 0, calls.failures


def test_redis_flushed_in_the_midst_of_requests_is_filled_again(installation: Installation):
    kube = installation.kube

    def keys(pattern: str) -> set[str]:
        return set(kube("exec", "redis-0", "--", "redis-cli", "--scan", "--pattern", pattern).split())

    with installation.clients.load("flushed") as calls:
        undegraded(installation, 120, "an undegraded quote before")
        answers = keys("*:idempotency:*")
        assert answers
        assert kube("exec", "redis-0", "--", "redis-cli", "flushall").strip() == "OK"
        began = time.monotonic()
        until(lambda: keys("*:pane:*"), 60, "the live window in Redis again")
        back = undegraded(installation, 120, "an undegraded quote after Redis was flushed")
        installation.report.add("Redis flushed until a quote is undegraded again", time.monotonic() - began, "s")
        # What was thrown away is gone; what is there was written since.
        assert not answers & keys("*:idempotency:*")
    assert back["lineage"]["price_source"] == "model"
    assert back["lineage"]["window_age_s"] < 30
    installation.report.load("Redis flushed", calls.summary)
    assert calls.failed == 0, calls.failures


def test_model_servers_restarted_one_by_one_change_no_answer(installation: Installation):
    kube = installation.kube
    version = installation.clients.quote()["lineage"]["version"]
    with installation.clients.load("models") as calls:
        for pod in kube.ready_pods("model-server"):
            kube("delete", "pod", pod, "--wait=true", seconds=120)
            until(lambda: len(kube.ready_pods("model-server")) == 3, 180, "three model servers")
    assert installation.clients.quote()["lineage"]["version"] == version
    installation.report.load("model servers restarted one by one", calls.summary)
    assert calls.failed == 0, calls.failures
    sources = calls.summary["quotes"]["price_sources"]
    assert sources.get("model", 0) >= 0.98 * sum(sources.values()), sources


def test_a_training_job_makes_a_new_version_that_goes_live(installation: Installation):
    kube = installation.kube
    cronjobs = [row["metadata"]["name"] for row in kube.items("cronjobs", f"app.kubernetes.io/instance={RELEASE}")]
    chosen = next(name for name in cronjobs if "train" in name)
    before = installation.clients.quote()["lineage"]["version"]
    began = time.monotonic()
    kube("create", "job", f"--from=cronjob/{chosen}", "train-now")
    try:
        kube("wait", "--for=condition=Complete", "job/train-now", "--timeout=600s", seconds=620)
        quote = until(
            lambda: (
                (answer := installation.clients.quote())["status"] == 201
                and answer["lineage"]["version"] > before
                and answer
            ),
            120,
            "a quote by the new version",
        )
    finally:
        kube("delete", "job", "train-now", "--ignore-not-found", "--wait=false")
    installation.report.add("training Job until its model answers", time.monotonic() - began, "s")
    assert json.dumps(quote["lineage"])
