"""Computing the surge map of a city: every active cell's median trip, for an anonymous rider, in one question."""

from __future__ import annotations

from wayfare.domain.city import City, Place
from wayfare.domain.errors import ModelUnavailable
from wayfare.domain.geo.cells import center
from wayfare.domain.pricing.caps import in_force, limit
from wayfare.domain.pricing.ladder import Surge, from_model, without_model
from wayfare.domain.pricing.live import CityLive, LoadedModel
from wayfare.domain.pricing.pricer import Moment, Pricer, median_trip
from wayfare.domain.pricing.surge_map import MapCell, SurgeMap


def compute_map(
    city: City, live: CityLive, model: LoadedModel, pricer: Pricer, now: Moment, timeout_s: float
) -> SurgeMap:
    """The map at `now`; where the model cannot speak, each cell goes down the ladder and `degraded` says so."""
    cabs = _counts(live, "cabs_available")
    waiting = _counts(live, "requests_waiting")
    active = sorted(cabs.keys() | waiting.keys())
    cap = limit(city, in_force(live.caps, now.wall_ms))
    problem = live.window_problem(city, now.city_ms, pricer.stale_after_s)
    surges: list[Surge]
    degraded: set[str] = set()
    if problem is None:
        try:
            rows = []
            for cell in active:
                inputs, missing = pricer.inputs(city, live, model, median_trip(city, live, Place(*center(cell))), now)
                rows.append(model.bundle.vector(inputs))
                degraded.update(missing)
            surges = [from_model(at_least, cap) for at_least in pricer.ask(model, rows, timeout_s)] if rows else []
        except ModelUnavailable as error:
            problem = str(error)
    if problem is not None:
        surges = [
            without_model(problem, live.last.get(cell), now.wall_ms, model.bundle.priors, cell, now.hour, cap)
            for cell in active
        ]
        degraded.add(f"{problem}, last multipliers and priors used")
    cells = tuple(
        MapCell(cell, surge.multiplier, surge.uncapped, surge.price_source, cabs.get(cell, 0), waiting.get(cell, 0))
        for cell, surge in zip(active, surges, strict=True)
    )
    return SurgeMap(city.id, now.wall_ms, live.window.newest_received_at_ms, cells, tuple(sorted(degraded)))


def _counts(live: CityLive, gauge: str) -> dict[int, int]:
    cells, counts = live.window.cells(gauge)
    return dict(zip(cells.tolist(), counts.tolist(), strict=True))
