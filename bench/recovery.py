"""How long ingest takes from its start to a window that covers the log, with an hour and with a day of log behind it.

The recording is written into servers of the bench's own. Ingest reads it, is killed, a minute of log follows, and ingest is
started again: what is timed is from the start of the process until Redis covers the log's end, Python's own start and joining
the group included. The peer is the same ingest without its snapshots, which reads the log from its oldest record. The window
is compared with the log after each.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import time
from typing import Any

from bench.soak.checker import Checker
from bench.soak.processes import Process
from bench.soak.recorded import FILE
from bench.soak.stage import Stage, stage
from wayfare.adapters.kafka_admin import admin, create_topics
from wayfare.adapters.kafka_snapshots import TOPIC
from wayfare.inventory import topic

ROOT = pathlib.Path(__file__).parents[1]
HOURS = (1, 24)
SNAPSHOTS = {"WAYFARE_SNAPSHOT_SECONDS": "10", "WAYFARE_SNAPSHOT_LEAST_SECONDS": "2"}
"""As ingest has them unless told otherwise."""
PATIENCE_SECONDS = 600.0


def _seconds_to_recover(checker: Checker, ingest: Process) -> float:
    began = time.monotonic()
    ingest.start()
    checker.until_caught_up(PATIENCE_SECONDS)
    return time.monotonic() - began


def _stopped(on: Stage, ingest: Process) -> None:
    ingest.kill()
    on.reach.group.throw_out(ingest.pid)


def _forget_snapshots(checker: Checker) -> None:
    with admin(checker.options, 30.0) as client:
        client.delete_topics([TOPIC])
        while TOPIC in set(client.list_topics()):
            time.sleep(0.2)
    create_topics(checker.options, [topic(TOPIC)])


def _measured(on: Stage, ingest: Process, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds with the snapshots and without, in paired rounds; ingest runs before and after."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for forget, seconds in ((False, found[0]), (True, found[1])):
            on.checker.until_caught_up(PATIENCE_SECONDS)
            # As in a city that goes on at its own pace, the newest snapshot is as old as snapshots may be.
            time.sleep(11.0)
            _stopped(on, ingest)
            if forget:
                _forget_snapshots(on.checker)
            on.log.step()
            seconds.append(_seconds_to_recover(on.checker, ingest))
            proof = on.checker.prove()
            if proof.differences:
                raise AssertionError(f"the window after a recovery is the log's, got {proof.differences}")
    return found


def run(quick: bool) -> dict[str, Any]:
    """Seconds at 1 h and 24 h; quick: at 1 h and 6 h, one round each."""
    data = pathlib.Path(os.environ.get("WAYFARE_DATA", ROOT.parent / "shared" / "data"))
    hours = (1, 6) if quick else HOURS
    figures: dict[str, float] = {}
    with stage(data / FILE, proxied=False, **SNAPSHOTS) as on:
        ingest = on.reach.spared
        on.reach.killed[0].end()
        ratios: list[float] = []
        written = 0
        for last in hours:
            while written < last * 60:
                on.log.step()
                written += 1
            with_snapshot, without = _measured(on, ingest, 1 if quick else 3)
            written += 2 * len(without)
            ratios = [slow / fast for slow, fast in zip(without, with_snapshot, strict=True)]
            figures[f"with_snapshot_{last}h_s"] = statistics.median(with_snapshot)
            figures[f"without_snapshot_{last}h_s"] = statistics.median(without)
            figures[f"events_{last}h"] = on.log.written
    return {
        "name": "recovery",
        "what": f"ingest started anew until the window covers {hours[-1]} h of log",
        "peer": "the same without its snapshots",
        "ratios": ratios,
        "aim": "time with snapshots does not grow with the log",
        "figures": figures,
    }
