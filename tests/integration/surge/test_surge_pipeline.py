"""The surge pipeline on a small simulated history: real Spark, Hive, Cassandra, Redis and TensorFlow, once for all tests."""

import dataclasses
import datetime as dt
import json
import pathlib
import uuid
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.history import simulated
from pipelines.surge import feature_engineering, point_in_time, serving, steps, training_set
from pipelines.surge.point_in_time import Past
from pipelines.surge.settings import SurgeSettings
from wayfare.adapters.cassandra_features import CassandraFeatures
from wayfare.adapters.cassandra_session import connect
from wayfare.adapters.ed25519_signing import generate_key, trust, trusted_keys
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.adapters.parquet_partitions import local_days, write_partitions
from wayfare.adapters.parquet_tables import TABLES
from wayfare.adapters.redis_features import RedisFeatures
from wayfare.domain.city import City, city_from_json
from wayfare.domain.drift.columns import read_reference
from wayfare.domain.errors import ArtifactRefused, InvalidInput
from wayfare.domain.features.inputs import RiderHistory
from wayfare.domain.features.rider import pair_key
from wayfare.domain.models.surge_bundle import load_surge_bundle
from wayfare.domain.times import DAY_MS, parse_rfc3339

ROOT = pathlib.Path(__file__).parents[3]
END_MS = parse_rfc3339("2026-03-07T01:30:00Z")

ENDED = pa.table(
    {
        "quote_id": [f"q-ended-{n}" for n in range(400)],
        "multiplier": [(1.0, 1.25, 1.5, 2.0)[n % 4] for n in range(400)],
        "outcome": ["booked" if n % 5 < 4 - n % 4 else "not_booked" for n in range(400)],
        # The last fifty ended when the training set did not know of it.
        "t_ms": [END_MS - 2 * DAY_MS + n * 300_000 if n < 350 else END_MS + n for n in range(400)],
    }
)
"""Quotes of a model that was served before; the first forty outcomes are told twice."""

# pyspark and keras warn of their own use of pandas, sockets and NumPy.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]


@dataclasses.dataclass
class Ran:
    settings: SurgeSettings
    city: City
    prepared: steps.Prepared
    panes: pd.DataFrame
    weather: pd.DataFrame
    told: list[str]


