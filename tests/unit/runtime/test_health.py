"""The admin port: it lives, it is ready or says why not, and a caller that hangs up is no event."""

from __future__ import annotations

import json
import socket
import struct
import time
import urllib.error
import urllib.request

import pytest

from wayfare.runtime.health import Health, serve_admin


@pytest.fixture
def admin():
    health = Health()
    server = serve_admin(health, "127.0.0.1", 0)
    yield health, server.server_address[1]
    server.shutdown()
    server.server_close()


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_process_lives_before_it_is_ready_and_says_why_it_is_not(admin):
    health, port = admin
    health.add("model", lambda: "no model has been seen")
    assert get(port, "/healthz")[0] == 200
    status, body = get(port, "/readyz")
    assert status == 503
    assert json.loads(body)["reasons"] == {"model": "no model has been seen"}


def test_a_stopping_process_takes_no_new_work(admin):
    health, port = admin
    assert get(port, "/readyz")[0] == 200
    health.stopping()
    assert get(port, "/readyz")[0] == 503


def test_metrics_are_there_and_other_paths_are_not(admin):
    _health, port = admin
    assert b"# EOF" in get(port, "/metrics")[1]
    assert get(port, "/elsewhere")[0] == 404


def test_a_probe_that_hangs_up_leaves_no_traceback(admin, capfd):
    _health, port = admin
    for _ in range(20):
        probe = socket.create_connection(("127.0.0.1", port))
        probe.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        # Reset at once instead of closing in good order.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        probe.close()
    assert get(port, "/healthz")[0] == 200
    time.sleep(0.2)
    assert "Traceback" not in capfd.readouterr().err


def test_what_a_process_needs_is_told_by_its_metrics_whether_or_not_readiness_stands_on_it(admin):
    health, port = admin
    redis = ["connection refused"]
    health.add("needed", lambda: None)
    health.tell("store", lambda: redis[0] if redis else None)
    assert get(port, "/readyz")[0] == 200
    text = get(port, "/metrics")[1].decode()
    assert 'wayfare_problem{what="store"} 1.0' in text
    assert 'wayfare_problem{what="needed"} 0.0' in text
    redis.clear()
    assert 'wayfare_problem{what="store"} 0.0' in get(port, "/metrics")[1].decode()
