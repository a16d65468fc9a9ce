"""The peer of `http_pings`: a plain Flask handler that decodes JSON and produces each event, without a token or a check.

Run by gunicorn: `gunicorn bench.plain_events:app`. PLAIN_BOOTSTRAP and PLAIN_TOPIC say where to. It answers once the log has
acknowledged all events, as ours does; with PLAIN_WAITS=0 it answers before, and promises nothing.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

import kafka
from flask import Flask, request

app = Flask(__name__)
_lock = threading.Lock()
_made: list[Any] = []


def _producer() -> Any:
    # After gunicorn's fork, at the first request.
    with _lock:
        if not _made:
            _made.append(kafka.KafkaProducer(bootstrap_servers=os.environ["PLAIN_BOOTSTRAP"], acks="all", linger_ms=1))
    return _made[0]


@app.get("/healthz")
def healthz() -> str:
    return "ok"


@app.post("/v1/driver-pings")
def driver_pings() -> tuple[dict[str, int], int]:
    producer, topic = _producer(), os.environ["PLAIN_TOPIC"]
    pings = request.get_json()["pings"]
    futures = [producer.send(topic, json.dumps(ping).encode(), ping["driver_id"].encode()) for ping in pings]
    if os.environ.get("PLAIN_WAITS", "1") == "1":
        for future in futures:
            future.get(timeout=60)
    return {"accepted": len(pings)}, 202
