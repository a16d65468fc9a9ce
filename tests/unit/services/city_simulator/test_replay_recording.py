"""A recording is read whole, in order of time, with its rides; and played as its cabs' apps would."""

from __future__ import annotations

import json
import pathlib
from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.city_simulator.recording import Recording, read
from services.city_simulator.replay import Replay
from services.city_simulator.statistics import Statistics
from services.events_api.bodies import FinishedTrip, Ping, RideRequestStep
from wayfare.domain.city import City
from wayfare.domain.errors import InvalidInput
from wayfare.domain.times import format_rfc3339, parse_rfc3339

T0 = 1_211_266_800
HERE = (3_777_000, -12_241_000)

Row = tuple[str, int, int, int, bool]


def save(folder: pathlib.Path, rows: list[Row]) -> pathlib.Path:
    names = ("cab", "t", "lat_e5", "lon_e5", "occ")
    types = (pa.large_string(), pa.int32(), pa.int32(), pa.int32(), pa.bool_())
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 5
    table = pa.table(
        {name: pa.array(list(column), kind) for name, column, kind in zip(names, columns, types, strict=True)}
    )
    file = folder / "fixes.parquet"
    pq.write_table(table, file)
    return file


def cab(name: str, occupied: str, every: int = 60, start: int = T0) -> list[Row]:
    """One cab's fixes: `1` with a passenger, `0` without, moving a little north each time."""
    return [(name, start + i * every, HERE[0] + i * 10, HERE[1], mark == "1") for i, mark in enumerate(occupied)]


class Sent:
    def __init__(self) -> None:
        self.by_topic: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def __call__(self, topic: str, events: list[dict[str, Any]]) -> None:
        self.by_topic[topic].extend(events)


def play(city: City, recording: Recording, start_ms: int, step_ms: int = 90_000) -> tuple[Replay, Sent, Statistics]:
    sent, statistics = Sent(), Statistics()
    replay = Replay(city, recording, sent, statistics, start_ms)
    now = start_ms
    while not replay.finished():
        replay.move_to(now)
        now += step_ms
    return replay, sent, statistics


def test_fixes_come_in_order_of_time_with_every_ride(tmp_path: pathlib.Path, sf: City) -> None:
    recording = read(save(tmp_path, cab("a", "00110") + cab("b", "1001", start=T0 + 7)))
    assert (np.diff(recording.t_ms) >= 0).all()
    assert recording.begins.sum() == 2
    assert recording.ends.sum() == 2
    replay, sent, statistics = play(sf, recording, T0 * 1000)
    assert len(sent.by_topic["driver-pings"]) == 9
    requests = sent.by_topic["ride-requests"]
    assert [(step["request_id"], step["status"]) for step in requests] == [
        (f"sf-a-{T0 + 120}", "opened"),
        (f"sf-a-{T0 + 120}", "matched"),
    ]
    (trip,) = sent.by_topic["trips"]
    assert trip["trip_id"] == f"t-sf-a-{T0 + 120}"
    assert trip["ended_at"] == format_rfc3339((T0 + 240) * 1000)
    assert requests[0]["dropoff"] == trip["dropoff"]
    assert statistics.snapshot()["skipped"] == {
        "rides_whose_start_is_not_recorded": 1,
        "rides_whose_end_is_not_recorded": 1,
    }
    assert replay.cabs() == 2
    for ping in sent.by_topic["driver-pings"]:
        Ping.model_validate_json(json.dumps(ping))
        assert "dropoff" not in ping, "where a cab will drop off is not known yet"
    for step in requests:
        RideRequestStep.model_validate_json(json.dumps(step))
    FinishedTrip.model_validate_json(json.dumps(trip))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.text("01", min_size=1, max_size=30), st.integers(1, 120), st.integers(0, 300)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1_000, 600_000),
)
def test_rides_are_the_runs_of_occupied_fixes_however_the_clock_steps(
    tmp_path: pathlib.Path, sf: City, cabs: list[tuple[str, int, int]], step_ms: int
) -> None:
    rows = [row for i, (marks, every, offset) in enumerate(cabs) for row in cab(f"cab{i}", marks, every, T0 + offset)]
    _, sent, _ = play(sf, read(save(tmp_path, rows)), T0 * 1000, step_ms)
    whole = sum(len([run for run in marks.lstrip("1").split("0")[:-1] if run]) for marks, _, _ in cabs)
    assert len(sent.by_topic["trips"]) == whole
    assert len(sent.by_topic["ride-requests"]) == 2 * whole
    assert len(sent.by_topic["driver-pings"]) == len(rows)
    assert len({(p["driver_id"], p["t"]) for p in sent.by_topic["driver-pings"]}) == len(rows)


