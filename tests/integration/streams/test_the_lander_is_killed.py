"""The lander killed in mid-stream: every record is in the lake once."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pyarrow.parquet as pq
import pytest

from bench.soak.processes import running, until
from tests.integration.streams.drawn import T0
from wayfare.adapters.file_registry import write_cities
from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.adapters.kafka_events import KafkaEventLog
from wayfare.adapters.kafka_records import KafkaRecordLog
from wayfare.domain.city import City, Place, Tariff
from wayfare.domain.streams.events import Trip
from wayfare.domain.times import format_rfc3339


@pytest.fixture
def city() -> str:
    return f"c{uuid.uuid4().hex[:8]}"


def test_the_lander_killed_again_and_again_lands_every_record_once(servers, city, tmp_path):
    options = {"bootstrap_servers": [servers.kafka_bootstrap]}
    corners = (Place(37.7, -122.52), Place(37.7, -122.35), Place(37.83, -122.35), Place(37.83, -122.52))
    tariff = Tariff(1, 1, 1, 1)
    here = City(city, "Here", corners, Place(37.77, -122.42), "America/Los_Angeles", "USD", "US", tariff)
    write_cities(tmp_path / "cities.json", [here])
    variables = {
        "WAYFARE_STATE": str(tmp_path),
        "WAYFARE_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        "WAYFARE_CITIES_FILE": str(tmp_path / "cities.json"),
        "WAYFARE_LAKE": str(tmp_path / "lake"),
        "WAYFARE_GROUP": f"lander-{city}",
        "WAYFARE_LAND_SECONDS": "0.2",
    }
    events, records = KafkaEventLog(options), KafkaRecordLog(options)
    trips, quotes = [], []
    with running("services.lander.main", variables, tmp_path / "lander.log") as lander:
        for turn in range(60):
            batch = [
                Trip(
                    f"{city}-{turn}-{i}",
                    Place(37.76, -122.4),
                    Place(37.78, -122.4),
                    T0 + i * 3_600_000,
                    T0 + i * 3_600_000 + 1,
                )
                for i in range(0, 40, 3)
            ]
            events.append("trips", city, batch, T0)
            trips += [trip.trip_id for trip in batch]
            quote = f"q-{city}-{turn}"
            booking = {"quote_id": quote, "city": city, "outcome": "booked", "t": format_rfc3339(T0), "rider": None,
                       "booking_id": None, "price": {"amount_minor": 5, "currency": "USD"}}  # fmt: skip
            records.append("bookings", quote, booking)
            quotes.append(quote)
            if turn in (15, 30, 45):
                lander.kill()
                lander.start()
            time.sleep(0.05)
        records.append("bookings", f"bad-{city}", {"city": city, "t": "yesterday"})

        def landed(table: str, column: str) -> list[str]:
            files = (tmp_path / "lake" / table / f"city={city}").glob("day=*/*.parquet")
            return sorted(value for file in files for value in pq.ParquetFile(file).read().column(column).to_pylist())

        until(lambda: len(landed("trips", "trip_id")) >= len(trips), "all trips landed")
        until(lambda: len(landed("bookings", "quote_id")) >= len(quotes), "all bookings landed")
        assert landed("trips", "trip_id") == sorted(trips)
        assert landed("bookings", "quote_id") == sorted(quotes)
        assert len(list((tmp_path / "lake" / "trips" / f"city={city}").glob("day=*"))) >= 2

        def dead() -> list[Any]:
            found = read_partitions(options, "bookings.dead-letter")
            return [r for r in found if r.key == f"bad-{city}".encode()]

        until(lambda: bool(dead()), "the broken booking is a dead letter")
        headers = dict(dead()[0].headers)
        assert json.loads(headers["wayfare-error"]).endswith("got 'yesterday'")
        assert headers["wayfare-reason"] == b"unreadable"
    events.close()
    records.close()
