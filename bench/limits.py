"""What the machine itself can do, for the other figures to be read beside: memory bandwidth, and the broker.

The broker is driven by Kafka's own perf tools. Maven Central carries them up to KAFKA_TOOLS alone, so that jar runs with the
client libraries of the server's own version. Records are of 64 KiB, about what a packed batch is, and of 200 bytes, about what
a ping is in JSON; of random letters, and nothing is compressed. Both tools' MB are of 2^20 bytes; figures here are of 10^6.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import random
import re
import secrets
import statistics
import string
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
from kafka.admin import KafkaAdminClient, NewTopic

from local import jars, java
from local.layout import default_cache
from local.stack import Stack

KAFKA_TOOLS = "4.3.1"
KAFKA_TOOLS_SHA256 = "62f3c5dd7aa3442d4c5bc6a95f86e2502178ea09de8e27f74d9563bf955e253c"
SIZES = {"packed": (65_536, 8_000), "loose": (200, 1_000_000)}
"""Bytes of a record, and how many of them."""
ARRAY_BYTES = 256 * 2**20


def run(quick: bool) -> dict[str, Any]:
    """Measure memory, then start Kafka, drive it, stop it."""
    turns = 2 if quick else 3
    bandwidth = _copy_gb_per_s(turns)
    with tempfile.TemporaryDirectory(prefix="wayfare-bench-") as name:
        folder = pathlib.Path(name)
        servers = Stack(folder / "servers")
        try:
            bootstrap = servers.start(["kafka"]).kafka_bootstrap
            rates = [_broker(folder, bootstrap, 10 if quick else 1) for _ in range(turns)]
        finally:
            servers.stop()
    return {
        "name": "limits",
        "what": "what the machine can do",
        "peer": "-",
        "ratios": [],
        "aim": "-",
        "figures": {
            "memory_copy_gb_per_s": statistics.median(bandwidth),
            "memory_copy_gb_per_s_least": min(bandwidth),
            "memory_copy_gb_per_s_most": max(bandwidth),
            **{key: statistics.median(one[key] for one in rates) for key in rates[0]},
            **{f"{key}_least": min(one[key] for one in rates) for key in rates[0]},
            **{f"{key}_most": max(one[key] for one in rates) for key in rates[0]},
        },
    }


def _copy_gb_per_s(turns: int) -> list[float]:
    """Bytes read and written a second by one core that copies an array far larger than its caches."""
    source, target = np.ones(ARRAY_BYTES // 8), np.empty(ARRAY_BYTES // 8)
    # Pages come into being when they are first written.
    np.copyto(target, source)
    rates = []
    for _ in range(turns):
        began = time.process_time()
        np.copyto(target, source)
        rates.append(2 * ARRAY_BYTES / (time.process_time() - began) / 1e9)
    return rates


def _broker(folder: pathlib.Path, bootstrap: str, fewer: int) -> dict[str, float]:
    """MB/s to and from one partition, by record size."""
    found: dict[str, float] = {}
    for kind, (size, whole) in SIZES.items():
        name, count = f"bench-{secrets.token_hex(4)}", whole // fewer
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
        payload = folder / f"{kind}.txt"
        if not payload.exists():
            draw = random.Random(size)
            payload.write_text("\n".join("".join(draw.choices(string.ascii_letters, k=size)) for _ in range(64)))
        properties = [
            f"bootstrap.servers={bootstrap}",
            "acks=all",
            "linger.ms=5",
            "batch.size=524288",
            "max.request.size=1048576",
        ]
        produced = _tool(
            "ProducerPerformance", "--topic", name, "--num-records", str(count), "--throughput", "-1", "--warmup-records", str(count // 4),
            "--payload-file", str(payload), "--command-property", *properties,
        )  # fmt: skip
        found[f"{kind}_produced_mb_per_s"] = _produced(produced) * 2**20 / 1e6
        consumed = _tool(
            "ConsumerPerformance", "--topic", name, "--num-records", str(count), "--bootstrap-server", bootstrap,
            "--fetch-size", str(8 * 2**20), "--timeout", "30000",
        )  # fmt: skip
        found[f"{kind}_consumed_mb_per_s"] = _fetched(consumed) * 2**20 / 1e6
        admin.delete_topics([name])
        admin.close()
    return found


def _produced(output: str) -> float:
    """MB/s of the tool's last line, which is of the run after its first quarter."""
    return float(re.findall(r"records/sec \(([\d.]+) MB/sec\)", output)[-1])


def _fetched(output: str) -> float:
    """MB/s while fetching, joining the group left out."""
    lines = [line for line in output.splitlines() if "," in line]
    heading = next(n for n, line in enumerate(lines) if line.startswith("start.time"))
    names, values = ([part.strip() for part in line.split(",")] for line in lines[heading : heading + 2])
    return float(dict(zip(names, values, strict=True))["fetch.MB.sec"])


def _tool(name: str, *arguments: str) -> str:
    servers = jars.folder("kafka", default_cache())
    command = [str(java.find()), "-Xmx512m", "-cp", f"{_tools_jar()}:{servers}/*", f"org.apache.kafka.tools.{name}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{name} failed, got {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def _tools_jar() -> pathlib.Path:
    """The perf tools' jar, fetched once and checked."""
    folder = default_cache() / "bench"
    jar = folder / f"kafka-tools-{KAFKA_TOOLS}.jar"
    if not jar.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as draft:
            artifact = f"-Dartifact=org.apache.kafka:kafka-tools:{KAFKA_TOOLS}"
            copy = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy"
            command = ["mvn", "--batch-mode", "--quiet", copy, artifact, f"-DoutputDirectory={draft}"]
            subprocess.run(command, check=True, stdout=sys.stderr, cwd=draft)
            fetched = pathlib.Path(draft) / jar.name
            digest = hashlib.sha256(fetched.read_bytes()).hexdigest()
            if digest != KAFKA_TOOLS_SHA256:
                raise RuntimeError(f"{jar.name} must have the sha256 {KAFKA_TOOLS_SHA256}, got {digest}")
            os.replace(fetched, jar)
    return jar


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv), indent=1))
