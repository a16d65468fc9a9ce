"""Settings of ingest."""

from __future__ import annotations

from pydantic import Field

from wayfare.runtime.settings import KafkaSettings, RedisSettings


class IngestSettings(KafkaSettings, RedisSettings):
    """What ingest is told."""

    group: str = Field("ingest", description="Consumer group that shares the partitions.")
    ack_timeout_seconds: float = Field(
        5.0, gt=0, description="Longest wait for Kafka to acknowledge what ingest writes."
    )
    redis_timeout_seconds: float = Field(1.0, gt=0, description="Longest wait for one Redis answer.")
    publish_seconds: float = Field(0.2, gt=0, le=5, description="Shortest time between two writes of the open pane.")
    snapshot_seconds: float = Field(
        10.0, gt=0, description="Longest time between two snapshots of a partition that moves; bounds recovery."
    )
    snapshot_least_seconds: float = Field(
        2.0, ge=0, description="Shortest time between two snapshots of a partition, however fast its panes close."
    )
    poll_records: int = Field(5_000, gt=0, description="Most records taken from the log at once; bounds memory.")
