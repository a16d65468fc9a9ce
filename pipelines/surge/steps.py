"""The surge pipeline, step by step: features, training set, model, report, signed artifact."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import pathlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipelines.surge import point_in_time, provenance, serving, training_set
from pipelines.surge.aggregates import DAYS
from pipelines.surge.feature_engineering import Context
from pipelines.surge.point_in_time import Past, Witness
from pipelines.surge.serving import Batch
from pipelines.surge.settings import SurgeSettings
from pipelines.surge.training_set import Learned, Split
from wayfare.adapters import hive_tables
from wayfare.adapters.ed25519_signing import Signer, trusted_keys
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.adapters.spark_session import spark_session
from wayfare.domain.city import City
from wayfare.domain.errors import WayfareError
from wayfare.domain.features.sets import SURGE
from wayfare.domain.models import golden
from wayfare.domain.models.evaluation import METRICS, positions
from wayfare.domain.models.labels import SEMI_SYNTHETIC
from wayfare.domain.models.reference import Outcomes, drift_reference
from wayfare.domain.models.surge_bundle import describe, features_file, load_surge_bundle
from wayfare.domain.pricing.surge import decode
from wayfare.domain.streams.panes import WINDOW_PANES
from wayfare.domain.times import DAY_MS, format_rfc3339

Say = Callable[[str], None]
NAMES = [feature.name for feature in SURGE]
SETTINGS = SurgeSettings


def model_name(city: City) -> str:
    """A model that holds a city's tree is per city."""
    return f"surge-{city.id}"


@dataclass(frozen=True)
class Prepared:
    """What Spark leaves behind: rows with their split, what was learned, witnesses of sampled rows, the daily batch."""

    trips: pd.DataFrame
    rows: pd.DataFrame
    split: Split
    learned: Learned
    context: Context
    witnesses: list[Witness]
    batch: Batch
    outcomes: Outcomes | None = None


def prepare(settings: SurgeSettings, city: City, say: Say) -> Prepared:
    """Features of the training rows into Cassandra, and the daily batch, in one Spark session."""
    say("starting Spark")
    with spark_session(
        settings.state, f"surge-{city.id}", cores=settings.spark_cores, driver_memory=settings.spark_driver_memory
    ) as session:
        hive_tables.declare(session, settings.lake)
        hive_tables.recover_partitions(session, "trips", "panes", "weather", "predictions", "bookings")
        say("reading trips")
        trips = training_set.read_trips(session, city)
        rows, split = training_set.choose(trips, settings, city)
        learned = training_set.learn(trips, rows, split, settings)
        context = training_set.make_context(session, city, settings.lake, learned)
        say(f"computing features of {len(rows)} of {len(trips)} trips")
        written, values = training_set.write_features(session, settings, context, rows, split)
        say(f"{values} values of {written} trips are in Cassandra")
        sampled = point_in_time.sample(rows, settings.point_in_time_rows, settings.seed)
        past = Past(trips, _panes_of(session, city, sampled), _weather(session, city), context)
        witnesses = [past.witness(row) for row in sampled.itertuples(index=False)]
        say("aggregating riders and cells for serving")
        batch = serving.compute(session, city, int(trips["ended_at_ms"].max()), context.place_kinds)
        outcomes = training_set.read_outcomes(session, city, split.last_ms)
    return Prepared(trips, rows, split, learned, context, witnesses, batch, outcomes)


def _panes_of(session: Any, city: City, rows: pd.DataFrame) -> pd.DataFrame:
    needed = point_in_time.panes_needed(rows, WINDOW_PANES)
    panes = training_set.read_panes(session, city, needed[0], needed[-1])
    return panes.where(panes["pane"].isin(needed)).toPandas()


def _weather(session: Any, city: City) -> pd.DataFrame:
    return session.sql(f"SELECT * FROM wayfare.weather WHERE city = '{city.id}'").toPandas()


