"""From a place, a moment and what is known live to a multiplier: features, the model within its time, the ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wayfare.domain.breaker import Breaker
from wayfare.domain.city import City, Place
from wayfare.domain.errors import ModelUnavailable
from wayfare.domain.features.inputs import RiderHistory, SurgeInputs, Weather
from wayfare.domain.geo.cells import cell_of_point
from wayfare.domain.models.predictor import Predictor
from wayfare.domain.pricing.caps import SurgeCap, in_force, limit
from wayfare.domain.pricing.ladder import LastMultiplier, Surge, from_model, without_model
from wayfare.domain.pricing.live import CityLive, LoadedModel


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on both clocks, and the city's local hour and weekday that a price is for."""

    wall_ms: int
    city_ms: int
    hour: int
    weekday: int


def moment(city: City, wall_ms: int, at_city_ms: int | None = None) -> Moment:
    """Now at `wall_ms`, priced for `at_city_ms` (the city's clock) or for now."""
    city_ms = city.clock.at(wall_ms)
    local = city.local(city_ms if at_city_ms is None else at_city_ms)
    return Moment(wall_ms, city_ms, local.hour, local.weekday())


@dataclass(frozen=True, slots=True)
class Trip:
    """A trip to be priced. rider None: anonymous."""

    pickup: Place
    dropoff: Place
    rider: RiderHistory | None


@dataclass(frozen=True, slots=True)
class Pricing:
    """A multiplier with what a quote says of it.

    cap: the operator's cap in force. limit: the highest multiplier allowed, the city's own cap included. cell: of the pickup, level 16. features: empty where the model was not asked.
    defaults: features missing because the city has no source. degraded: what failed beside the ladder.
    """

    surge: Surge
    cap: SurgeCap | None
    limit: float
    cell: int
    features: tuple[float, ...]
    defaults: tuple[str, ...]
    degraded: tuple[str, ...]


@dataclass(frozen=True)
class Pricer:
    """Sets multipliers. stale_after_s: wall seconds after which a window is not priced on. breaker: the model server's."""

    predictor: Predictor
    breaker: Breaker
    stale_after_s: float

    def price(
        self, city: City, live: CityLive, model: LoadedModel, trip: Trip, now: Moment, later: bool, budget_s: float
    ) -> Pricing:
        """The multiplier of one trip within `budget_s`. later: its departure is priced by priors, by design."""
        if later:
            return self._without(city, live, model, trip.pickup, now, None)
        problem = live.window_problem(city, now.city_ms, self.stale_after_s)
        if problem is not None:
            return self._without(city, live, model, trip.pickup, now, problem)
        inputs, degraded = self.inputs(city, live, model, trip, now)
        features = tuple(model.bundle.vector(inputs))
        try:
            (at_least,) = self.ask(model, [features], budget_s)
        except ModelUnavailable as error:
            return self._without(city, live, model, trip.pickup, now, str(error), features, degraded)
        cap = in_force(live.caps, now.wall_ms)
        highest = limit(city, cap)
        surge = from_model(at_least, highest)
        cell = cell_of_point(*trip.pickup)
        live.last[cell] = LastMultiplier(surge.uncapped, now.wall_ms)
        return Pricing(surge, cap, highest, cell, features, sourceless(city, model), degraded)

    def ask(self, model: LoadedModel, rows: Sequence[Sequence[float]], budget_s: float) -> list[tuple[float, ...]]:
        """The model's checked answers; ModelUnavailable, beginning with `model:`, when there are none in time."""
        if budget_s <= 0.0:
            raise ModelUnavailable("model: no time was left to ask")
        if not self.breaker.allows():
            raise ModelUnavailable("model: left alone after repeated failures")
        try:
            answers = self.predictor.predict(model.name, model.version, np.asarray(rows, np.float32), budget_s)
        except ModelUnavailable as error:
            self.breaker.failed()
            raise ModelUnavailable(f"model: {error}") from error
        self.breaker.succeeded()
        return [tuple(answer) for answer in answers.tolist()]

    def inputs(
        self, city: City, live: CityLive, model: LoadedModel, trip: Trip, now: Moment
    ) -> tuple[SurgeInputs, tuple[str, ...]]:
        """What the features may look at for one trip, and what should be there and is not."""
        weather: Weather | None = None
        degraded: tuple[str, ...] = ()
        if "weather" in city.sources:
            weather = live.weather_at(trip.pickup, now.city_ms)
            if weather is None:
                degraded = ("weather: no observation of the last 3 hours, treated as missing",)
        known = live.cells.get(cell_of_point(*trip.pickup)) if "place_kinds" in city.sources else None
        inputs = SurgeInputs(
            pickup=trip.pickup,
            dropoff=trip.dropoff,
            local_hour=now.hour,
            local_weekday=now.weekday,
            travel=model.bundle.travel,
            tree=model.bundle.tree,
            window=live.window,
            rider=trip.rider if "riders" in city.sources else None,
            weather=weather,
            place_kind=None if known is None else known.place_kind,
        )
        return inputs, degraded

    def _without(
        self,
        city: City,
        live: CityLive,
        model: LoadedModel,
        pickup: Place,
        now: Moment,
        problem: str | None,
        features: tuple[float, ...] = (),
        degraded: tuple[str, ...] = (),
    ) -> Pricing:
        cap = in_force(live.caps, now.wall_ms)
        cell = cell_of_point(*pickup)
        highest = limit(city, cap)
        surge = without_model(problem, live.last.get(cell), now.wall_ms, model.bundle.priors, cell, now.hour, highest)
        return Pricing(surge, cap, highest, cell, features, sourceless(city, model), degraded)


def sourceless(city: City, model: LoadedModel) -> tuple[str, ...]:
    """The model's features that this city has no source for."""
    return tuple(
        feature.name
        for feature in model.bundle.features
        if feature.source is not None and feature.source not in city.sources
    )


def median_trip(city: City, live: CityLive, pickup: Place) -> Trip:
    """The trip that the surge map prices: to where trips from this cell usually go, else to the city's centre."""
    known = live.cells.get(cell_of_point(*pickup))
    return Trip(pickup, city.center if known is None or known.median_dropoff is None else known.median_dropoff, None)
