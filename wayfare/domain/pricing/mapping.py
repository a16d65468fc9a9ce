"""Computing the surge map of a city: every active cell's median trip, for an anonymous rider, in one question."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wayfare.domain.city import City, Place
from wayfare.domain.errors import ModelUnavailable
from wayfare.domain.features.inputs import SurgeInputs
from wayfare.domain.geo.cells import center
from wayfare.domain.pricing.caps import in_force, limit
from wayfare.domain.pricing.ladder import Surge, from_model, without_model
from wayfare.domain.pricing.live import CityLive, LoadedModel
from wayfare.domain.pricing.pricer import Moment, Pricer, median_trip
from wayfare.domain.pricing.surge_map import MapCell, SurgeMap
from wayfare.domain.streams.panes import GAUGE_SOURCE
from wayfare.domain.times import MINUTE_MS

_LIVE_SOURCES = frozenset(GAUGE_SOURCE.values())


_KEPT_MS = 10 * MINUTE_MS
"""Rows are computed anew at least this often, because an observation of the weather grows too old silently."""


class MapRows:
    """The rows of features of median trips, kept between ticks: only what reads the live window is computed anew.

    Everything else is the same until hour, model, weather or the daily batch changes, which starts afresh.
    """

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._cells: object = None
        self._weather: object = None
        self._held: dict[int, tuple[SurgeInputs, list[float], tuple[str, ...]]] = {}

    def rows(
        self, city: City, live: CityLive, model: LoadedModel, pricer: Pricer, now: Moment, active: Sequence[int]
    ) -> tuple[list[list[float]], set[str]]:
        """The row of each active cell, equal to what `bundle.vector` gives, and what should be there and is not."""
        key = (model.name, model.version, now.hour, now.weekday, now.city_ms // _KEPT_MS, city)
        weather_changed = self._weather is not live.weather and self._weather != live.weather
        if key != self._key or self._cells is not live.cells or weather_changed:
            self._held.clear()
        self._key, self._cells, self._weather = key, live.cells, live.weather
        anew = [
            (position, feature)
            for position, feature in enumerate(model.bundle.features)
            if feature.source in _LIVE_SOURCES
        ]
        rows: list[list[float]] = []
        missing: set[str] = set()
        for cell in active:
            held = self._held.get(cell)
            if held is None or held[0].window is not live.window:
                inputs, degraded = pricer.inputs(city, live, model, median_trip(city, live, Place(*center(cell))), now)
                held = self._held[cell] = inputs, model.bundle.vector(inputs), degraded
            else:
                for position, feature in anew:
                    value = feature.function(held[0])
                    held[1][position] = math.nan if value is None else float(value)
            rows.append(held[1])
            missing.update(held[2])
        return rows, missing


def compute_map(
    city: City, live: CityLive, model: LoadedModel, pricer: Pricer, now: Moment, rows: MapRows, timeout_s: float
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
            asked, missing = rows.rows(city, live, model, pricer, now, active)
            degraded.update(missing)
            surges = [from_model(at_least, cap) for at_least in pricer.ask(model, asked, timeout_s)] if asked else []
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
