"""Settings of the lander."""

from __future__ import annotations

import pathlib

from pydantic import Field

from wayfare.runtime.settings import CitySettings, KafkaSettings


class LanderSettings(KafkaSettings, CitySettings):
    """What the lander is told."""

    lake: pathlib.Path = Field(description="Folder of the Parquet tables; on a POSIX file system, see parquet_lake.py.")
    group: str = Field("lander", description="Consumer group that shares the partitions.")
    land_seconds: float = Field(
        5.0, gt=0, description="Longest time a row waits to be landed; minutes in production, for fewer, larger files."
    )
    land_rows: int = Field(50_000, gt=0, description="Rows of one partition that are landed at once.")
    land_bytes: int = Field(
        64 * 1024 * 1024, gt=0, description="Bytes of records of one partition that are landed at once."
    )
    poll_records: int = Field(2_000, gt=0, description="Most records taken from the log at once; bounds memory.")
    ack_timeout_seconds: float = Field(5.0, gt=0, description="Longest wait for Kafka to acknowledge a dead letter.")
