"""`make soak MINUTES=n`: a recorded city played at speed into real servers while everything fails, and its window checked.

The checker reads the log and Redis alone and computes every register again (`wayfare window verify`). Exits with 1 at the
first difference, when ingest ends by itself, or when it does not catch up. `--kills N` does something else: it kills ingest N
times over the recording, each time at a moment drawn anew, and checks after each. `--outages N` takes each server away for N
minutes while the city goes on.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import random
import secrets
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

from bench.soak import faults
from bench.soak.recorded import FILE, STEP_MS
from bench.soak.stage import Stage, stage, until_up
from local import supervise
from wayfare.adapters.window_proof import Proof

ROOT = pathlib.Path(__file__).parents[2]
CATCH_UP_SECONDS = 300.0
SETTLED_SECONDS = 10.0
"""Of the city at work between one outage and the next."""
PAUSE_SECONDS = (0.5, 5.0)
MIB = 1 << 20
SERVERS = ("redis", "kafka")
"""What ingest stands on."""


def main() -> int:
    """Run; exit status 0 when everything was equal."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="how long faults come")
    length.add_argument("--kills", type=int, help="kills of ingest spread over the recording, a check after each")
    length.add_argument("--outages", type=float, help="minutes for which Redis is gone, and then Kafka")
    parser.add_argument("--seed", type=int, default=None, help="of the faults; drawn and printed otherwise")
    parser.add_argument("--speed", type=float, default=600.0, help="city time per wall time")
    data = pathlib.Path(os.environ.get("WAYFARE_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--recording", type=pathlib.Path, default=data / FILE)
    told = parser.parse_args()
    seed = secrets.randbelow(1 << 31) if told.seed is None else told.seed
    print(f"seed {seed}", flush=True)
    with stage(told.recording, proxied=told.minutes is not None) as set_up:
        draw = random.Random(seed)
        if told.kills is not None:
            status = killed(set_up, draw, told.kills)
        elif told.outages is not None:
            status = Soak(set_up, draw, told.speed).without_servers(told.outages)
        else:
            status = Soak(set_up, draw, told.speed).run(told.minutes)
        if status:
            print(f"what the processes said is in {set_up.folder}")
            # Raised, so that the folder is kept.
            raise SystemExit(status)
    return 0


def killed(on: Stage, draw: random.Random, kills: int, minutes_of_city: int = 2 * 24 * 60) -> int:
    """Kill ingest at random moments of a recording; the number of checks that found a difference, at most 1."""
    victim, began = on.reach.spared, time.monotonic()
    on.reach.killed[0].end()
    steps = max(3, minutes_of_city // max(kills, 1))
    on.log.step()
    on.checker.until_caught_up(CATCH_UP_SECONDS)
    for number in range(1, kills + 1):
        at = draw.randrange(1, steps)
        for step in range(steps):
            on.log.step()
            if step == at:
                time.sleep(draw.uniform(0.0, 0.5))
                victim.kill()
                on.reach.group.throw_out(victim.pid)
                victim.start()
        on.checker.until_caught_up(CATCH_UP_SECONDS)
        proof = on.checker.prove()
        print(f"kill {number}: {on.log.written} events, {told(proof)}, {time.monotonic() - began:.0f} s", flush=True)
        if proof.differences:
            return 1
    return 0


def told(proof: Proof) -> str:
    """A proof in a line, with its first differences."""
    found = f"{len(proof.differences)} differences" if proof.differences else "equal"
    first = "".join(f"\n  {key} {what}" for key, what in sorted(proof.differences.items())[:10])
    return f"window {found} ({proof.registers} registers, {proof.records} records){first}"


class Soak:
    """One thread writes the log at speed, this one makes faults and checks."""

    def __init__(self, on: Stage, draw: random.Random, speed: float) -> None:
        self._on, self._draw, self._speed = on, draw, speed
        self._count: Counter[str] = Counter()
        self._stop = threading.Event()
        self._writer = threading.Thread(target=self._write, name="writer", daemon=True)
        self._resident: list[float] = []

    def run(self, minutes: float) -> int:
        """Faults for so long, a check each minute, and one at the end when nothing moves any more."""
        if not self._while_written(lambda: self._minutes(minutes)):
            return 1
        print(f"faults: {', '.join(f'{name} {count}' for name, count in self._count.most_common())}")
        print(self._memory())
        return 0

    def without_servers(self, minutes: float) -> int:
        """Each server of ingest gone for so long, a check before and after each."""
        return 0 if self._while_written(lambda: all(self._gone(name, minutes) for name in SERVERS)) else 1

    def _gone(self, name: str, minutes: float) -> bool:
        time.sleep(SETTLED_SECONDS)
        if not self._checked(f"before {name} goes"):
            return False
        stack = self._on.stack
        supervise.stop(stack.layout, [name])
        time.sleep(60.0 * minutes)
        supervise.start(stack.layout, name)
        until_up(stack, name)
        return self._checked(f"{name} back after {minutes:g} minutes")

    def _while_written(self, sound: Callable[[], bool]) -> bool:
        """Whether all was sound while the log was written, and at rest."""
        self._writer.start()
        try:
            found = sound()
        finally:
            self._stop.set()
            self._writer.join(60.0)
        return found and self._checked("at rest")

    def _minutes(self, minutes: float) -> bool:
        began, minute = time.monotonic(), 0
        while minute < minutes:
            minute += 1
            ends = began + 60.0 * min(minute, minutes)
            while time.monotonic() < ends:
                time.sleep(self._draw.uniform(*PAUSE_SECONDS))
                fault = faults.drawn(self._draw)
                fault(self._on.reach, self._draw)
                self._count[fault.__name__] += 1
            if not self._checked(f"minute {minute}"):
                return False
        return True

    def _write(self) -> None:
        began, first = time.monotonic(), self._on.log.city_ms
        while not self._stop.is_set():
            self._on.log.step(lambda: not self._stop.is_set())
            due = began + (self._on.log.city_ms - first - STEP_MS) / 1000 / self._speed
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _checked(self, when: str) -> bool:
        """Wait until ingest has caught up with the log as it is now, then compare; False at a difference."""
        if not self._writer.is_alive() and not self._stop.is_set():
            print(f"{when}: the writer has ended, see above")
            return False
        if any(process.ended for process in self._on.consumers):
            print(f"{when}: an ingest has ended by itself")
            return False
        began = time.monotonic()
        self._on.checker.until_caught_up(CATCH_UP_SECONDS)
        caught_up = time.monotonic() - began
        proof = self._on.checker.prove()
        consumers, log = self._on.consumers, self._on.log
        resident = [process.resident_bytes() / MIB for process in consumers]
        self._resident.append(resident[0])
        print(
            f"{when}: {log.written} events, {sum(self._count.values())} faults, {self._count['kill_ingest']} kills; "
            f"caught up in {caught_up:.1f} s; {told(proof)}; ingest {' + '.join(f'{mib:.0f}' for mib in resident)} MiB, "
            f"{' + '.join(str(process.threads()) for process in consumers)} threads",
            flush=True,
        )
        return not proof.differences

    def _memory(self) -> str:
        """Of the consumer that is never killed, in the middle third of the checks and in the last."""
        third = len(self._resident) // 3
        if not third:
            return f"memory: too short to tell, got {len(self._resident)} checks"
        middle, last = statistics.median(self._resident[third : 2 * third]), statistics.median(self._resident[-third:])
        return f"memory of the spared ingest: {middle:.0f} MiB in the middle third, {last:.0f} MiB in the last"


if __name__ == "__main__":
    sys.exit(main())
