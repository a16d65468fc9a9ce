"""How long after a ping's 202 a quote's window holds it, in the demo with its simulated city, in wall time."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

AIM_SECONDS = 2.0


def run(quick: bool) -> dict[str, Any]:
    """Run the unattended demo on the default state folder (history and model are reused) and read its own figures."""
    command = [sys.executable, "-m", "wayfare.cli.main", "demo", "--json", "--for", "30" if quick else "120"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    result = json.loads(done.stdout.strip().splitlines()[-1])
    if done.returncode or not result.get("event_to_price_p99_s"):
        raise RuntimeError(f"the demo failed, got {result}")
    return {
        "name": "event_to_price",
        "what": "event to price, p99",
        "peer": "the aim of 2 s",
        "ratios": [AIM_SECONDS / result["event_to_price_p99_s"]],
        "aim": "at least 1",
        "figures": {
            "event_to_price_p99_s": result["event_to_price_p99_s"],
            "quote_p50_ms": result["quote_p50_ms"],
            "quote_p99_ms": result["quote_p99_ms"],
            "events": result["events_sent"],
            "quotes": result["quotes"],
        },
    }
