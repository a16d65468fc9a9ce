"""The publisher: runs beside a model server and looks at the artifact store about every second."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

from services.publisher.placing import Shelf
from services.publisher.settings import PublisherSettings
from services.publisher.steps import Publisher
from wayfare.adapters.ed25519_signing import Signer, trusted_keys
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.adapters.grpc_predictor import GrpcPredictor, Tls
from wayfare.domain.errors import ModelUnavailable, SettingsInvalid
from wayfare.domain.models.predictor import Predictor
from wayfare.domain.models.signed import may_sign
from wayfare.runtime import clock, logs
from wayfare.runtime.health import Health, serve_admin
from wayfare.runtime.settings import load
from wayfare.runtime.shutdown import stop_on_signals, within


def all_servers(host_port: str, tls: Tls | None) -> Callable[[], Sequence[Predictor]]:
    """A predictor for each address that the name has now; ModelUnavailable when it cannot be resolved."""
    known: dict[str, GrpcPredictor] = {}

    def servers() -> Sequence[Predictor]:
        host, _, port = host_port.rpartition(":")
        try:
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            raise ModelUnavailable(f"the model server's name cannot be resolved: {error}, got {host_port}") from error
        addresses = sorted(
            {f"[{where[0]}]:{port}" if ":" in str(where[0]) else f"{where[0]}:{port}" for *_, where in found}
        )
        for gone in known.keys() - set(addresses):
            known.pop(gone).close()
        return [known.setdefault(address, GrpcPredictor(address, tls, server_name=host)) for address in addresses]

    return servers


def server_here(settings: PublisherSettings, tls: Tls | None) -> Predictor | None:
    """The model server that shares this publisher's folder, when it is named."""
    if settings.model_server_here is None:
        return None
    # Its certificate names what all of them are called by, not the loopback of one pod.
    return GrpcPredictor(settings.model_server_here, tls, server_name=settings.model_server.rpartition(":")[0])


def tls_of(settings: PublisherSettings) -> Tls | None:
    """How model servers are spoken to; None without TLS."""
    if settings.model_server_ca_file is None:
        return None
    return Tls(settings.model_server_ca_file, settings.model_server_certificate_file, settings.model_server_key_file)


def publish(settings: PublisherSettings, stop: threading.Event) -> None:
    """Look until `stop` is set."""
    signer = Signer(settings.publisher_key_file)
    if not may_sign(signer.kid, "labels"):
        raise SettingsInvalid(f"the key that signs labels has an id that begins with publisher, got {signer.kid}")
    tls = tls_of(settings)
    publisher = Publisher(
        ArtifactStore(settings.artifact_store),
        Shelf(settings.models_dir),
        all_servers(settings.model_server, tls),
        server_here(settings, tls),
        trusted_keys(settings.trusted_keys_dir),
        signer,
        keep_ms=round(settings.keep_seconds * 1000),
        load_ms=round(settings.load_seconds * 1000),
        predict_s=settings.predict_seconds,
        tolerance=settings.golden_tolerance,
    )
    readiness = Health()
    readiness.add("publisher", publisher.problem)
    serve_admin(readiness, settings.admin_host, settings.admin_port)
    logs.logger().info("started", store=settings.artifact_store, models_dir=str(settings.models_dir))
    while not stop.is_set():
        publisher.look(clock.wall_ms())
        stop.wait(settings.poll_seconds)
    readiness.stopping()
    logs.logger().info("stopped")


def main() -> None:
    """Entry point of `python -m services.publisher.main`."""
    settings = load(PublisherSettings)
    logs.configure("publisher", settings.log_level)
    stop = stop_on_signals()
    with within(stop, settings.drain_seconds):
        publish(settings, stop)


if __name__ == "__main__":
    main()
