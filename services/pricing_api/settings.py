"""Settings of pricing_api."""

from __future__ import annotations

import pathlib

from pydantic import Field, model_validator

from wayfare.runtime.settings import CassandraSettings, CitySettings, KafkaSettings, RedisSettings
from wayfare.runtime.web.settings import WebSettings


class PricingSettings(WebSettings, CitySettings, KafkaSettings, RedisSettings, CassandraSettings):
    """What pricing_api is told."""

    model_server: str = Field(description="host:port of the model server; `dns:///name:port` goes round several.")
    model_server_ca_file: pathlib.Path | None = Field(
        None, description="Certificate authority of the model server; set to use TLS, off only on loopback."
    )
    model_server_certificate_file: pathlib.Path | None = Field(
        None, description="Our certificate, when the model server asks for one."
    )
    model_server_key_file: pathlib.Path | None = Field(None, description="Private key of that certificate.")
    artifact_store: str = Field(description="fsspec URL of the artifact store.")
    trusted_keys_dir: pathlib.Path = Field(description="Folder of public Ed25519 keys whose artifacts are trusted.")
    quote_keys_dir: pathlib.Path = Field(
        description="Folder of private Ed25519 keys; the one whose name has the newest moment that has come signs quotes, the "
        "one before it counts for one quote life."
    )
    pseudonym_key_file: pathlib.Path = Field(
        description="Hexadecimal key that turns rider ids into the pseudonyms of the log; the same in every process."
    )
    label: str = Field("stable", description="Label of the model version to serve; also the `arm` of each prediction.")
    model_poll_seconds: float = Field(2.0, gt=0, description="How often the labels are read for a new version.")
    stale_after_seconds: float = Field(
        30.0, gt=0, description="Age, in seconds of an unhurried clock, from which a live window is not priced on."
    )
    quote_life_seconds: float = Field(300.0, gt=0, description="How long a quote can be booked.")
    quote_deadline_seconds: float = Field(0.25, gt=0, description="Longest that a quote may take, whatever is down.")
    quote_reserve_seconds: float = Field(0.03, gt=0, description="Part of the deadline kept for locking and answering.")
    predict_seconds: float = Field(0.13, gt=0, description="Longest wait for the model server within a quote.")
    rider_redis_seconds: float = Field(0.03, gt=0, description="Longest wait for a rider's history in Redis.")
    rider_cassandra_seconds: float = Field(
        0.05, gt=0, description="Longest wait for a rider's history in Cassandra when Redis does not have it."
    )
    rider_keep_seconds: float = Field(30.0, ge=0, description="How long a rider's history is kept in memory.")
    rider_keep_most: int = Field(20_000, ge=0, description="Most riders' histories kept in memory.")
    breaker_failures: int = Field(3, ge=1, description="Failures in a row after which a dependency is left alone.")
    breaker_rest_seconds: float = Field(2.0, gt=0, description="How long it is left alone before it is tried again.")
    booking_deadline_seconds: float = Field(2.5, gt=0, description="Longest that a booking may take.")
    ledger_across_data_centers: bool = Field(
        False, description="Decide bookings by a quorum of all data centres; must be equal in every process."
    )
    refresh_seconds: float = Field(0.25, gt=0, description="How often the live window and the shared parts are copied.")
    map_tick_seconds: float = Field(0.4, gt=0, description="How often the surge map is computed by its lease holder.")
    truth_poll_seconds: float = Field(2.0, gt=0, description="How often operator caps are read from Cassandra.")
    cells_poll_seconds: float = Field(60.0, gt=0, description="How often the daily batch's cells are read.")
    startup_grace_seconds: float = Field(
        30.0,
        ge=0,
        description="How long a new process stays not ready for want of Redis or Cassandra; then it degrades.",
    )

    @model_validator(mode="after")
    def _hops_fit_the_deadline(self) -> PricingSettings:
        hops = self.rider_redis_seconds + self.rider_cassandra_seconds + self.quote_reserve_seconds
        if hops + 0.02 > self.quote_deadline_seconds:
            raise ValueError(
                "quote_deadline_seconds must exceed rider_redis_seconds + rider_cassandra_seconds + "
                f"quote_reserve_seconds by 0.02, got {self.quote_deadline_seconds} and {hops:.3f}"
            )
        return self
