"""What pricing_api takes and answers, as API.md "Prices out" promises."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from wayfare.domain.pricing.surge import LEVELS
from wayfare.runtime.web.types import Id, Latitude, Longitude, Metres, Model, Money, Place, Seconds, Time, TimeOut

Multiplier = Annotated[float, Field(ge=LEVELS[0], le=LEVELS[-1], examples=[1.5])]
Quadkey = Annotated[str, Field(pattern="^[0-3]{1,31}$", examples=["0230102033301210"])]
Probability = Annotated[float, Field(ge=0, le=1)]
PriceSource = Annotated[
    Literal["model", "last_multiplier", "prior:cell", "prior:city"], Field(description="What set the multiplier.")
]


class QuoteRequest(Model):
    """A trip whose price is asked for."""

    pickup: Place
    dropoff: Place
    ride_type: Id | None = Field(None, description="One of the city's; its first by default.")
    departure_time: Time | None = Field(
        None,
        description="On the city's clock. Up to 10 minutes ahead is now; up to 7 days ahead is priced by priors; more than "
        "60 s in the past is refused.",
    )
    rider_id: Id | None = Field(None, description="A rider names themselves or nobody; a service anyone or nobody.")


class Surge(Model):
    """The multiplier, and how sure the model is that it should be at least each level."""

    multiplier: Multiplier
    at_least: dict[str, Probability] = Field(
        description="By level, never increasing; a step where the model did not speak."
    )


class CapShown(Model):
    """The limit that lowered the multiplier."""

    max_multiplier: Multiplier
    uncapped_multiplier: Multiplier
    by: Literal["operator", "city"]


class Lineage(Model):
    """Where the price comes from."""

    model: str
    version: int
    arm: str = Field(description="The label asked for.")
    price_source: PriceSource
    base_fare_source: Literal["tariff"]
    tree: str
    window_age_s: float | None = Field(description="Now minus the newest `received_at` in the live window.")
    window_until: TimeOut | None = Field(description="That `received_at`, on the city's clock.")
    features_hash: str
    defaults: list[str] = Field(description="Features that this city has no source for.")
    cap: CapShown | None = Field(None, description="Only when a cap lowered the multiplier.")


class QuoteAnswer(Model):
    """A locked price and its explanation."""

    quote_id: Id
    city: Id
    ride_type: Id
    pickup_cell: Quadkey
    dropoff_cell: Quadkey
    distance_m: Metres
    duration_s: Seconds
    wait_s: Seconds
    base_fare: Money
    surge: Surge
    price: Money
    expires_at: TimeOut
    quote_token: str
    lineage: Lineage
    degraded: list[str] = Field(description="What failed, and what stood in for it; empty when nothing did.")


class BookingRequest(Model):
    """The quote to book."""

    quote_token: str = Field(min_length=1, max_length=4096, examples=["eyJhbGciOi..."])


class BookingAnswer(Model):
    """A booking."""

    booking_id: Id
    quote_id: Id
    status: Literal["booked"]
    city: Id
    rider_id: Id | None
    ride_type: Id
    pickup: Place
    dropoff: Place
    multiplier: Multiplier
    price: Money
    price_source: PriceSource
    booked_at: TimeOut


class Here(Model):
    """A place, as query parameters."""

    lat: Latitude
    lon: Longitude


class SurgeHere(Model):
    """The multiplier of the median trip from the cell of a place, now, for an anonymous rider."""

    city: Id
    cell: Quadkey
    surge: Surge
    inputs: dict[str, float | None] = Field(description="Features by name; null is missing; empty below the model.")
    age_s: float | None = Field(description="As `window_age_s` of a quote.")
    lineage: Lineage
    degraded: list[str]


class Box(Model):
    """A box of the map."""

    bbox: str | None = Field(
        None,
        max_length=120,
        description="west,south,east,north in degrees; all cities without it. West may be greater than east.",
        examples=["-122.52,37.70,-122.35,37.83"],
    )


class MapFeature(Model):
    """One active cell."""

    type: Literal["Feature"]
    id: Quadkey
    geometry: dict[str, Any] = Field(description="A GeoJSON Polygon.")
    properties: dict[str, Any] = Field(
        description="cell (quadkey), city, multiplier, price_source, cabs_available, requests_waiting."
    )


class SurgeMapAnswer(Model):
    """GeoJSON (RFC 7946), the same from every replica."""

    type: Literal["FeatureCollection"]
    features: list[MapFeature]
    computed_at: dict[str, TimeOut] = Field(description="By city, wall time.")
    window_until: dict[str, TimeOut | None] = Field(description="By city, on its clock: what the map has seen.")
    degraded: list[str]


class TariffShown(Model):
    """Minor units of the city's currency."""

    flag_minor: int
    per_km_minor: int
    per_minute_minor: int
    minimum_minor: int


class CityShown(Model):
    """The public part of a city."""

    id: Id
    name: str
    boundary: dict[str, Any] = Field(description="A GeoJSON Polygon.")
    center: Place
    time_zone: str
    currency: str
    country: str
    tariff: TariffShown
    ride_types: list[Id]
    surge_cap: Multiplier = Field(description="The highest multiplier now, the operator's cap included.")
    now: TimeOut = Field(description="The city's clock.")
    speed: float = Field(description="City seconds per second; 1 but in a replay or simulation.")


class Cities(Model):
    """All cities."""

    cities: list[CityShown]


class CapRequest(Model):
    """A limit on a city's surge; 1.0 freezes it."""

    max_multiplier: Multiplier = Field(description="The multiplier shown is the highest level that is at most this.")
    until: Time = Field(description="Wall time, in the future, at most 30 days ahead.")
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class CapAnswer(Model):
    """The cap as it was recorded."""

    city: Id
    max_multiplier: Multiplier
    set_at: TimeOut
    until: TimeOut
    reason: str
    operator: str
