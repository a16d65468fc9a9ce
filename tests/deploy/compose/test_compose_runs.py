"""Wayfare under compose, from nothing to a quote by a model that was trained there; then nothing is left."""

from __future__ import annotations

import json
import subprocess
import time

import httpx
import pytest

from wayfare.inventory import SERVICES

SERVING = [row.name.replace("_", "-") for row in SERVICES]
PLACES = {"pickup": {"lat": 37.7793, "lon": -122.4193}, "dropoff": {"lat": 37.7955, "lon": -122.3937}}
pytestmark = pytest.mark.timeout(3000)


def readiness(stack, service: str) -> dict:
    """What a service says of itself, from inside its container."""
    code = (
        "import urllib.request as r, urllib.error as e\n"
        "try: print(r.urlopen('http://127.0.0.1:9090/readyz', timeout=4).read().decode())\n"
        "except e.HTTPError as error: print(error.read().decode())\n"
        'except OSError as error: print(\'{"status": "\' + type(error).__name__ + \'", "reasons": {}}\')'
    )
    command = [stack.environment["ENGINE"], "exec", stack.container(service), "python", "-c", code]
    done = subprocess.run(command, env=stack.environment, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.stdout.strip() else {"status": done.stderr.strip(), "reasons": {}}


def of_engine(stack, *arguments: str) -> str:
    command = [stack.environment["ENGINE"], *arguments]
    return subprocess.run(command, env=stack.environment, capture_output=True, text=True, check=True).stdout


def wait_until(check, seconds: float):
    deadline = time.monotonic() + seconds
    while not (told := check())[0]:
        assert time.monotonic() < deadline, told
        time.sleep(2)
    return told[1]


@pytest.fixture(scope="module")
def running(stack):
    """Services first, in an order that helps nobody, and their stores after them."""
    stack("up", "--detach", "--no-deps", "keys")
    wait_until(
        lambda: (stack("ps", "--all", "--status", "exited", "--services").stdout.split() == ["keys"], "keys"), 120
    )
    for service in reversed(SERVING):
        stack("up", "--detach", "--no-deps", service)
    stack("up", "--detach", "--no-deps", "stores", "redis", "cassandra", "kafka")
    return stack


@pytest.fixture(scope="module")
def token(running) -> str:
    return running("run", "--rm", "--no-deps", "token").stdout.strip().split("\n")[-1]


def ask(stack, port: str, path: str, token: str, body: dict | None = None) -> httpx.Response:
    url = f"http://127.0.0.1:{stack.environment[port]}{path}"
    headers = {"Authorization": f"Bearer {token}"}
    return (
        httpx.post(url, json=body, headers=headers, timeout=20) if body else httpx.get(url, headers=headers, timeout=20)
    )


def test_every_service_becomes_ready_whatever_started_first(running):
    """pricing_api alone waits on: it has no model yet, and says so."""

    def all_ready():
        told = {service: readiness(running, service) for service in SERVING}
        waiting = {name: row for name, row in told.items() if row["status"] != "ok"}
        alone = set(waiting) == {"pricing-api"} and set(waiting["pricing-api"]["reasons"]) == {"model"}
        return alone, waiting

    wait_until(all_ready, 600)


def test_without_a_model_there_is_no_price_and_that_is_said(running, token):
    answer = ask(running, "PRICING_PORT", "/v1/quotes", token, PLACES)
    assert answer.status_code == 503


def test_nobody_without_a_token_is_served(running, token):
    for port in ("EVENTS_PORT", "PRICING_PORT"):
        assert ask(running, port, "/openapi.json", "nonsense").status_code == 401
        assert ask(running, port, "/openapi.json", token).status_code == 200


def test_history_training_and_publishing_lead_to_a_quote_by_the_model(running, token):
    running("--profile", "training", "up", "--no-recreate", "--exit-code-from", "publish", "publish", seconds=1800)

    def quoted():
        answer = ask(running, "PRICING_PORT", "/v1/quotes", token, PLACES)
        return answer.status_code == 201, answer.text

    quote = json.loads(wait_until(quoted, 60))
    assert quote["lineage"]["model"] == "surge-sim"
    assert quote["price"]["amount_minor"] > 0


def test_events_of_a_simulated_city_are_accepted_and_counted(running):
    running("--profile", "load", "up", "--detach", "--no-recreate", "--no-deps", "city-simulator")

    def counted():
        code = (
            "import re, urllib.request as r\n"
            "text = r.urlopen('http://127.0.0.1:9090/metrics', timeout=4).read().decode()\n"
            "print(sum(float(v) for v in re.findall(r'^wayfare_ingest_events_applied_total[^ ]* ([0-9.e+]+)', text, re.M)))"
        )
        command = [running.environment["ENGINE"], "exec", running.container("ingest"), "python", "-c", code]
        done = subprocess.run(command, env=running.environment, capture_output=True, text=True, check=False)
        return done.returncode == 0 and float(done.stdout) > 100, done.stdout + done.stderr

    wait_until(counted, 120)


def test_probes_of_the_compose_file_tell_health(running):
    """podman without systemd runs no probe by itself; run by hand each must say what the service says."""
    if running.environment["ENGINE"] != "podman":
        pytest.skip("Docker runs the probes itself")
    for service in (*SERVING, "kafka", "redis", "cassandra"):
        done = subprocess.run(
            ["podman", "healthcheck", "run", running.container(service)],
            env=running.environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, service


def test_nothing_is_killed_and_nothing_is_left(running):
    names = running("ps", "--all", "--format", "json").stdout.strip().split("\n")
    assert len(names) >= len(SERVING)
    # Services before the log that they write their last words to.
    running("--profile", "*", "stop", *SERVING, "city-simulator")
    for service in SERVING:
        shown = json.loads(of_engine(running, "inspect", running.container(service)))[0]["State"]
        assert shown["ExitCode"] == 0, (service, shown)
    running("--profile", "*", "down", "--volumes", "--remove-orphans")
    for listing in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
        assert running.project not in of_engine(running, *listing), listing
