"""smoke.sh against a small server of our own: what passes, and everything that must not."""

import json
import os
import pathlib
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

SCRIPT = pathlib.Path(__file__).with_name("smoke.sh")
CITY = {"id": "sim", "center": {"lat": 37.7, "lon": -122.4}, "now": "2026-01-01T00:00:00Z"}
QUOTE = {
    "price": {"amount_minor": 1234, "currency": "USD"},
    "lineage": {"price_source": "model", "model": "surge-sim", "version": 1},
    "degraded": [],
}
GOOD = {
    "/v1/cities": (200, {"cities": [CITY]}),
    "/v1/driver-pings": (202, {"accepted": 1}),
    "/v1/quotes": (201, QUOTE),
}


@pytest.fixture
def smoke(tmp_path):
    """Runs the script against answers; returns its status, what it printed, and the bodies it sent."""
    (tmp_path / "token").write_text("t-1\n")

    def run(answers, **environment):
        sent = {}

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                sent[self.path] = json.loads(self.rfile.read(length) or "null")
                status, body = answers[self.path] if self.headers["Authorization"] == "Bearer t-1" else (401, {})
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/"
            given = {"PRICING_URL": url, "EVENTS_URL": url, "TOKEN_FILE": str(tmp_path / "token")} | environment
            done = subprocess.run([SCRIPT], env=os.environ | given, capture_output=True, text=True, timeout=60)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        return done.returncode, done.stdout + done.stderr, sent

    return run


def test_a_ping_and_a_quote_pass_and_the_ping_is_of_a_cab_off_duty(smoke):
    status, said, sent = smoke(GOOD)
    assert status == 0, said
    assert "quote 12.34 USD by model surge-sim 1" in said
    assert sent["/v1/driver-pings"]["pings"][0]["status"] == "offline"
    assert sent["/v1/driver-pings"]["pings"][0]["t"] == CITY["now"]


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    [
        ("/v1/driver-pings", (503, {"title": "log away"}), "must be 202, got 503"),
        ("/v1/driver-pings", (202, {"accepted": 0}), "one ping must be accepted, got {'accepted': 0}"),
        ("/v1/quotes", (503, {}), "must be 201, got 503"),
        ("/v1/quotes", (201, QUOTE | {"price": {"amount_minor": 0, "currency": "USD"}}), "more than nothing"),
        ("/v1/cities", (200, {"cities": []}), "no city None, got []"),
    ],
)
def test_what_an_installation_does_not_do_fails_with_what_it_said(smoke, path, answer, said):
    status, printed, _ = smoke(GOOD | {path: answer})
    assert status == 1
    assert said in printed


def test_a_degraded_quote_passes_unless_asked_to_be_strict(smoke):
    degraded = GOOD | {"/v1/quotes": (201, QUOTE | {"degraded": ["model: no answer"]})}
    assert smoke(degraded)[0] == 0
    status, said, _ = smoke(degraded, STRICT="1")
    assert (status, "model: no answer" in said) == (1, True)


def test_a_city_that_is_not_there_a_bad_token_and_nobody_at_all_fail(smoke, tmp_path):
    assert "no city 'sf', got ['sim']" in smoke(GOOD, CITY="sf")[1]
    (tmp_path / "other").write_text("wrong")
    status, said, _ = smoke(GOOD, TOKEN_FILE=str(tmp_path / "other"))
    assert (status, "got 401" in said) == (1, True)
    assert smoke(GOOD, PRICING_URL="http://127.0.0.1:9")[0] == 1


def test_a_variable_left_out_is_wrong_usage(smoke):
    status, said, _ = smoke(GOOD, PRICING_URL="")
    assert (status, "PRICING_URL must be set" in said) == (2, True)
