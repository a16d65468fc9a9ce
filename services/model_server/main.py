"""The model server: watches a folder of SavedModels and serves them over gRPC."""

from __future__ import annotations

import os
import threading
from concurrent import futures
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.model_server.settings import ModelServerSettings
from wayfare.domain.errors import SettingsInvalid
from wayfare.runtime import logs, metrics, tracing
from wayfare.runtime.health import Health, serve_admin
from wayfare.runtime.settings import load
from wayfare.runtime.shutdown import stop_on_signals

SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")


def serve(settings: ModelServerSettings, stop: threading.Event) -> None:
    """Serve until `stop` is set, then finish the calls in flight."""
    # TensorFlow reads these when it is imported. Without oneDNN the same input gives the same bits on every machine.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    log = logs.logger()
    listening = threading.Event()
    readiness = Health()
    readiness.add("grpc", lambda: None if listening.is_set() else "gRPC is not listening yet")
    serve_admin(readiness, settings.admin_host, settings.admin_port)

    import tensorflow as tf
    from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

    from services.model_server.batching import Batcher
    from services.model_server.handlers import ModelServer
    from services.model_server.network import Network
    from services.model_server.shelf import Shelf

    tf.config.threading.set_intra_op_parallelism_threads(settings.intra_op_threads)
    tf.config.threading.set_inter_op_parallelism_threads(settings.inter_op_threads)

    def batchers(network: Network) -> dict[str, Batcher]:
        return {
            key: Batcher(signature, settings.lanes, settings.max_batch_rows, metrics.MODEL_BATCH_ROWS)
            for key, signature in network.signatures.items()
        }

    shelf = Shelf(
        settings.models_dir,
        lambda folder: Network(folder, settings.intra_op_threads, settings.inter_op_threads),
        batchers,
        settings.load_retry_seconds,
    )
    readiness.add("models", shelf.problem)

    server = grpc.server(
        futures.ThreadPoolExecutor(settings.request_threads, thread_name_prefix="grpc"),
        maximum_concurrent_rpcs=settings.max_concurrent_calls,
        options=[
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.so_reuseport", 0),
            # A client looks up whom else it may ask only when a connection ends: without an age, servers that were
            # added would stand idle.
            ("grpc.max_connection_age_ms", 30_000),
            ("grpc.max_connection_age_grace_ms", 10_000),
        ],
    )
    handlers = ModelServer(shelf)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(handlers, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(handlers, server)
    checks = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    port = _listen(server, settings)
    server.start()
    listening.set()
    log.info("listening", address=f"{settings.host}:{port}", models_dir=str(settings.models_dir))

    seen: set[tuple[str, str]] = set()
    while not stop.is_set():
        shelf.scan()
        counts = shelf.counts()
        seen |= counts.keys()
        for model, state in seen:
            metrics.MODEL_VERSIONS.labels(model=model, state=state).set(counts.get((model, state), 0))
        serving = shelf.problem() is None
        for name in SERVICES:
            checks.set(name, health_pb2.HealthCheckResponse.SERVING if serving else _NOT_SERVING)
        stop.wait(settings.poll_seconds)

    readiness.stopping()
    for name in SERVICES:
        checks.set(name, _NOT_SERVING)
    log.info("draining", seconds=settings.drain_seconds)
    server.stop(settings.drain_seconds).wait()
    log.info("stopped")


_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def _listen(server: Any, settings: ModelServerSettings) -> int:
    address = f"{settings.host}:{settings.grpc_port}"
    try:
        if settings.tls_certificate_file and settings.tls_key_file:
            authority = settings.tls_client_ca_file
            credentials = grpc.ssl_server_credentials(
                [(settings.tls_key_file.read_bytes(), settings.tls_certificate_file.read_bytes())],
                authority.read_bytes() if authority else None,
                require_client_auth=authority is not None,
            )
            return int(server.add_secure_port(address, credentials))
        if settings.host not in ("127.0.0.1", "::1", "localhost") and settings.env == "production":
            raise SettingsInvalid(f"without TLS the model server listens on loopback only, got {settings.host}")
        return int(server.add_insecure_port(address))
    except (OSError, RuntimeError) as error:
        raise SettingsInvalid(f"gRPC cannot listen: {error}, got {address}") from error


def main() -> None:
    """Entry point of `python -m services.model_server.main`."""
    settings = load(ModelServerSettings)
    logs.configure("model_server", settings.log_level)
    tracing.configure("model_server", settings.otlp_endpoint, settings.trace_share)
    serve(settings, stop_on_signals())


if __name__ == "__main__":
    main()
