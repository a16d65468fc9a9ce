"""The tables of the lake: Parquet folders that Hive reads, `<lake>/<table>/city=<id>/day=<YYYY-MM-DD>/*.parquet`.

`day` is the city's local date: of `started_at_ms` for trips, of the pane's start for panes, of `t_ms` otherwise. Files are
immutable; landed files carry their topic, partition, first and last offset in their names.
"""

from __future__ import annotations

import pyarrow as pa

TRIPS = pa.schema(
    [
        ("trip_id", pa.string()),
        ("pickup_lat", pa.float64()),
        ("pickup_lon", pa.float64()),
        ("dropoff_lat", pa.float64()),
        ("dropoff_lon", pa.float64()),
        ("started_at_ms", pa.int64()),
        ("ended_at_ms", pa.int64()),
        ("rider_id", pa.string()),
        ("driver_id", pa.string()),
        ("quote_id", pa.string()),
        ("booking_id", pa.string()),
        ("booked_at_ms", pa.int64()),
        ("requested_at_ms", pa.int64()),
        ("distance_m", pa.int64()),
        ("wait_s", pa.int64()),
        ("ride_type", pa.string()),
        ("surge_multiplier", pa.float64()),
        ("base_fare_minor", pa.int64()),
        ("total_fare_minor", pa.int64()),
        ("currency", pa.string()),
        ("price_source", pa.string()),
    ]
)

PANES = pa.schema(
    [
        ("gauge", pa.string()),
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("pane", pa.int64()),
        ("covers_offset", pa.int64()),
        ("log_time_ms", pa.int64()),
        ("total", pa.int64()),
        ("cells", pa.list_(pa.int64())),
        ("counts", pa.list_(pa.int32())),
    ]
)

WEATHER = pa.schema(
    [
        ("t_ms", pa.int64()),
        ("lat", pa.float64()),
        ("lon", pa.float64()),
        ("temperature_c", pa.float64()),
        ("rain_mm", pa.float64()),
        ("humidity", pa.float64()),
        ("wind_ms", pa.float64()),
    ]
)

PREDICTIONS = pa.schema(
    [
        ("quote_id", pa.string()),
        ("rider", pa.string()),
        ("model", pa.string()),
        ("version", pa.int64()),
        ("arm", pa.string()),
        ("price_source", pa.string()),
        ("multiplier", pa.float64()),
        ("propensity", pa.float64()),
        ("at_least", pa.list_(pa.float64())),
        ("feature_names", pa.list_(pa.string())),
        ("features", pa.list_(pa.float64())),
        ("degraded", pa.list_(pa.string())),
        ("t_ms", pa.int64()),
    ]
)

BOOKINGS = pa.schema(
    [
        ("quote_id", pa.string()),
        ("booking_id", pa.string()),
        ("rider", pa.string()),
        ("price_minor", pa.int64()),
        ("currency", pa.string()),
        ("outcome", pa.string()),
        ("t_ms", pa.int64()),
    ]
)

TABLES = {"trips": TRIPS, "panes": PANES, "weather": WEATHER, "predictions": PREDICTIONS, "bookings": BOOKINGS}
