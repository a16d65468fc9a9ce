"""What console answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from wayfare.domain.callers import Role
from wayfare.runtime.web.types import Id, Model, TimeOut

State = Literal["known", "stale", "unknown"]


class CityAsked(Model):
    """Which city to look at."""

    city: Id


class SessionShown(Model):
    """Who is signed in."""

    subject: Id
    role: Role
    city: Id | None = Field(description="The only city that the token is good in.")
    ends_at: TimeOut
    csrf: str = Field(description="To be repeated in X-CSRF-Token by requests that change something.")


class FigureShown(Model):
    """One figure. `value` is null when it is unknown."""

    name: str
    title: str
    meaning: str
    unit: Literal["count", "per_second", "ratio", "seconds"]
    value: float | None
    state: State
    age_s: float | None = Field(description="Since its source was last scraped.")
    why: str = Field(description="What is behind a state that is not `known`.")


class AlertShown(Model):
    """An alert that fires."""

    name: str
    severity: str
    summary: str
    runbook: str = Field(description="An address, or a path of this product's sources.")
    labels: dict[str, str]
    since: TimeOut


class AlertsShown(Model):
    """Every alert that fires; `unknown` when nobody can tell."""

    state: State
    firing: list[AlertShown]
    why: str


class CityNowShown(Model):
    """Figures of a city and what fires, at `read_at` (wall time)."""

    city: Id
    read_at: TimeOut
    figures: list[FigureShown]
    alerts: AlertsShown


class MapShown(Model):
    """The surge map of a city as pricing_api tells it; null when it cannot be had."""

    city: Id
    read_at: TimeOut
    state: State
    age_s: float | None = Field(description="Since it was computed.")
    why: str
    map: dict[str, Any] | None = Field(description="The GeoJSON of GET /v1/surge/map.")


class CityShown(Model):
    """A city that can be looked at."""

    id: Id
    name: str
    boundary: dict[str, Any] = Field(description="A GeoJSON Polygon.")
    time_zone: str
    now: TimeOut = Field(description="The city's clock.")


class CitiesShown(Model):
    """All of them."""

    cities: list[CityShown]
