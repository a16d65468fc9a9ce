"""Playing a city against services that run already: the simulator or the replayer as a child of this process."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from local.demo import clocks, figures
from local.demo.accounting import LogReader
from local.stack import Stack, StackFailed
from wayfare.adapters.file_registry import FileRegistry, write_cities
from wayfare.inventory import ACTORS
from wayfare.runtime.clock import wall_ms

STOP_SECONDS = 45.0


@dataclasses.dataclass(frozen=True, slots=True)
class Play:
    """What to play. actor: a row of `inventory.ACTORS`. speed None: as the city's clock goes, or `usual_speed` for a new one. more: WAYFARE_* variables of its own."""

    actor: str
    city: str
    speed: float | None
    usual_speed: float
    more: dict[str, str]


def set_clock(stack: Stack, play: Play) -> float:
    """Register the city unless it is, with a clock that goes on from where its time has come; returns its speed.

    A registered city keeps its clock, or goes on from its own now at another speed: the log has been ticking by that
    clock, and time in one log never runs backwards.
    """
    file = stack.layout.cities_file
    registered = {city.id: city for city in FileRegistry(file, production=False).now()} if file.exists() else {}
    known = registered.get(play.city)
    if known is None:
        reader = LogReader(stack.addresses().kafka_bootstrap)
        try:
            told = reader.newest_tick(play.city) or 0
        finally:
            reader.close()
        newest = max(clocks.ClockMemory(stack.layout.state).newest(play.city), told) or wall_ms()
        speed = play.speed or play.usual_speed
        clocks.register(file, play.city, newest, wall_ms(), speed)
        return speed
    if play.speed is None or play.speed == known.clock.speed:
        return known.clock.speed
    now = wall_ms()
    others = [city for city in registered.values() if city.id != play.city]
    write_cities(file, [*others, clocks.resumed(known, known.clock.at(now), now, play.speed)])
    return play.speed


def run(stack: Stack, play: Play, for_seconds: float | None, told: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Play until `for_seconds` have passed or a signal (KeyboardInterrupt) comes; returns the last statistics.

    told: called about once a second with the statistics. StackFailed when services do not run, another actor plays, or
    the actor ended by itself.
    """
    status = {row.name: row for row in stack.status()}
    for needed in ("kafka", "events_api", "pricing_api"):
        if needed not in status or status[needed].pid is None:
            raise StackFailed(f"{needed} does not run; start everything with `wayfare up` first, got {sorted(status)}")
    playing = [row.name for row in ACTORS if row.name in status and status[row.name].pid is not None]
    if playing:
        raise StackFailed(f"a city is being played already, got {playing}")
    set_clock(stack, play)
    module = next(row.module for row in ACTORS if row.name == play.actor)
    environment = {**os.environ, **stack.environment(), "WAYFARE_ADMIN_PORT": "0", **play.more}
    statistics_file = stack.layout.run / "simulator.json"
    statistics_file.unlink(missing_ok=True)
    log = stack.layout.logs / f"{play.actor}.log"
    with log.open("ab") as out:
        # A session of its own: Ctrl-C reaches this process alone, which then asks the actor to stop, once.
        child = subprocess.Popen(
            [sys.executable, "-m", module], env=environment, stdout=out, stderr=out, start_new_session=True
        )
    began = time.monotonic()
    try:
        while for_seconds is None or time.monotonic() - began < for_seconds:
            if child.poll() is not None:
                raise StackFailed(f"{play.actor} ended by itself\n{stack.end_of_log(play.actor)}")
            told(figures.actor_statistics(stack.layout.state))
            time.sleep(1.0)
    except KeyboardInterrupt:
        pass
    finally:
        _end(child)
    return figures.actor_statistics(stack.layout.state)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        child.kill()
        child.wait()


def file_of_recording(file: pathlib.Path) -> dict[str, str]:
    """The variables that tell the replayer its file."""
    return {"WAYFARE_REPLAY_FILE": str(file.resolve())}
