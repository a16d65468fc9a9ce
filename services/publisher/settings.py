"""Settings of the publisher."""

from __future__ import annotations

import pathlib

from pydantic import Field

from wayfare.domain.models.publishing import ANSWER_TOLERANCE
from wayfare.runtime.settings import ProcessSettings


class PublisherSettings(ProcessSettings):
    """What the publisher is told."""

    artifact_store: str = Field(description="fsspec URL of the artifact store, for example s3://bucket/artifacts.")
    models_dir: pathlib.Path = Field(description="Folder that the model server watches; only the publisher writes it.")
    model_server: str = Field(
        description="host:port of the model servers; when the name has several addresses, all must serve a version "
        "before a label moves to it."
    )
    model_server_here: str | None = Field(
        None,
        description="host:port of the model server that shares models_dir with this publisher, when there are several: "
        "this process is ready only while that one serves every labelled version.",
    )
    model_server_ca_file: pathlib.Path | None = Field(
        None, description="Certificate authority of the model server; set to use TLS. Off only for loopback."
    )
    model_server_certificate_file: pathlib.Path | None = Field(
        None, description="Our certificate, when the model server asks for one."
    )
    model_server_key_file: pathlib.Path | None = Field(None, description="Private key of that certificate.")
    trusted_keys_dir: pathlib.Path = Field(description="Folder of Ed25519 public keys, <kid>.pem.")
    publisher_key_file: pathlib.Path = Field(
        description="Private Ed25519 key that signs labels, or the folder that holds just it; its id begins with `publisher`."
    )
    poll_seconds: float = Field(1.0, gt=0, description="How often releases are looked at.")
    keep_seconds: float = Field(
        600.0, ge=600.0, description="How long a version stays placed after the last label left it."
    )
    load_seconds: float = Field(
        120.0, gt=0, description="How long the model server may take to make a placed version available."
    )
    predict_seconds: float = Field(5.0, gt=0, description="Longest wait for one call to a model server.")
    golden_tolerance: float = Field(
        ANSWER_TOLERANCE, gt=0, lt=0.05, description="Largest difference from a golden probability."
    )
