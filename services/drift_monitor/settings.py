"""Settings of drift_monitor."""

from __future__ import annotations

import pathlib

from pydantic import Field

from wayfare.runtime.settings import CitySettings, KafkaSettings
from wayfare.runtime.web.settings import WebSettings


class DriftSettings(WebSettings, KafkaSettings, CitySettings):
    """What drift_monitor is told."""

    artifact_store: str = Field(description="fsspec URL of the artifact store, for example s3://bucket/artifacts.")
    trusted_keys_dir: pathlib.Path = Field(description="Folder of Ed25519 public keys, <kid>.pem.")
    drift_group: str = Field("drift-monitor", description="Consumer group that shares the partitions.")
    ack_timeout_seconds: float = Field(5.0, gt=0, description="Longest wait for Kafka to acknowledge registers.")
    register_seconds: float = Field(
        2.0, gt=0, le=60, description="Longest time until what was folded is in drift-registers; bounds recovery."
    )
    poll_records: int = Field(2_000, gt=0, le=4_096, description="Most records taken from the log at once.")
    grace_seconds: float = Field(
        20.0, gt=0, description="How long after its end, in wall time, five minutes are closed, for rows on their way."
    )
    late_seconds: float = Field(
        120.0,
        gt=0,
        description="How long after five minutes could be closed their judgement may take before states are unknown.",
    )
    judgement_seconds: float = Field(
        5.0, ge=0, description="Shortest time between two records of one judgement without news, for fast clocks."
    )
    tolerance_sd: float = Field(
        0.05, ge=0, le=1, description="A shift of a mean, in standard deviations of a row, that counts as none."
    )
    false_alarms_a_week: float = Field(
        1.0, gt=0, le=100, description="Expected false alarms a week of one model, over all features and checks."
    )
