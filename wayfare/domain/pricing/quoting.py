"""Quoting: one answer within one deadline, whatever is down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wayfare.domain.city import City
from wayfare.domain.errors import Unavailable
from wayfare.domain.geo.cells import cell_of_point
from wayfare.domain.pricing.fare import base_fare_minor, price_minor
from wayfare.domain.pricing.histories import LayeredHistories
from wayfare.domain.pricing.live import CityLive, LoadedModel
from wayfare.domain.pricing.pricer import Pricer, Pricing, Trip, moment
from wayfare.domain.pricing.quote import LockedQuote, QuoteAsk, QuoteLock, departs_later
from wayfare.domain.pricing.records import PREDICTIONS, prediction_record
from wayfare.domain.streams.log import RecordLog


@dataclass(frozen=True, slots=True)
class QuoteRules:
    """life_s: how long a quote may be booked. deadline_s: longest that one may take. reserve_s: kept of that for locking
    and answering. predict_s: longest that the model may be waited for."""

    life_s: float
    deadline_s: float
    reserve_s: float
    predict_s: float


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote and its explanation. Times: expires_at_ms is wall time, window_until_ms the city's clock.

    window_age_s: wall seconds' worth of city time between the newest `received_at` known and now; None without one.
    """

    locked: LockedQuote
    token: str
    pricing: Pricing
    model: LoadedModel
    pickup_cell: int
    dropoff_cell: int
    distance_m: int
    duration_s: int
    wait_s: int
    base_fare_minor: int
    window_until_ms: int | None
    window_age_s: float | None
    degraded: tuple[str, ...]


@dataclass(frozen=True)
class Quoter:
    """Makes quotes. unique: 32 hexadecimal digits never given before. pseudonym: the log's name of a rider."""

    pricer: Pricer
    histories: LayeredHistories
    lock: QuoteLock
    log: RecordLog
    rules: QuoteRules
    wall_ms: Callable[[], int]
    monotonic_s: Callable[[], float]
    unique: Callable[[], str]
    pseudonym: Callable[[str | None], str | None]

    def quote(self, ask: QuoteAsk, live: CityLive) -> Quote:
        """The quote. InvalidInput for a moment that may not be priced; Unavailable while no model was ever verified."""
        ends = self.monotonic_s() + self.rules.deadline_s - self.rules.reserve_s
        model = live.model
        if model is None:
            raise Unavailable(f"no verified model of this city is known yet, got {ask.city.id}")
        wall = self.wall_ms()
        later = departs_later(ask.departure_ms, ask.city.clock.at(wall))
        now = moment(ask.city, wall, ask.departure_ms if later else None)
        rider, degraded = None, []
        if ask.rider_id is not None and not later and "riders" in ask.city.sources:
            rider, failed = self.histories.read(ask.city.id, ask.rider_id, ends - self.monotonic_s())
            if failed is not None:
                degraded.append(failed)
        trip = Trip(ask.pickup, ask.dropoff, rider)
        left = min(self.rules.predict_s, ends - self.monotonic_s())
        pricing = self.pricer.price(ask.city, live, model, trip, now, later, left)
        distance_m, duration_s, wait_s = _estimates(model, pricing, ask, now.hour)
        base = base_fare_minor(ask.city.tariff, distance_m, duration_s)
        locked = LockedQuote(
            quote_id=f"q-{self.unique()}",
            rider_id=ask.rider_id,
            city=ask.city.id,
            ride_type=ask.ride_type,
            pickup=ask.pickup,
            dropoff=ask.dropoff,
            price_minor=price_minor(base, pricing.surge.multiplier),
            currency=ask.city.currency,
            multiplier=pricing.surge.multiplier,
            price_source=pricing.surge.price_source,
            expires_at_ms=wall + round(self.rules.life_s * 1000),
        )
        newest = live.window.newest_received_at_ms
        quote = Quote(
            locked=locked,
            token=self.lock.lock(locked, wall),
            pricing=pricing,
            model=model,
            pickup_cell=pricing.cell,
            dropoff_cell=cell_of_point(*ask.dropoff),
            distance_m=distance_m,
            duration_s=duration_s,
            wait_s=wait_s,
            base_fare_minor=base,
            window_until_ms=newest,
            window_age_s=None if newest is None else max(0, now.city_ms - newest) / 1000,
            degraded=(*pricing.surge.degraded, *degraded, *pricing.degraded),
        )
        self._tell(ask.city, quote, now.city_ms)
        return quote

    def _tell(self, city: City, quote: Quote, t_ms: int) -> None:
        locked, pricing = quote.locked, quote.pricing
        record = prediction_record(
            quote_id=locked.quote_id,
            rider=self.pseudonym(locked.rider_id),
            city=city.id,
            model=quote.model.name,
            version=quote.model.version,
            arm=quote.model.label,
            price_source=locked.price_source,
            multiplier=locked.multiplier,
            at_least=pricing.surge.at_least if locked.price_source == "model" else None,
            feature_names=quote.model.feature_names if pricing.features else (),
            features=pricing.features,
            price_minor=locked.price_minor,
            currency=locked.currency,
            degraded=quote.degraded,
            t_ms=t_ms,
            expires_t_ms=city.clock.at(locked.expires_at_ms),
            expires_at_ms=locked.expires_at_ms,
        )
        # A prediction that the log does not take is counted by it; the quote stands.
        self.log.offer(PREDICTIONS, locked.quote_id, record)


def _estimates(model: LoadedModel, pricing: Pricing, ask: QuoteAsk, hour: int) -> tuple[int, int, int]:
    """Metres, seconds of travel and seconds of wait: the model's own features where they were computed."""
    known = dict(zip(model.feature_names, pricing.features, strict=False))
    if "est_duration_s" in known:
        found = known["est_distance_m"], known["est_duration_s"], known["est_wait_s"]
    else:
        travel = model.bundle.travel
        ends = ask.pickup, ask.dropoff
        found = travel.distance_m(*ends, hour), travel.duration_s(*ends, hour), travel.wait_s(ask.pickup, hour)
    return round(found[0]), round(found[1]), round(found[2])
