"""Settings of the surge model's pipeline."""

from __future__ import annotations

import pathlib

from pydantic import Field

from pipelines.history.settings import HistorySettings
from wayfare.runtime.settings import CassandraSettings, RedisSettings


class SurgeSettings(HistorySettings, CassandraSettings, RedisSettings):
    """What the features and the training of the surge model are told."""

    artifact_store: str = Field(description="fsspec URL of the artifact store.")
    trainer_key_file: pathlib.Path = Field(
        description="Private Ed25519 key, <kid>.pem, that signs artifacts, or the folder that holds just it."
    )
    trusted_keys_dir: pathlib.Path = Field(description="Folder of public keys whose artifacts are trusted.")
    cassandra_timeout_seconds: float = Field(30.0, gt=0, description="Longest wait for one Cassandra answer.")
    redis_timeout_seconds: float = Field(10.0, gt=0, description="Longest wait for one Redis answer.")
    spark_cores: int = Field(2, ge=1, description="Cores that Spark uses on this machine.")
    spark_driver_memory: str = Field("1200m", description="Memory of Spark's Java process, in its own notation.")
    training_rows: int = Field(
        20_000,
        ge=200,
        description="Most trips that are trained on: bounds what is written to Cassandra, about 25 values a trip.",
    )
    training_days: float = Field(
        28.0, gt=0, description="Days, the newest, that the trips trained on are drawn from: several of each weekday."
    )
    test_share: float = Field(0.2, gt=0, lt=0.9, description="Part of the rows, the newest, kept for the test.")
    validation_share: float = Field(
        0.15, gt=0, lt=0.9, description="Part of the training rows, the newest, for validation."
    )
    tree_split_above: int = Field(
        2_500, ge=1, description="A cell of the quad-tree with more places than this is split."
    )
    tree_min_rows: int = Field(250, ge=1, description="Fewest places for a leaf of the quad-tree to answer for itself.")
    epochs: int = Field(40, ge=1, description="Most passes over the training rows; early stopping usually ends before.")
    batch_size: int = Field(256, ge=8, description="Rows per step of Adam.")
    learning_rate: float = Field(2e-3, gt=0, description="Step size of Adam.")
    hidden_units: tuple[int, ...] = Field((96, 48), description="Width of each hidden layer.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Part of hidden units dropped in each training step.")
    seed: int = Field(20_26, description="Seed of the network's weights, of dropout and of the order of rows.")
    golden_rows: int = Field(16, ge=1, description="Golden rows written into the artifact.")
    point_in_time_rows: int = Field(
        200, ge=1, description="Training rows that are recomputed from what was known at their booking."
    )
