"""What events_api takes and answers, as API.md "Events in" promises."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from wayfare.domain.geo.cells import distance_m_point
from wayfare.domain.streams.events import DriverPing, RideRequest, Trip, WeatherObservation
from wayfare.domain.trip_rules import LEAST_OF_STRAIGHT
from wayfare.runtime.web.types import Id, Latitude, Longitude, Metres, Model, Money, Place, Seconds, Time, TimeOut

LONGEST_TRIP_MS = 24 * 3_600_000
MOST = 1000


class Accepted(Model):
    """The log has acknowledged all events."""

    accepted: int = Field(ge=1, description="How many events were recorded.")
    received_at: TimeOut = Field(description="When, on the clock of the (first) event's city.")


class Ping(Model):
    """Where a cab is and what it does; `(driver_id, t)` makes it unique."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"dropoff": {"type": "object"}}, "required": ["dropoff"]},
            "then": {"properties": {"status": {"const": "on_trip"}}},
        }
    )

    driver_id: Id
    t: Time
    lat: Latitude
    lon: Longitude
    status: Literal["available", "en_route", "on_trip", "offline"]
    dropoff: Place | None = Field(None, description="Where the trip ends; only with `on_trip`.")

    @field_validator("dropoff")
    @classmethod
    def _only_on_a_trip(cls, dropoff: Place | None, info: ValidationInfo) -> Place | None:
        status = info.data.get("status")
        if dropoff is not None and status is not None and status != "on_trip":
            raise ValueError(f"may stand only with the status on_trip, got it with {status}")
        return dropoff

    def event(self) -> DriverPing:
        """The same as the domain writes it."""
        dropoff = self.dropoff.domain() if self.dropoff else None
        return DriverPing(self.driver_id, self.t, self.lat, self.lon, self.status, dropoff)


class Pings(Model):
    """1 to 1,000 pings; a driver sends only their own."""

    pings: Annotated[list[Ping], Field(min_length=1, max_length=MOST)]


class RideRequestStep(Model):
    """One step in the life of a request; `(request_id, status)` makes it unique."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"status": {"const": "opened"}}},
            "then": {
                "required": ["pickup", "dropoff"],
                "properties": {"pickup": {"type": "object"}, "dropoff": {"type": "object"}},
            },
            "else": {"properties": {"pickup": {"type": "null"}, "dropoff": {"type": "null"}}},
        }
    )

    request_id: Id
    rider_id: Id
    t: Time
    status: Literal["opened", "matched", "cancelled", "expired"]
    pickup: Place | None = Field(None, validate_default=True, description="Required when opened, refused otherwise.")
    dropoff: Place | None = Field(None, validate_default=True, description="Required when opened, refused otherwise.")
    quote_id: Id | None = None
    booking_id: Id | None = None

    @field_validator("pickup", "dropoff")
    @classmethod
    def _exactly_when_opened(cls, place: Place | None, info: ValidationInfo) -> Place | None:
        status = info.data.get("status")
        if status == "opened" and place is None:
            raise ValueError("is required when the status is opened, got nothing")
        if status not in (None, "opened") and place is not None:
            raise ValueError(f"may stand only with the status opened, got it with {status}")
        return place

    def event(self) -> RideRequest:
        """The same as the domain writes it."""
        return RideRequest(
            self.request_id,
            self.rider_id,
            self.t,
            self.status,
            self.pickup.domain() if self.pickup else None,
            self.dropoff.domain() if self.dropoff else None,
            self.quote_id,
            self.booking_id,
        )


class FinishedTrip(Model):
    """A finished trip; `trip_id` makes it unique."""

    trip_id: Id
    pickup: Place
    dropoff: Place
    started_at: Time
    ended_at: Time
    rider_id: Id | None = None
    driver_id: Id | None = None
    quote_id: Id | None = None
    booking_id: Id | None = None
    booked_at: Time | None = None
    requested_at: Time | None = None
    distance_m: Metres | None = None
    wait_s: Seconds | None = None
    ride_type: Id | None = None
    surge_multiplier: float | None = Field(None, ge=1, le=10)
    base_fare: Money | None = None
    total_fare: Money | None = None
    price_source: str | None = Field(
        None, pattern=r"^[A-Za-z0-9._:-]{1,128}$", description="Who set the price.", examples=["rule"]
    )

    @field_validator("ended_at")
    @classmethod
    def _after_the_start(cls, ended_at: int, info: ValidationInfo) -> int:
        started_at = info.data.get("started_at")
        if started_at is not None and not 0 <= ended_at - started_at <= LONGEST_TRIP_MS:
            raise ValueError(
                f"must be 0 to 24 hours after started_at, got {(ended_at - started_at) / 1000:.0f} s after"
            )
        return ended_at

    @field_validator("distance_m")
    @classmethod
    def _not_shorter_than_can_be(cls, distance_m: int | None, info: ValidationInfo) -> int | None:
        ends = info.data.get("pickup"), info.data.get("dropoff")
        if distance_m and all(ends):
            straight = distance_m_point(*ends[0].domain(), *ends[1].domain())
            if distance_m < straight * LEAST_OF_STRAIGHT:
                raise ValueError(
                    f"must be metres along the road, at least half the {straight:.0f} m of the straight line from pickup "
                    f"to dropoff, got {distance_m}"
                )
        return distance_m

    @field_validator("total_fare")
    @classmethod
    def _in_one_currency(cls, total: Money | None, info: ValidationInfo) -> Money | None:
        base = info.data.get("base_fare")
        if base and total and base.currency != total.currency:
            raise ValueError(f"must be in the currency of base_fare, {base.currency}, got {total.currency}")
        return total

    def event(self) -> Trip:
        """The same as the domain writes it."""
        fare = self.base_fare or self.total_fare
        return Trip(
            trip_id=self.trip_id,
            pickup=self.pickup.domain(),
            dropoff=self.dropoff.domain(),
            started_at_ms=self.started_at,
            ended_at_ms=self.ended_at,
            rider_id=self.rider_id,
            driver_id=self.driver_id,
            quote_id=self.quote_id,
            booking_id=self.booking_id,
            booked_at_ms=self.booked_at,
            requested_at_ms=self.requested_at,
            distance_m=self.distance_m,
            wait_s=self.wait_s,
            ride_type=self.ride_type,
            surge_multiplier=self.surge_multiplier,
            base_fare_minor=self.base_fare.amount_minor if self.base_fare else None,
            total_fare_minor=self.total_fare.amount_minor if self.total_fare else None,
            currency=fare.currency if fare else None,
            price_source=self.price_source,
        )


class Trips(Model):
    """1 to 1,000 finished trips."""

    trips: Annotated[list[FinishedTrip], Field(min_length=1, max_length=MOST)]


class Observation(Model):
    """The weather at a place; the cell of the place and `t` make it unique."""

    t: Time
    lat: Latitude
    lon: Longitude
    temperature_c: float = Field(ge=-90, le=60, description="Degrees Celsius.")
    rain_mm: float = Field(ge=0, le=500, description="Millimetres in the hour.")
    humidity: float = Field(ge=0, le=1, description="Relative, 0 to 1.")
    wind_ms: float = Field(ge=0, le=120, description="Metres per second.")

    def event(self) -> WeatherObservation:
        """The same as the domain writes it."""
        return WeatherObservation(
            self.t, self.lat, self.lon, self.temperature_c, self.rain_mm, self.humidity, self.wind_ms
        )


class Weather(Model):
    """1 to 1,000 observations."""

    observations: Annotated[list[Observation], Field(min_length=1, max_length=MOST)]
