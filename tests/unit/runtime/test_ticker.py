"""Ticks carry each city's clock, whatever fails."""

import time

from wayfare.adapters.memory_log import MemoryEventLog
from wayfare.domain.city import City, CityClock, Place, Registry, Tariff
from wayfare.domain.streams.events import Tick
from wayfare.runtime.ticker import SILENT_SECONDS, Ticker

WALL_MS, CITY_MS = 1_900_000_000_000, 1_795_250_000_000


def square(name, lat):
    corners = tuple(Place(lat + a, b) for a, b in ((-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)))
    clock = CityClock(wall_anchor_ms=WALL_MS, city_anchor_ms=CITY_MS, speed=60.0)
    return City(name, name, corners, Place(lat, 0), "UTC", "USD", "US", Tariff(1, 1, 1, 1), clock=clock)


CITIES = Registry([square("a", 10), square("b", 20)])


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_tick_carries_each_citys_clock_to_every_partition():
    log = MemoryEventLog()
    assert Ticker(log, lambda: CITIES, lambda: WALL_MS + 1000).tick()
    clocks = {city.id: city.clock.at(WALL_MS + 1000) for city in CITIES}
    assert log.rows == {topic: [[Tick(clocks)]] * 4 for topic in ("driver-pings", "ride-requests")}


def test_a_log_out_of_reach_makes_it_not_ready_after_a_while_and_ready_again():
    log, clock = MemoryEventLog(), Clock()
    ticker = Ticker(log, lambda: CITIES, lambda: WALL_MS, clock=clock)
    assert "yet" in ticker.ready()
    assert ticker.tick()
    assert ticker.ready() is None
    log.unavailable = True
    assert not ticker.tick()
    clock.now = SILENT_SECONDS
    assert ticker.ready() is None
    clock.now = SILENT_SECONDS + 2
    assert "out of reach" in ticker.ready()
    log.unavailable = False
    assert ticker.tick()
    assert ticker.ready() is None


def test_a_registry_that_fails_does_not_stop_time():
    log = MemoryEventLog()
    failing = [True]

    def registry():
        if failing[0]:
            raise RuntimeError("broken")
        return CITIES

    ticker = Ticker(log, registry, lambda: WALL_MS, every_seconds=0.005)
    ticker.start()
    time.sleep(0.03)
    failing[0] = False
    ends = time.monotonic() + 3
    while not log.rows and time.monotonic() < ends:
        time.sleep(0.005)
    ticker.stop()
    assert log.rows
