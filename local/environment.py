"""The environment variables that tell local processes where everything is."""

from __future__ import annotations

import os
from collections.abc import Mapping

from local.layout import Layout
from local.ports import LOOPBACK
from wayfare.inventory import ACTORS, SERVICES, Service

_PER_PROCESS = frozenset(
    {"WAYFARE_PORT", "WAYFARE_ADMIN_PORT", "WAYFARE_GRPC_PORT", "WAYFARE_PROCESS", "WAYFARE_CACHE"}
)


def port_names(services: tuple[Service, ...] = (*SERVICES, *ACTORS)) -> list[str]:
    """The names of the ports that services need: `<service>.admin`, `.http`, `.grpc`."""
    names = []
    for service in services:
        names.append(f"{service.name}.admin")
        if service.public:
            names.append(f"{service.name}.http")
        if service.grpc:
            names.append(f"{service.name}.grpc")
    return names


def common(layout: Layout, ports: Mapping[str, int], given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What every process of the installation is told; a WAYFARE_* variable that only `given` sets is handed on."""
    variables = {
        name: value for name, value in given.items() if name.startswith("WAYFARE_") and name not in _PER_PROCESS
    }
    variables |= {
        "WAYFARE_STATE": str(layout.state),
        "WAYFARE_ENV": given.get("WAYFARE_ENV", "development"),
        "WAYFARE_LOG_LEVEL": given.get("WAYFARE_LOG_LEVEL", "info"),
        "WAYFARE_ADMIN_HOST": LOOPBACK,
        "WAYFARE_HOST": LOOPBACK,
        "WAYFARE_CITIES_FILE": str(layout.cities_file),
        "WAYFARE_MODELS_DIR": str(layout.models),
        "WAYFARE_ARTIFACT_STORE": layout.artifacts.as_uri(),
        "WAYFARE_TRUSTED_KEYS_DIR": str(layout.keys / "trusted"),
        "WAYFARE_QUOTE_KEYS_DIR": str(layout.keys / "quotes"),
        "WAYFARE_PSEUDONYM_KEY_FILE": str(layout.keys / "pseudonym" / "pseudonym.key"),
        "WAYFARE_SESSION_KEY_FILE": str(layout.keys / "session" / "session.key"),
        "WAYFARE_JWKS": str(layout.keys / "jwks" / "jwks.json"),
        "WAYFARE_SERVICE_TOKEN_FILE": str(layout.keys / "tokens" / "service.token"),
        "WAYFARE_LAKE": str(layout.lake),
    }
    addresses = {
        "WAYFARE_KAFKA_BOOTSTRAP": ("kafka", f"{LOOPBACK}:%d"),
        "WAYFARE_REDIS_URL": ("redis", f"redis://{LOOPBACK}:%d/0"),
        "WAYFARE_CASSANDRA_HOSTS": ("cassandra", f"{LOOPBACK}:%d"),
        "WAYFARE_MODEL_SERVER": ("model_server.grpc", f"{LOOPBACK}:%d"),
        "WAYFARE_EVENTS_URL": ("events_api.http", f"http://{LOOPBACK}:%d"),
        "WAYFARE_PRICING_URL": ("pricing_api.http", f"http://{LOOPBACK}:%d"),
        "WAYFARE_CONSOLE_URL": ("console.http", f"http://{LOOPBACK}:%d"),
        "WAYFARE_PROMETHEUS_URL": ("prometheus", f"http://{LOOPBACK}:%d"),
        "WAYFARE_ALERTMANAGER_URL": ("alertmanager", f"http://{LOOPBACK}:%d"),
    }
    variables |= {name: form % ports[port] for name, (port, form) in addresses.items() if port in ports}
    return variables


def of_service(service: Service, layout: Layout, ports: Mapping[str, int]) -> dict[str, str]:
    """What one service is told on top of `common`: its own ports, and a private key only where it signs."""
    own = {"WAYFARE_ADMIN_PORT": str(ports[f"{service.name}.admin"])}
    if service.public:
        own["WAYFARE_PORT"] = str(ports[f"{service.name}.http"])
    if service.grpc:
        own["WAYFARE_GRPC_PORT"] = str(ports[f"{service.name}.grpc"])
    if service.name == "console":
        # Browsers come by plain HTTP on loopback.
        own["WAYFARE_CONSOLE_TLS"] = "false"
    if service.name == "publisher":
        own["WAYFARE_PUBLISHER_KEY_FILE"] = str(layout.keys / "publisher")
    return own


def of_operator(layout: Layout, ports: Mapping[str, int], given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What commands and pipelines on this machine are told: `common`, and the key that signs artifacts."""
    return common(layout, ports, given) | {"WAYFARE_TRAINER_KEY_FILE": str(layout.keys / "trainer")}
