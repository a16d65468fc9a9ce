import time

from services.events_api.ticker import SILENT_SECONDS, Ticker
from wayfare.adapters.memory_log import MemoryEventLog
from wayfare.domain.streams.events import Tick


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_tick_carries_each_citys_clock_to_every_partition(two_cities):
    log = MemoryEventLog()
    assert Ticker(log, lambda: two_cities.registry, lambda: two_cities.wall + 1000).tick()
    clocks = {city.id: city.clock.at(two_cities.wall + 1000) for city in two_cities.registry}
    assert log.rows == {topic: [[Tick(clocks)]] * 4 for topic in ("driver-pings", "ride-requests")}


def test_a_log_out_of_reach_makes_it_not_ready_after_a_while_and_ready_again(world):
    log, clock = MemoryEventLog(), Clock()
    ticker = Ticker(log, lambda: world.registry, lambda: world.wall, clock=clock)
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


def test_a_registry_that_fails_does_not_stop_time(world):
    log = MemoryEventLog()
    failing = [True]

    def registry():
        if failing[0]:
            raise RuntimeError("broken")
        return world.registry

    ticker = Ticker(log, registry, lambda: world.wall, every_seconds=0.005)
    ticker.start()
    time.sleep(0.03)
    failing[0] = False
    ends = time.monotonic() + 3
    while not log.rows and time.monotonic() < ends:
        time.sleep(0.005)
    ticker.stop()
    assert log.rows
