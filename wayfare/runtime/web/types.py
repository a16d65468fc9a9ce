"""The types that requests and answers of every service share (API.md "Conventions")."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from wayfare.domain.city import Place as DomainPlace
from wayfare.domain.errors import InvalidInput
from wayfare.domain.ids import ID_PATTERN
from wayfare.domain.times import format_rfc3339, parse_rfc3339

EARLIEST_MS = 0
LATEST_MS = parse_rfc3339("2200-01-01T00:00:00Z")


class Model(BaseModel):
    """Base of everything in a body: no coercion, no unknown field, finite numbers, immutable."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


def _time(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is not str:
        raise ValueError("must be text in RFC 3339 ending in Z, like 2026-11-21T08:30:00Z")
    try:
        moment = parse_rfc3339(value)
    except InvalidInput as error:
        raise ValueError(str(error)) from error
    if not EARLIEST_MS <= moment < LATEST_MS:
        raise ValueError(f"must be in the years 1970 to 2199, got {value!r}")
    return moment


def _time_of_request(value: Any) -> int:
    if type(value) is int:
        raise ValueError("must be text in RFC 3339 ending in Z, like 2026-11-21T08:30:00Z")
    return _time(value)


_TIME_SCHEMA = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$",
    "examples": ["2026-11-21T08:30:00Z"],
}

Time = Annotated[
    int,
    PlainValidator(_time_of_request, json_schema_input_type=str),
    PlainSerializer(format_rfc3339, return_type=str),
    WithJsonSchema(_TIME_SCHEMA),
]
"""RFC 3339 ending in Z on the wire, milliseconds since the epoch inside. In requests."""

TimeOut = Annotated[
    int,
    PlainValidator(_time, json_schema_input_type=str),
    PlainSerializer(format_rfc3339, return_type=str),
    WithJsonSchema(_TIME_SCHEMA),
]
"""The same in answers: built from milliseconds."""

Id = Annotated[str, Field(pattern=ID_PATTERN, examples=["r-1"])]
Latitude = Annotated[float, Field(ge=-90, le=90, examples=[37.7749])]
Longitude = Annotated[float, Field(ge=-180, le=180, examples=[-122.4194])]
Metres = Annotated[int, Field(ge=0, le=40_100_000)]
Seconds = Annotated[int, Field(ge=0, le=31_536_000)]


class Place(Model):
    """A point in WGS 84 degrees."""

    lat: Latitude
    lon: Longitude

    def domain(self) -> DomainPlace:
        """The same as the domain writes it."""
        return DomainPlace(self.lat, self.lon)


class Money(Model):
    """An amount in minor units (cents) of an ISO 4217 currency."""

    amount_minor: int = Field(ge=0, le=10**12, examples=[1480])
    currency: str = Field(pattern="^[A-Z]{3}$", examples=["USD"])
