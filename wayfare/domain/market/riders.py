"""Riders and their requests: who they are, where they live and work, when and why they ask for a cab.

All of it is exogenous: `requests` is a pure function of the seed and the slots asked for. What each person would do
is drawn with the request (how long they look at the price, how dear they find it, how long they wait, whether they
change their mind) and is read by the market when the time comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wayfare.domain.market import rhythm, roads
from wayfare.domain.market.draws import Float, Int, exponential, key_of, normal, pick, poisson, uniform
from wayfare.domain.market.places import Places
from wayfare.domain.market.weather import weather_hours, wetness
from wayfare.domain.times import HOUR_MS

RIDERS = 8_000
_GUEST_KINDS = ("hotel",)
_BUSIEST = 8.0
"""Requests of the busiest rider per request of the median one: two or three a day."""


@dataclass(frozen=True)
class Population:
    """The riders as columns. `share` rises to 1: the cumulative share of all requests, so that some ride often and most seldom (log-normal rates)."""

    share: Float
    own_place: dict[str, Int]
    own_lat: dict[str, Float]
    own_lon: dict[str, Float]
    keenness: Float
    """Utility of riding at the plain price, before the noise of the day."""
    price_sensitivity: Float
    """Loss of utility per unit of ln(multiplier)."""


def population(seed: int, places: Places) -> Population:
    """The same people for the same seed: home by the weight of quarters, work and favourite bar by gravity from home."""
    people = np.arange(RIDERS)
    key = key_of(seed, "riders")
    rate = np.minimum(np.exp(normal(key_of(seed, "riders:rate"), people, 0)), _BUSIEST)
    homes = places.of_kind("home")
    shares = np.cumsum(places.weight[homes]) / places.weight[homes].sum()
    home = homes[np.minimum(np.searchsorted(shares, uniform(key, people, 0)), len(homes) - 1)]
    work = pick(places.gravity("office", "hospital", "school")[home], uniform(key, people, 1))
    pub = pick(places.gravity("pub")[home], uniform(key, people, 2))
    own_place = {"@home": home, "@work": work, "@pub": pub}
    own_lat, own_lon = {}, {}
    for step, (name, place) in enumerate(own_place.items()):
        spot = key_of(seed, f"riders:{name}")
        own_lat[name], own_lon[name] = places.scatter(place, uniform(spot, people, 0), uniform(spot, people, step + 1))
    return Population(
        share=np.cumsum(rate) / rate.sum(),
        own_place=own_place,
        own_lat=own_lat,
        own_lon=own_lon,
        keenness=2.6 + 0.6 * normal(key_of(seed, "riders:keenness"), people, 0),
        price_sensitivity=2.4 * np.exp(0.4 * normal(key_of(seed, "riders:price"), people, 0)),
    )


@dataclass(slots=True)
class Request:
    """One wish to travel. Times in ms; places in degrees and in metres of the city's plane.

    look_s: how long the rider looks at the price. u_accept: the uniform draw that the logit is held against.
    patience_s: how long they wait for a match after booking. u_cancel, z_price, route: draws for a change of mind,
    for the noise of the historical price, and for how the trip's duration differs from its estimate (a factor).
    """

    id: str
    rider: int
    opened_ms: int
    pickup_place: int
    dropoff_place: int
    pickup_lat: float
    pickup_lon: float
    dropoff_lat: float
    dropoff_lon: float
    x: float
    y: float
    drop_x: float
    drop_y: float
    road_m: float
    estimate_s: float
    keenness: float
    price_sensitivity: float
    look_s: float
    u_accept: float
    patience_s: float
    u_cancel: float
    z_price: float
    route: float


class Riders:
    """The demand of one city under one seed."""

    def __init__(self, seed: int, places: Places, requests_per_day: float) -> None:
        self._seed = seed
        self._places = places
        self._per_day = requests_per_day
        self.people = population(seed, places)
        self._gravity = {
            kinds: places.gravity(*kinds)
            for purpose in rhythm.PURPOSES
            for kinds in (purpose.origin, purpose.dropoff)
            if isinstance(kinds, tuple)
        }
        hotels = places.of_kind(*_GUEST_KINDS)
        self._hotels = hotels, np.cumsum(places.weight[hotels]) / places.weight[hotels].sum()

    def means(self, first_slot: int, slots: int) -> tuple[rhythm.SlotTimes, Float, Float]:
        """Local times of the slots, their wetness, and the mean requests per slot and purpose [slots, purposes]."""
        times = rhythm.slot_times(self._places.city, first_slot, slots)
        first_hour = first_slot * rhythm.SLOT_MS // HOUR_MS
        last_hour = (first_slot + slots) * rhythm.SLOT_MS // HOUR_MS
        weather = weather_hours(self._seed, self._places.city.center.lon, first_hour, last_hour - first_hour + 1)
        hour_of = np.arange(first_slot, first_slot + slots) * rhythm.SLOT_MS // HOUR_MS - first_hour
        wet = wetness(weather.rain_mm[hour_of])
        mean = rhythm.intensity(times, wet) * self._per_day
        crowd = rhythm.events(self._seed, self._places, times)
        scale = self._per_day / 4_200.0
        mean[:, -2] = crowd.there.sum(axis=1) * scale
        mean[:, -1] = crowd.back.sum(axis=1) * scale
        return times, wet, mean

    def requests(self, first_slot: int, slots: int) -> list[Request]:
        """All requests of `slots` slots from `first_slot`, in order of time; the same however the slots are cut up."""
        times, _wet, mean = self.means(first_slot, slots)
        total = mean.sum(axis=1)
        slot_numbers = np.arange(first_slot, first_slot + slots)
        counts = poisson(total, uniform(key_of(self._seed, "arrivals"), slot_numbers, 0))
        row = np.repeat(np.arange(slots), counts)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        entity = slot_numbers[row] * 4096 + nth
        key = key_of(self._seed, "request")
        u = [uniform(key, entity, counter) for counter in range(9)]
        purpose = pick(np.cumsum(mean, axis=1)[row] / total[row][:, None], u[0])
        people = self.people
        rider = np.minimum(np.searchsorted(people.share, u[1]), RIDERS - 1)
        origin, lat, lon, drop, drop_lat, drop_lon = self._ends(entity, purpose, rider, u[2], u[3])
        x, y = self._places.to_plane(lat, lon)
        drop_x, drop_y = self._places.to_plane(drop_lat, drop_lon)
        road = roads.road_m(np.hypot(drop_x - x, drop_y - y))
        street = roads.speed_ms(times.hour, times.weekday)[row]
        rest = np.maximum(0.0, road - 5_000.0)
        estimate = (road - rest) / street + rest / np.maximum(street, roads.HIGHWAY_KMH / 3.6)
        opened = slot_numbers[row] * rhythm.SLOT_MS + (u[4] * rhythm.SLOT_MS).astype(np.int64)
        look = 12.0 + 28.0 * exponential(key, entity, 20)
        patience = 60.0 + 300.0 * exponential(key, entity, 21)
        route = np.exp(0.13 * normal(key, entity, 15))
        noise = normal(key, entity, 16)
        ids = [
            f"{self._places.city.id}-{slot}-{n}"
            for slot, n in zip(slot_numbers[row].tolist(), nth.tolist(), strict=True)
        ]
        columns = (
            rider, opened, origin, drop, lat, lon, drop_lat, drop_lon, x, y, drop_x, drop_y, road, estimate,
            people.keenness[rider], people.price_sensitivity[rider], look, u[5], patience, u[6], noise, route,
        )  # fmt: skip
        listed = [column.tolist() for column in columns]
        order = np.lexsort((nth, opened)).tolist()
        rows = list(zip(ids, *listed, strict=True))
        return [Request(*rows[i]) for i in order]

    def _ends(
        self, entity: Int, purpose: Int, rider: Int, u_partner: Float, u_hotel: Float
    ) -> tuple[Int, Float, Float, Int, Float, Float]:
        """Place, latitude and longitude of pickup and of drop-off for each request."""
        places, people = self._places, self.people
        n = len(entity)
        ends = [np.zeros(n, np.int64), np.zeros(n, np.int64)]
        for number, kind in enumerate(rhythm.PURPOSES):
            at = np.flatnonzero(purpose == number)
            own = [side for side in (kind.origin, kind.dropoff) if isinstance(side, str)]
            if own:
                anchor = people.own_place[own[0]][rider[at]]
            else:
                hotels, share = self._hotels
                anchor = hotels[np.minimum(np.searchsorted(share, u_hotel[at]), len(hotels) - 1)]
            for side, end in ((kind.origin, ends[0]), (kind.dropoff, ends[1])):
                if isinstance(side, str):
                    end[at] = people.own_place[side][rider[at]]
                elif side == _GUEST_KINDS and not own:
                    end[at] = anchor
                else:
                    end[at] = pick(self._gravity[side][anchor], u_partner[at])
        points = []
        for number, end in enumerate(ends):
            spot = key_of(self._seed, f"spot:{number}")
            points.append(places.scatter(end, uniform(spot, entity, 0), uniform(spot, entity, 1)))
        for kind_number, kind in enumerate(rhythm.PURPOSES):
            at = np.flatnonzero(purpose == kind_number)
            for number, side in enumerate((kind.origin, kind.dropoff)):
                if isinstance(side, str) and side != "@pub":
                    points[number][0][at] = people.own_lat[side][rider[at]]
                    points[number][1][at] = people.own_lon[side][rider[at]]
        return ends[0], points[0][0], points[0][1], ends[1], points[1][0], points[1][1]
