"""The HTTP edge in a process of its own, as apps and orchestrators see it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import psutil
import pytest

SERVICE = """
import time
from wayfare.domain.callers import Caller
from wayfare.runtime.settings import load
from wayfare.runtime.web.app import create_app
from wayfare.runtime.web.gunicorn_runner import serve
from wayfare.runtime.web.routes import Answer, Route
from wayfare.runtime.web.settings import WebSettings
from wayfare.runtime.web.types import Model

class Body(Model):
    seconds: float

class Tokens:
    def verify(self, token):
        return Caller(token, "service")

def slow(call):
    time.sleep(call.body.seconds)
    return Answer(200, {"slept": call.body.seconds})

def build(health):
    time.sleep(0.3)
    health.add("always", lambda: None)
    route = Route("POST", "/v1/sleep", slow, frozenset({"service"}), "Sleep", {200: None}, body=Body)
    return create_app("sleeper", [route], verifier=Tokens()), lambda: print('{"message": "stopped well"}', flush=True)

serve("sleeper", load(WebSettings), build)
"""
TOKEN = {"Authorization": "Bearer s"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    def __init__(self, folder, **settings):
        self.port, self.admin_port = free_port(), free_port()
        script = folder / "sleeper.py"
        script.write_text(SERVICE)
        variables = {
            "STATE": str(folder), "JWKS": "none", "PORT": str(self.port), "ADMIN_PORT": str(self.admin_port),
            "THREADS": "2", "REQUEST_SECONDS": "1.5", "DRAIN_SECONDS": "5",
        } | settings  # fmt: skip
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            env=os.environ
            | {"PYTHONPATH": os.getcwd()}
            | {f"WAYFARE_{name}": value for name, value in variables.items()},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=TOKEN, timeout=10)
        self.until_ready()

    def ready(self):
        try:
            return httpx.get(f"http://127.0.0.1:{self.admin_port}/readyz", timeout=2)
        except httpx.HTTPError:
            return None

    def until_ready(self):
        self.seen = set()
        ends = time.monotonic() + 60
        while not ((answer := self.ready()) and answer.status_code == 200):
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < ends, self.output()
            self.seen.add(answer and answer.json()["reasons"].get("start"))
            time.sleep(0.05)

    def sleep(self, seconds):
        return self.client.post("/v1/sleep", json={"seconds": seconds})

    def raw(self, *parts, pause=0.0):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
            return received

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self.client.close()
        self.log.close()


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """One process for all tests that leave it as it was."""
    shared = Process(tmp_path_factory.mktemp("sleeper"))
    yield shared
    shared.stop()


@pytest.fixture
def start(tmp_path):
    running = []

    def begin(**settings):
        running.append(Process(tmp_path, **settings))
        return running[-1]

    yield begin
    for process in running:
        process.stop()


HEAD = b"POST /v1/sleep HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s\r\nContent-Type: application/json\r\n"


def test_requests_are_served_measured_and_traced(process):
    answer = process.sleep(0)
    assert answer.json() == {"slept": 0.0}
    assert answer.headers["X-Request-Id"]
    assert answer.headers["traceparent"].startswith("00-")
    metrics = httpx.get(f"http://127.0.0.1:{process.admin_port}/metrics").text
    assert 'wayfare_http_requests_total{method="POST",route="POST /v1/sleep",status="200"}' in metrics


def test_it_is_not_ready_while_it_is_being_built(process):
    assert "still starting" in process.seen


def test_what_cannot_be_parsed_is_answered_by_a_problem(process):
    for request in (b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n",
                    b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 9000 + b"\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"):  # fmt: skip
        head, _, body = process.raw(request).partition(b"\r\n\r\n")
        status = int(head.split()[1])
        assert status in (400, 414, 431, 505), head
        assert b"application/problem+json" in head
        assert json.loads(body)["status"] == status
    assert process.sleep(0).status_code == 200


def test_a_body_over_a_mebibyte_is_413_with_and_without_a_length_and_the_connection_says_it_closes(process):
    big = b" " * 3_000_000
    for content in (big, iter([big[:1_500_000], big[1_500_000:]])):
        answer = process.client.post("/v1/sleep", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["Connection"]) == (413, "close")
    assert process.sleep(0).status_code == 200


def test_a_body_shorter_than_announced_is_400(process):
    with socket.create_connection(("127.0.0.1", process.port), timeout=10) as connection:
        connection.sendall(HEAD + b"Content-Length: 50\r\n\r\n{}")
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(65536).split(b"\r\n")[0]


def test_slow_clients_cannot_hold_all_threads(process):
    connections = [socket.create_connection(("127.0.0.1", process.port)) for _ in range(2)]
    for connection in connections:
        connection.sendall(HEAD + b"Content-Length: 50\r\n\r\n{")
    began = time.monotonic()
    assert process.sleep(0).status_code == 200
    assert time.monotonic() - began < 5
    for connection in connections:
        connection.close()


def test_sigterm_first_says_not_ready_finishes_what_it_began_and_leaves(start):
    process = start()
    answers = []
    working = threading.Thread(target=lambda: answers.append(process.sleep(1.2)))
    working.start()
    time.sleep(0.4)
    process.process.terminate()
    time.sleep(0.3)
    ready = process.ready()
    assert ready is not None
    assert (ready.status_code, ready.json()["reasons"]) == (503, {"process": "stopping"})
    working.join()
    assert answers[0].json() == {"slept": 1.2}
    assert process.process.wait(10) == 0
    assert "stopped well" in process.output()
    assert process.ready() is None


def test_a_killed_worker_is_replaced_on_the_same_ports(start):
    process = start()
    [worker] = [child.pid for child in psutil.Process(process.process.pid).children()]
    os.kill(worker, signal.SIGKILL)
    ends = time.monotonic() + 15
    while time.monotonic() < ends:
        try:
            if process.sleep(0).status_code == 200:
                break
        except httpx.HTTPError:
            time.sleep(0.1)
    process.until_ready()
    assert process.sleep(0).status_code == 200


def test_a_worker_whose_parent_was_killed_leaves_its_ports(start):
    process = start()
    process.process.kill()
    process.process.wait()
    ends = time.monotonic() + 10
    while process.ready() is not None and time.monotonic() < ends:
        time.sleep(0.1)
    assert process.ready() is None
