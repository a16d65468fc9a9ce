"""From what the domain says to the JSON that API.md promises. Plain mappings: a model per answer would cost a tenth of
a quote's time; tests hold every answer against its model in `bodies.py`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from wayfare.domain.city import City
from wayfare.domain.geo.cells import quadkey
from wayfare.domain.pricing.caps import SurgeCap
from wayfare.domain.pricing.ladder import Surge, shown
from wayfare.domain.pricing.live import LoadedModel
from wayfare.domain.pricing.pricer import Pricing
from wayfare.domain.pricing.quoting import Quote
from wayfare.domain.times import format_rfc3339


def quote_answer(quote: Quote) -> dict[str, Any]:
    """201 of POST /v1/quotes."""
    locked, pricing = quote.locked, quote.pricing
    return {
        "quote_id": locked.quote_id,
        "city": locked.city,
        "ride_type": locked.ride_type,
        "pickup_cell": quadkey(quote.pickup_cell),
        "dropoff_cell": quadkey(quote.dropoff_cell),
        "distance_m": quote.distance_m,
        "duration_s": quote.duration_s,
        "wait_s": quote.wait_s,
        "base_fare": {"amount_minor": quote.base_fare_minor, "currency": locked.currency},
        "surge": surge_shown(pricing.surge),
        "price": {"amount_minor": locked.price_minor, "currency": locked.currency},
        "expires_at": format_rfc3339(locked.expires_at_ms),
        "quote_token": quote.token,
        "lineage": lineage(quote.model, pricing, quote.window_until_ms, quote.window_age_s),
        "degraded": quote.degraded,
    }


def surge_shown(surge: Surge) -> dict[str, Any]:
    """The part `surge` of an answer."""
    return {"multiplier": surge.multiplier, "at_least": shown(surge.at_least)}


def lineage(
    model: LoadedModel, pricing: Pricing, window_until_ms: int | None, window_age_s: float | None
) -> dict[str, Any]:
    """The part `lineage` of an answer."""
    surge = pricing.surge
    found: dict[str, Any] = {
        "model": model.name,
        "version": model.version,
        "arm": model.label,
        "price_source": surge.price_source,
        "base_fare_source": "tariff",
        "tree": model.bundle.tree_version,
        "window_age_s": None if window_age_s is None else round(window_age_s, 3),
        "window_until": None if window_until_ms is None else format_rfc3339(window_until_ms),
        "features_hash": model.bundle.features_hash,
        "defaults": pricing.defaults,
    }
    if surge.multiplier < surge.uncapped:
        found["cap"] = {
            "max_multiplier": pricing.limit,
            "uncapped_multiplier": surge.uncapped,
            "by": "operator" if pricing.cap is not None and pricing.cap.max_multiplier == pricing.limit else "city",
        }
    return found


def surge_here(
    city: City, model: LoadedModel, pricing: Pricing, until_ms: int | None, age_s: float | None
) -> dict[str, Any]:
    """200 of GET /v1/surge."""
    inputs = dict(zip(model.feature_names, pricing.features, strict=False))
    return {
        "city": city.id,
        "cell": quadkey(pricing.cell),
        "surge": surge_shown(pricing.surge),
        "inputs": {name: None if math.isnan(value) else value for name, value in inputs.items()},
        "age_s": None if age_s is None else round(age_s, 3),
        "lineage": lineage(model, pricing, until_ms, age_s),
        "degraded": [*pricing.surge.degraded, *pricing.degraded],
    }


def cities(registry: Iterable[City], limits: Mapping[str, float], wall_ms: int) -> dict[str, Any]:
    """200 of GET /v1/cities. limits: the highest multiplier now, by city."""
    return {
        "cities": [
            {
                "id": city.id,
                "name": city.name,
                "boundary": _polygon(city),
                "center": city.center._asdict(),
                "time_zone": city.time_zone,
                "currency": city.currency,
                "country": city.country,
                "tariff": {
                    "flag_minor": city.tariff.flag_minor,
                    "per_km_minor": city.tariff.per_km_minor,
                    "per_minute_minor": city.tariff.per_minute_minor,
                    "minimum_minor": city.tariff.minimum_minor,
                },
                "ride_types": list(city.ride_types),
                "surge_cap": limits[city.id],
                "now": format_rfc3339(city.clock.at(wall_ms)),
                "speed": city.clock.speed,
            }
            for city in registry
        ]
    }


def _polygon(city: City) -> dict[str, Any]:
    """The boundary as RFC 7946 wants it: closed, the outer ring counter-clockwise."""
    ring = [[corner.lon, corner.lat] for corner in city.boundary]
    twice_area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))
    if twice_area < 0:
        ring.reverse()
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def cap_answer(cap: SurgeCap) -> dict[str, Any]:
    """200 of PUT /v1/cities/{id}/surge-cap."""
    return {
        "city": cap.city,
        "max_multiplier": cap.max_multiplier,
        "set_at": format_rfc3339(cap.set_at_ms),
        "until": format_rfc3339(cap.until_ms),
        "reason": cap.reason,
        "operator": cap.operator,
    }