def train(settings: SurgeSettings, city: City, wall_ms: int, say: Say) -> dict[str, Any]:
    """The whole pipeline; returns model, version, metrics and rows. Raises WayfareError when a step cannot be done."""
    snapshot = provenance.data_snapshot(settings.lake, city.id)
    prepared = prepare(settings, city, say)
    say(f"storing {len(prepared.batch.riders)} riders and {len(prepared.batch.cells)} cells for serving")
    serving.store(settings, city, prepared.batch)
    say("reading the training set from Cassandra")
    values = training_set.read_features(settings, prepared.rows)
    leaks = check_leaks(prepared, values)
    with tempfile.TemporaryDirectory(prefix="wayfare-surge-") as scratch:
        folder = pathlib.Path(scratch) / "artifact"
        folder.mkdir()
        report = fit_and_write(settings, city, prepared, values, leaks, folder, snapshot, say)
        say("signing and storing the artifact")
        version = ArtifactStore(settings.artifact_store).write(
            model_name(city),
            dt.datetime.fromtimestamp(wall_ms / 1000, dt.UTC).date(),
            folder,
            data_snapshot=snapshot,
            code_commit=provenance.code_commit(),
            parameters=parameters(settings),
            metrics={name: report["models"]["network"]["metrics"][name][0] for name in METRICS},
            signer=Signer(settings.trainer_key_file),
        )
    say(f"{model_name(city)} {version} is ready to be published")
    return {
        "model": model_name(city),
        "version": version,
        "rows": report["rows"],
        "metrics": {name: found["metrics"] for name, found in report["models"].items()},
        "notices": report["notices"],
    }


def newest_usable(settings: SurgeSettings, city: City) -> int | None:
    """The newest version in the store that verifies and whose features this code defines alike; None without one."""
    store = ArtifactStore(settings.artifact_store)
    trusted = trusted_keys(settings.trusted_keys_dir)
    for version in reversed(store.versions(model_name(city))):
        try:
            load_surge_bundle(store.open(model_name(city), version, trusted).read)
        except WayfareError:
            continue
        return version
    return None


def check_leaks(prepared: Prepared, values: np.ndarray) -> list[str]:
    """Compare sampled rows of the training set with their witnesses; returns the ids compared, raises on a leak."""
    at = {trip: number for number, trip in enumerate(prepared.rows["trip_id"])}
    checked = [at[witness.trip_id] for witness in prepared.witnesses]
    point_in_time.refuse_leaks(point_in_time.differences(values[checked], prepared.witnesses, NAMES))
    return [witness.trip_id for witness in prepared.witnesses]


def parameters(settings: SurgeSettings) -> dict[str, Any]:
    """The settings that decide what the model becomes."""
    kept = (
        "training_days", "training_rows", "test_share", "validation_share", "tree_split_above", "tree_min_rows", "epochs", "batch_size",
        "learning_rate", "hidden_units", "dropout", "seed",
    )  # fmt: skip
    return {name: getattr(settings, name) for name in kept}