def test_after_a_restart_only_what_is_later_than_the_clock_is_sent(tmp_path: pathlib.Path, sf: City) -> None:
    recording = read(save(tmp_path, cab("a", "0011100")))
    _, sent, _ = play(sf, recording, (T0 + 200) * 1000)
    assert [parse_rfc3339(ping["t"]) // 1000 for ping in sent.by_topic["driver-pings"]] == [
        T0 + 240,
        T0 + 300,
        T0 + 360,
    ]
    assert sent.by_topic["ride-requests"] == []
    assert len(sent.by_topic["trips"]) == 1, "the trip that was under way still ends"


def test_points_out_of_the_city_are_sent_as_they_are_but_make_no_ride(tmp_path: pathlib.Path, sf: City) -> None:
    rows = cab("a", "0110")
    away = [
        (name, t, 4_000_000, lon, occ) if i == 1 else (name, t, lat, lon, occ)
        for i, (name, t, lat, lon, occ) in enumerate(rows)
    ]
    _, sent, statistics = play(sf, read(save(tmp_path, away)), T0 * 1000)
    assert sent.by_topic["driver-pings"][1]["lat"] == 40.0
    assert sent.by_topic["ride-requests"] == sent.by_topic["trips"] == []
    assert statistics.snapshot()["skipped"] == {"rides_out_of_city": 1, "trips_from_out_of_city": 1}


def test_the_same_cab_and_second_twice_is_one_fix(tmp_path: pathlib.Path) -> None:
    rows = cab("a", "00")
    recording = read(save(tmp_path, [*rows, rows[0]]))
    assert len(recording.t_ms) == 2


def test_what_is_no_recording_is_refused_in_words(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read.*got"):
        read(tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(InvalidInput, match="not a Parquet file.*got"):
        read(tmp_path / "bad.parquet")
    pq.write_table(pa.table({"cab": ["a"], "t": [1]}), tmp_path / "other.parquet")
    with pytest.raises(InvalidInput, match="lat_e5"):
        read(tmp_path / "other.parquet")


def test_an_empty_recording_is_over_at_once(tmp_path: pathlib.Path, sf: City) -> None:
    replay = Replay(sf, read(save(tmp_path, [])), Sent(), Statistics(), T0 * 1000)
    assert replay.finished()
    assert replay.asked(0) is None
    replay.move_to(T0 * 1000)


def test_the_real_recording_has_its_known_size_and_rides(data_dir: pathlib.Path, sf: City) -> None:
    recording = read(data_dir / "sf_cab_gps_2008-05-20_2days.parquet")
    assert len(recording.t_ms) == 899_430
    assert len(recording.cabs) == 503
    assert 30_000 < recording.begins.sum() < 40_000
    sent, statistics = Sent(), Statistics()
    start = parse_rfc3339("2008-05-20T07:00:00Z")
    replay = Replay(sf, recording, sent, statistics, start)
    for minute in range(0, 61):
        replay.move_to(start + minute * 60_000)
    assert len(sent.by_topic["driver-pings"]) == recording.after(start + 3_600_000)
    assert 200 < replay.cabs() < 503
    assert len(sent.by_topic["trips"]) > 100
    asked = [replay.asked(number) for number in range(50)]
    assert all(one is not None and sf.holds(*one[0]) and sf.holds(*one[1]) for one in asked)
    assert len({one[0] for one in asked if one}) > 40
