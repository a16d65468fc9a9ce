"""Settings of the simulator and of the replayer."""

from __future__ import annotations

import pathlib
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from wayfare.runtime.settings import CitySettings, KafkaSettings


class ActorSettings(CitySettings, KafkaSettings):
    """What a process that acts as the apps do is told."""

    kafka_bootstrap: str = Field("", description="host:port list of the Kafka brokers; for events straight into Kafka.")
    delivery: Literal["http", "kafka"] = Field(
        "http",
        description="How events go: over HTTP to events_api, or straight into Kafka for volume, which skips every check "
        "and is refused in production.",
    )
    events_url: str = Field(description="Where events_api listens, like http://127.0.0.1:8001.")
    pricing_url: str = Field(description="Where pricing_api listens.")
    service_token_file: pathlib.Path = Field(
        description="File with the Bearer token of the role `service`; read again when a token is refused."
    )
    http_timeout_seconds: float = Field(5.0, gt=0, description="Longest wait for one HTTP answer.")
    quote_workers: int = Field(8, ge=1, le=64, description="Quotes and bookings asked for at the same time.")
    quotes_per_second: float = Field(
        5.0, ge=0, le=500, description="Price checks a second (wall time) beside those that lead to requests."
    )
    probe_seconds: float = Field(
        1.0, ge=0, description="How often the delay from event to price is measured, in wall time; 0 never."
    )
    probe_poll_seconds: float = Field(0.05, gt=0, description="Pause between two quotes of one measurement.")
    pending_events: int = Field(
        200_000, ge=1_000, description="Events kept while events_api cannot take them; beyond it the oldest pings go."
    )
    step_seconds: float = Field(0.25, gt=0, le=5, description="How often the city is moved on, in wall time.")

    @field_validator("delivery")
    @classmethod
    def _where_it_may(cls, delivery: str, info: ValidationInfo) -> str:
        if delivery == "kafka" and info.data.get("env") == "production":
            raise ValueError(
                "events of a production installation go over HTTP, where they are checked and authenticated"
            )
        if delivery == "kafka" and not info.data.get("kafka_bootstrap"):
            raise ValueError("needs WAYFARE_KAFKA_BOOTSTRAP, the brokers to write to")
        return delivery


class SimulatorSettings(ActorSettings):
    """What the simulator is told."""

    simulated_city: str = Field("sim", description="Id of the registered city that is simulated.")
    simulation_seed: int = Field(7, ge=0, description="One seed is one city: use that of its history.")
    trips_per_day: float = Field(
        3_600.0, gt=0, le=20_000, description="Trips a day that the historical rule would let happen."
    )
    warm_up_hours: float = Field(
        2.0, ge=0, le=24, description="City time simulated in silence at start, so that cabs are at work."
    )
    ping_seconds: int = Field(4, ge=1, le=60, description="City time between two pings of a cab.")


class ReplaySettings(ActorSettings):
    """What the replayer is told."""

    replayed_city: str = Field("sf", description="Id of the registered city that the recording is of.")
    replay_file: pathlib.Path = Field(description="Parquet file of fixes: cab, t, lat_e5, lon_e5, occ.")
