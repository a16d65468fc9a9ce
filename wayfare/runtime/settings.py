"""Settings of a process: one frozen class each, read from `WAYFARE_*` variables, validated once at start."""

from __future__ import annotations

import pathlib
from typing import Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from wayfare.domain.errors import SettingsInvalid


class ProcessSettings(BaseSettings):
    """What every process is told. A field `kafka_bootstrap` is read from `WAYFARE_KAFKA_BOOTSTRAP`."""

    model_config = SettingsConfigDict(env_prefix="WAYFARE_", frozen=True, extra="ignore")

    env: Literal["development", "production"] = Field(
        "development", description="Production refuses development keys and city clocks that are not wall time."
    )
    state: pathlib.Path = Field(description="Folder that this installation writes to.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe message that is written."
    )
    admin_host: str = Field("127.0.0.1", description="Address that health and metrics listen on; never a public one.")
    admin_port: int = Field(0, ge=0, le=65535, description="Port of health and metrics; 0 takes a free one.")
    drain_seconds: float = Field(
        10.0, gt=0, description="How long a stopping process may take to finish what it began."
    )
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Base URL of an OpenTelemetry collector (OTLP over HTTP) that traces are sent to; none are without it.",
    )
    trace_share: float = Field(
        0.01, ge=0, le=1, description="Of the traces that begin here, how many are recorded; a caller's choice is kept."
    )


class CitySettings(ProcessSettings):
    """Settings of a process that knows the cities."""

    cities_file: pathlib.Path = Field(
        description="JSON file of the registered cities and their clocks; read again when it changes."
    )


class KafkaSettings(ProcessSettings):
    """Settings of a process that reads or writes the log."""

    kafka_bootstrap: str = Field(description="host:port list of the Kafka brokers.")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="PLAINTEXT only on loopback."
    )
    kafka_sasl_mechanism: str | None = Field(None, description="For example SCRAM-SHA-512.")
    kafka_username: str | None = Field(None, description="SASL user.")
    kafka_password: str | None = Field(None, description="SASL password.", repr=False)
    kafka_ca_file: pathlib.Path | None = Field(None, description="Certificate authority of the brokers.")

    def kafka_options(self) -> dict[str, object]:
        """Keyword arguments that every kafka-python client of this process takes."""
        options: dict[str, object] = {
            "bootstrap_servers": self.kafka_bootstrap.split(","),
            "security_protocol": self.kafka_security_protocol,
        }
        if self.kafka_sasl_mechanism:
            options |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_username,
                "sasl_plain_password": self.kafka_password,
            }
        if self.kafka_ca_file:
            options["ssl_cafile"] = str(self.kafka_ca_file)
        return options


class TopicSettings(KafkaSettings):
    """Settings of who makes topics."""

    kafka_replication: int = Field(1, ge=1, le=9, description="Brokers that hold each topic; 3 in production.")


class RedisSettings(ProcessSettings):
    """Settings of a process that uses Redis."""

    redis_url: str = Field(description="redis:// or rediss:// address; may carry user and password.", repr=False)
    redis_timeout_seconds: float = Field(0.1, gt=0, description="Longest wait for one Redis answer.")


class CassandraSettings(ProcessSettings):
    """Settings of a process that uses Cassandra."""

    cassandra_hosts: str = Field(description="host:port list of Cassandra contact points.")
    cassandra_keyspace: str = Field("wayfare", description="Keyspace of Wayfare's tables.")
    cassandra_username: str | None = Field(None, description="User, when Cassandra asks for one.")
    cassandra_password: str | None = Field(None, description="Password.", repr=False)
    cassandra_ca_file: pathlib.Path | None = Field(None, description="Certificate authority; set to use TLS.")
    cassandra_timeout_seconds: float = Field(
        2.0, gt=0, description="Longest wait for one Cassandra answer outside a request's deadline."
    )


S = TypeVar("S", bound=ProcessSettings)


def load(kind: type[S]) -> S:
    """Read and check all settings of a process; SettingsInvalid lists every problem at once."""
    try:
        return kind()
    except ValidationError as error:
        lines = [
            f"WAYFARE_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}, got {_shown(problem)}"
            for problem in error.errors()
        ]
        raise SettingsInvalid("settings are not usable:\n  " + "\n  ".join(lines)) from error


def _shown(problem: object) -> str:
    """The value received, unless it may be a secret or was never given."""
    assert isinstance(problem, dict)
    if problem["type"] == "missing":
        return "nothing"
    if not problem["loc"]:
        # A rule over several settings is given all of them, passwords too.
        return "these settings together"
    name = str(problem["loc"][-1])
    return "a hidden value" if any(word in name for word in ("password", "url", "key")) else repr(problem["input"])
