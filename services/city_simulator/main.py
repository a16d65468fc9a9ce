"""The simulator: riders, drivers and weather of the simulated city, over HTTP."""

from __future__ import annotations

from services.city_simulator.actor import Tools, play
from services.city_simulator.live import LiveCity
from services.city_simulator.settings import SimulatorSettings
from wayfare.domain.market.world import world_of
from wayfare.domain.times import HOUR_MS
from wayfare.runtime.settings import load


def main() -> None:
    """Play the simulated city until told to stop."""
    settings = load(SimulatorSettings)

    def build(tools: Tools) -> LiveCity:
        return LiveCity(
            world=world_of(tools.city, settings.simulation_seed, settings.trips_per_day),
            prices=tools.quoter,
            put=tools.delivery.put,
            statistics=tools.statistics,
            now_ms=tools.now_ms,
            warm_up_ms=round(settings.warm_up_hours * HOUR_MS),
            ping_ticks=settings.ping_seconds,
        )

    play("city_simulator", settings.simulated_city, settings, build)


if __name__ == "__main__":
    main()