def fit_and_write(
    settings: SurgeSettings,
    city: City,
    prepared: Prepared,
    values: np.ndarray,
    checked: list[str],
    folder: pathlib.Path,
    snapshot: str,
    say: Say,
) -> dict[str, Any]:
    """Train, evaluate and write every file of the artifact into `folder`; returns the report."""
    say("starting TensorFlow")
    from pipelines.surge import model, report

    rows, split, learned = prepared.rows, prepared.split, prepared.learned
    booked = rows["asked_ms"].to_numpy(np.int64)
    part, truth = split.part(booked), positions(rows["surge_multiplier"])
    statistics = model.fit_statistics(SURGE, values[part == 0])
    shape = model.Shape(
        settings.hidden_units,
        settings.dropout,
        settings.learning_rate,
        settings.batch_size,
        settings.epochs,
        settings.seed,
    )
    described = describe(SURGE, statistics)
    listed = features_file(city, f"{city.id}-{learned.tree.version()}", described)
    network = model.build(SURGE, statistics, learned.tree.paths(), shape)
    say(f"training on {int((part == 0).sum())} rows")
    history = model.train(
        network,
        (values[part == 0], truth[part == 0]),
        (values[part == 1], truth[part == 1]),
        shape,
        settings.state
        / "training"
        / model_name(city)
        / f"{snapshot[:16]}-{listed['hash']}-{_short(parameters(settings))}",
        lambda epoch, logs: say(f"epoch {epoch + 1}: validation loss {logs['val_loss']:.4f}"),
    )
    serve = model.serving_function(network, len(SURGE))
    test, past = part == 2, part < 2
    say("training the baselines and comparing")
    answers = {
        "network": model.predict(serve, values[test]),
        "most_frequent": report.most_frequent(truth[past], int(test.sum())),
        "boosted_trees": report.boosted(values[past], truth[past], values[test], settings.seed),
    }
    alone = report.single_feature_auc(SURGE, values[past], truth[past])
    found = {
        "schema": 1,
        "model": model_name(city),
        "rows": {"training": int((part == 0).sum()), "validation": int((part == 1).sum()), "test": int(test.sum())},
        "window": _window(prepared, values),
        "notices": _notices(prepared),
        "models": report.compare(truth[test], booked[test], answers),
        "leaks": {
            "point_in_time_rows": len(checked),
            "different": {},
            "single_feature_auc": alone,
            "suspicious_above": report.SUSPICIOUS_AUC,
            "suspicious": [name for name, score in alone.items() if score > report.SUSPICIOUS_AUC],
        },
        "features": {
            "names": NAMES,
            "hash": listed["hash"],
            "missing_always": [name for name, column in zip(NAMES, values.T, strict=True) if np.isnan(column).all()],
        },
        "training": {"parameters": parameters(settings), "history": history, "data_snapshot": snapshot},
    }
    report.write(found, folder)
    model.export(network, serve, folder / "saved_model")
    (folder / "tree.npz").write_bytes(learned.tree.to_npz())
    (folder / "travel.npz").write_bytes(learned.travel.to_npz())
    _json(folder / "features.json", listed)
    _json(folder / "priors.json", learned.priors.to_json())
    hours = rows["hour"].to_numpy(np.int64)[past]
    weekdays = values[past, NAMES.index("weekday_local")].astype(np.int64)
    at_least = model.predict(serve, values[past])
    reference = drift_reference(
        NAMES,
        [feature.kind != "number" for feature in SURGE],
        values[past],
        hours,
        weekdays,
        training_set.local_dates(booked[past], city),
        [feature.kind for feature in SURGE],
        at_least,
        np.array([decode(row) for row in at_least.tolist()]),
        prepared.outcomes,
        named=float(rows["rider_id"].notna().to_numpy()[past].mean()),
        slots=booked[past] // training_set.SLOT_MS,
    )
    _json(folder / "drift_reference.json", reference)
    chosen = _golden(prepared.witnesses, settings.golden_rows)
    predicted = model.predict(serve, np.array([witness.features for witness in chosen]))
    _json(
        folder / "golden.json",
        [
            golden.to_row(witness.inputs, witness.counts, witness.features, at_least)
            for witness, at_least in zip(chosen, predicted.tolist(), strict=True)
        ],
    )
    # What was just written must be what a front end accepts.
    load_surge_bundle(lambda name: (folder / name).read_bytes())
    return found


def _golden(witnesses: list[Witness], number: int) -> list[Witness]:
    """Spread over the sample, with rows that miss the most features first, so that missing is exercised too."""
    by_missing = sorted(witnesses, key=lambda witness: -int(np.isnan(witness.features).sum()))
    few = by_missing[: number // 4]
    rest = [witness for witness in witnesses if witness not in few]
    step = max(1, len(rest) // max(1, number - len(few)))
    return [*few, *rest[::step]][:number]


def _window(prepared: Prepared, values: np.ndarray) -> dict[str, Any]:
    split, trips = prepared.split, prepared.trips
    days = values[:, NAMES.index("rider_history_days")]
    seen = days[~np.isnan(days)]
    span = (int(trips["asked_ms"].max()) - int(trips["asked_ms"].min())) / DAY_MS
    return {
        "first": format_rfc3339(split.first_ms),
        "validation": format_rfc3339(split.validation_ms),
        "test": format_rfc3339(split.test_ms),
        "last": format_rfc3339(split.last_ms),
        "days_of_history": round(span, 1),
        "days_seen_first": int(seen[0]) if len(seen) else None,
        "days_seen_last": int(seen[-1]) if len(seen) else None,
    }


def _notices(prepared: Prepared) -> list[str]:
    rows, notices = prepared.rows, []
    if (rows["price_source"] == SEMI_SYNTHETIC).any():
        notices.append(
            "Semi-synthetic: the trips are real, but they were recorded without prices. Their multipliers come from the "
            "simulator's pricing rule, so the figures say how well the model learns that rule, not how people priced."
        )
    left_out = int((~prepared.trips["teaches"]).sum())
    if left_out:
        notices.append(
            f"{left_out} trips priced by a model, or without a multiplier among the levels, were not learned from."
        )
    if (prepared.batch.days_seen or 0) < DAYS:
        notices.append(f"30-day aggregates have seen {prepared.batch.days_seen} days so far.")
    return notices


def _short(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def _json(path: pathlib.Path, value: Any) -> None:
    path.write_text(json.dumps(value, allow_nan=False))
