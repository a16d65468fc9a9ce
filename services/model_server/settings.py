"""Settings of the model server."""

from __future__ import annotations

import pathlib

from pydantic import Field

from wayfare.runtime.settings import ProcessSettings


class ModelServerSettings(ProcessSettings):
    """What the model server is told."""

    models_dir: pathlib.Path = Field(
        description="Folder of <model>/<version>/saved_model.pb, as TensorFlow Serving's; another process fills it."
    )
    host: str = Field("127.0.0.1", description="Address that gRPC listens on.")
    grpc_port: int = Field(0, ge=0, le=65535, description="Port of gRPC; 0 takes a free one.")
    tls_certificate_file: pathlib.Path | None = Field(
        None, description="Server certificate chain in PEM; with the key it turns TLS on. Off only for loopback."
    )
    tls_key_file: pathlib.Path | None = Field(None, description="Private key of the server certificate.")
    tls_client_ca_file: pathlib.Path | None = Field(
        None, description="When set, clients must show a certificate of this authority."
    )
    poll_seconds: float = Field(1.0, gt=0, description="How often the folder is looked through for versions.")
    load_retry_seconds: float = Field(
        30.0, gt=0, description="When a version that failed to load is tried again, unless its folder changes before."
    )
    request_threads: int = Field(8, ge=1, description="Threads that answer gRPC calls.")
    max_concurrent_calls: int = Field(
        64, ge=1, description="Calls admitted at the same time; more are answered RESOURCE_EXHAUSTED at once."
    )
    max_message_bytes: int = Field(16 << 20, ge=1024, description="Largest request and answer.")
    max_batch_rows: int = Field(
        1024, ge=1, description="Rows of waiting calls that are computed together; nothing waits to fill a batch."
    )
    lanes: int = Field(2, ge=1, description="Batches of one version that may be computed at the same time.")
    intra_op_threads: int = Field(1, ge=1, description="TensorFlow threads inside one operation.")
    inter_op_threads: int = Field(1, ge=1, description="TensorFlow threads for independent operations.")
