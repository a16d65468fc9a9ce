"""Settings of booking_relay."""

from __future__ import annotations

from pydantic import Field

from wayfare.runtime.settings import CassandraSettings, KafkaSettings


class RelaySettings(KafkaSettings, CassandraSettings):
    """What booking_relay is told."""

    relay_seconds: float = Field(0.3, gt=0, description="How often the newest intents are looked at.")
    grace_seconds: float = Field(
        15.0, gt=0, description="How long after a quote's end it is left alone before it counts as not booked."
    )
    writable_seconds: float = Field(
        300.0,
        gt=0,
        description="How far the clocks of front ends may be behind: a bucket of intents is kept open this long.",
    )
    settle_threads: int = Field(8, ge=1, le=64, description="Expired quotes that are decided at the same time.")
    hold_most: int = Field(50_000, ge=1, description="Quotes of one partition held while they wait for their end.")
    ledger_across_data_centers: bool = Field(
        False, description="Decide by a quorum of all data centres; must be equal in every process."
    )