@pytest.fixture(scope="module")
def ran(servers: object, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Everything that Spark does, on eight days of a small market."""
    state = tmp_path_factory.mktemp("surge")
    definition = json.loads((ROOT / "local" / "cities" / "sim.json").read_text())
    city = city_from_json(definition | {"id": f"c{uuid.uuid4().hex[:10]}"})
    signer = generate_key(state / "trainer-test.pem")
    trust(signer, state / "trusted")
    settings = SurgeSettings(
        state=state, lake=state / "lake", cities_file=state / "cities.json", training_rows=700, epochs=3,
        tree_split_above=200, tree_min_rows=20, point_in_time_rows=60, golden_rows=6,
        cassandra_hosts=servers.cassandra_hosts, redis_url=servers.redis_url,
        artifact_store=f"file://{state / 'store'}", trainer_key_file=state / "trainer-test.pem",
        trusted_keys_dir=state / "trusted", spark_driver_memory="700m",
    )  # fmt: skip
    simulated.load(settings.lake, city, 5, 8, 6_000, END_MS, END_MS)
    for table, rows in (("predictions", ENDED), ("bookings", pa.concat_tables([ENDED, ENDED.slice(0, 40)]))):
        told_of = pa.table({name: rows[name] if name in rows.column_names else pa.nulls(len(rows), kind)
                            for name, kind in zip(TABLES[table].names, TABLES[table].types, strict=True)})  # fmt: skip
        write_partitions(settings.lake, table, city.id, local_days(rows["t_ms"], city.time_zone), told_of, "quotes")
    kept: dict[str, pd.DataFrame] = {}
    panes_of, weather_of = steps._panes_of, steps._weather
    patch = pytest.MonkeyPatch()
    patch.setattr(steps, "_panes_of", lambda *given: kept.setdefault("panes", panes_of(*given)))
    patch.setattr(steps, "_weather", lambda *given: kept.setdefault("weather", weather_of(*given)))
    told: list[str] = []
    prepared = steps.prepare(settings, city, told.append)
    patch.undo()
    return Ran(settings, city, prepared, kept["panes"], kept["weather"], told)


def test_spark_computes_what_a_front_end_would_from_what_was_known_at_booking(ran: Ran) -> None:
    """Parity and point-in-time at once: the witnesses use the front ends' functions on a history cut at the booking."""
    values = training_set.read_features(ran.settings, ran.prepared.rows)
    assert len(steps.check_leaks(ran.prepared, values)) == 60
    known = {name: ~np.isnan(column) for name, column in zip(steps.NAMES, values.T, strict=True)}
    assert known["cabs_available_5km"].mean() > 0.99
    assert known["rider_bookings_30d"].all()
    assert known["rain_mm"].mean() > 0.99


def test_a_planted_look_ahead_is_caught_and_named(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    """The as-of join is made to see the minute after the booking, as a join on the nearest pane would."""
    monkeypatch.setattr(feature_engineering, "known_pane", lambda asked_ms: asked_ms // 60_000 + 1)
    context = ran.prepared.context
    archive = feature_engineering.PaneArchive(ran.panes)
    values = training_set.read_features(ran.settings, ran.prepared.rows)
    at = {trip: number for number, trip in enumerate(ran.prepared.rows["trip_id"])}
    column = steps.NAMES.index("cabs_available_5km")
    for row in ran.prepared.rows.itertuples(index=False):
        window = archive.window(feature_engineering.known_pane(row.asked_ms), ran.city)
        if window is not None:
            inputs = context.inputs(row, window, None)
            values[at[row.trip_id], column] = context.features[column].function(inputs)
    with pytest.raises(ArtifactRefused, match="cabs_available_5km"):
        steps.check_leaks(ran.prepared, values)


def test_a_witness_does_not_change_when_the_future_does(ran: Ran) -> None:
    """Everything after a booking is shuffled and multiplied: the row must come out the same."""
    row = next(ran.prepared.rows.tail(50).itertuples(index=False))
    now = int(row.asked_ms)
    trips, panes, weather = ran.prepared.trips.copy(), ran.panes.copy(), ran.weather.copy()
    later = trips["ended_at_ms"] >= now
    for name in ("surge_multiplier", "pickup_lat", "rider_id"):
        trips.loc[later, name] = trips.loc[later, name].sample(frac=1.0, random_state=1).to_numpy()
    future = (panes["pane"] + 1) * 60_000 > now
    panes.loc[future, "counts"] = panes.loc[future, "counts"].map(lambda counts: [9 * count for count in counts])
    weather.loc[weather["t_ms"] > now, "rain_mm"] = 99.0
    before = Past(ran.prepared.trips, ran.panes, ran.weather, ran.prepared.context).witness(row).features
    after = Past(trips, panes, weather, ran.prepared.context).witness(row).features
    np.testing.assert_array_equal(before, after)


def test_a_value_altered_in_cassandra_is_seen_in_the_training_set(ran: Ran) -> None:
    trip = ran.prepared.rows["trip_id"].iloc[3]
    column = steps.NAMES.index("humidity")
    before = training_set.read_features(ran.settings, ran.prepared.rows.iloc[:5])
    session = connect(ran.settings)
    try:
        query = "UPDATE features SET value = %s WHERE trip_id = %s AND feature_id = %s"
        session().execute(query, (0.123, trip, column))
        after = training_set.read_features(ran.settings, ran.prepared.rows.iloc[:5])
        session().execute(query, (float(before[3, column]), trip, column))
    finally:
        session.close()
    assert after[3, column] == 0.123
    after[3, column] = before[3, column]
    np.testing.assert_array_equal(before, after)


def test_the_three_aggregates_agree_with_a_brute_force_count(ran: Ran) -> None:
    trips, city, batch = ran.prepared.trips, ran.city, ran.prepared.batch
    today = city.local(int(trips["ended_at_ms"].max())).date()
    assert batch.as_of == today
    expected: dict[str, RiderHistory] = {}
    days = set()
    for trip in trips.itertuples(index=False):
        booked, ended = city.local(trip.asked_ms).date(), city.local(trip.ended_at_ms).date()
        if ended >= today or (today - booked).days > 30:
            continue
        days.add(ended)
        known = expected.get(trip.rider_id, RiderHistory(0, 0, {}, {}))
        pair = pair_key(trip.pickup_lat, trip.pickup_lon, trip.dropoff_lat, trip.dropoff_lon)
        level = trip.surge_multiplier
        expected[trip.rider_id] = RiderHistory(
            known.bookings + 1,
            0,
            {**known.by_multiplier, level: known.by_multiplier.get(level, 0) + 1},
            {**known.by_pair, pair: known.by_pair.get(pair, 0) + 1},
        )
    assert batch.days_seen == len(days)
    assert len(expected) > 100
    assert batch.riders == {
        rider: dataclasses.replace(history, days_seen=len(days)) for rider, history in expected.items()
    }


def test_serving_reads_from_both_stores_what_the_batch_computed(ran: Ran) -> None:
    import redis

    serving.store(ran.settings, ran.city, ran.prepared.batch)
    rider, history = max(ran.prepared.batch.riders.items(), key=lambda entry: entry[1].bookings)
    session, client = connect(ran.settings), redis.Redis.from_url(ran.settings.redis_url)
    try:
        for store in (CassandraFeatures(session), RedisFeatures(client)):
            assert store.read(ran.city.id, rider, 10.0) == history
            assert store.read(ran.city.id, "r-nobody", 10.0) == RiderHistory(0, ran.prepared.batch.days_seen)
            assert store.read_cells(ran.city.id) == dict(ran.prepared.batch.cells)
    finally:
        session.close()
        client.close()
    cell, known = max(ran.prepared.batch.cells.items(), key=lambda entry: entry[1].trips)
    here = point_in_time_cells(ran.prepared.trips)
    assert known.trips == int((here == cell).sum())
    assert known.median_dropoff is not None
    assert known.median_dropoff.lat == pytest.approx(ran.prepared.trips["dropoff_lat"][here == cell].median())


def point_in_time_cells(trips: pd.DataFrame) -> np.ndarray:
    from wayfare.domain.geo.cells import cells_of

    return np.asarray(cells_of(trips["pickup_lat"].to_numpy(float), trips["pickup_lon"].to_numpy(float)))


def test_the_split_is_by_time_and_nothing_after_it_was_learned_from(ran: Ran) -> None:
    rows, split = ran.prepared.rows, ran.prepared.split
    part = split.part(rows["asked_ms"].to_numpy(np.int64))
    assert (np.diff(part) >= 0).all()
    assert (part == 2).mean() == pytest.approx(0.2, abs=0.01)
    poisoned = ran.prepared.trips.copy()
    later = poisoned["ended_at_ms"] >= split.test_ms
    poisoned.loc[later, ["distance_m", "wait_s"]] = 1e6
    poisoned.loc[later, ["pickup_lat", "dropoff_lat"]] = 37.70
    poisoned_rows = rows.copy()
    poisoned_rows.loc[part == 2, "surge_multiplier"] = 2.5
    again = training_set.learn(poisoned, poisoned_rows, split, ran.settings)
    assert again.tree.version() == ran.prepared.learned.tree.version()
    assert (again.travel, again.priors) == (ran.prepared.learned.travel, ran.prepared.learned.priors)


def test_rows_priced_by_a_model_are_not_labels(ran: Ran) -> None:
    trips = ran.prepared.trips.copy()
    trips["price_source"] = "model:surge-sim:20260307001"
    trips["teaches"] = False
    with pytest.raises(InvalidInput, match="at least 200 trips"):
        training_set.choose(trips, ran.settings, ran.city)


def test_outcomes_of_quotes_are_read_once_each_with_their_multiplier_and_none_of_the_future(ran: Ran) -> None:
    outcomes = ran.prepared.outcomes
    assert outcomes is not None
    known = [row for row in ENDED.to_pylist() if row["t_ms"] <= ran.prepared.split.last_ms]
    assert 200 < len(known) <= 350
    assert len(outcomes.booked) == len(known)
    for multiplier in (1.0, 1.25, 1.5, 2.0):
        told = [row["outcome"] == "booked" for row in known if row["multiplier"] == multiplier]
        assert sum(told) == outcomes.booked[outcomes.multipliers == multiplier].sum()
    hours = {dt.datetime.fromtimestamp(row["t_ms"] / 1000, zoneinfo.ZoneInfo(ran.city.time_zone)) for row in known}
    assert set(zip(outcomes.weekdays, outcomes.hours, strict=True)) == {(at.weekday(), at.hour) for at in hours}
    assert set(outcomes.dates) == {at.toordinal() for at in hours}


def test_the_artifact_is_signed_complete_and_accepted_by_a_front_end(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "prepare", lambda *_: ran.prepared)
    done = steps.train(ran.settings, ran.city, END_MS, ran.told.append)
    store = ArtifactStore(ran.settings.artifact_store)
    opened = store.open(done["model"], done["version"], trusted_keys(ran.settings.trusted_keys_dir))
    assert {"features.json", "tree.npz", "travel.npz", "priors.json", "drift_reference.json", "report.html",
            "report.json", "golden.json", "saved_model/saved_model.pb"} <= set(opened.names())  # fmt: skip
    bundle = load_surge_bundle(opened.read)
    assert bundle.city == ran.city.id
    assert len(json.loads(opened.read("golden.json"))) == 6
    report = json.loads(opened.read("report.json"))
    assert set(report["models"]) == {"network", "most_frequent", "boosted_trees"}
    assert report["leaks"]["point_in_time_rows"] == 60
    assert "30-day aggregates have seen" in " ".join(report["notices"])
    calibration = read_reference(opened.read("drift_reference.json")).outcomes
    assert [bool(column.entry["mean"]) for column in calibration.columns] == [
        True,
        True,
        True,
        True,
        False,
        True,
        False,
        False,
    ]
    assert steps.newest_usable(ran.settings, ran.city) == done["version"]


def test_the_sample_of_the_check_is_free_of_rows_with_logged_features(ran: Ran) -> None:
    rows = ran.prepared.rows.copy()
    rows.loc[:9, "quote_id"] = "q-1"
    assert point_in_time.sample(rows, 10_000, 1)["quote_id"].isna().all()
