"""Where an installation's processes are and how each is, as `wayfare status` and the demo show them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from local import environment, ports, probes, reap, supervise
from local.layout import Layout
from wayfare.inventory import ACTORS, SERVERS, SERVICES, WATCHERS, Service


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a started installation can be reached; None for what has no port yet."""

    state: pathlib.Path
    kafka_bootstrap: str
    redis_url: str
    cassandra_hosts: str
    model_server: str | None = None
    events_url: str | None = None
    pricing_url: str | None = None
    console_url: str | None = None
    prometheus_url: str | None = None
    alertmanager_url: str | None = None


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process as `wayfare status` shows it. health is `ok`, or what is wrong as a sentence."""

    name: str
    address: str | None
    admin_address: str | None
    pid: int | None
    health: str


def addresses(layout: Layout, chosen: Mapping[str, int]) -> Addresses:
    """Where the processes listen when they run."""
    given = environment.common(layout, chosen)
    return Addresses(
        state=layout.state,
        kafka_bootstrap=given["WAYFARE_KAFKA_BOOTSTRAP"],
        redis_url=given["WAYFARE_REDIS_URL"],
        cassandra_hosts=given["WAYFARE_CASSANDRA_HOSTS"],
        model_server=given.get("WAYFARE_MODEL_SERVER"),
        events_url=given.get("WAYFARE_EVENTS_URL"),
        pricing_url=given.get("WAYFARE_PRICING_URL"),
        console_url=given.get("WAYFARE_CONSOLE_URL"),
        prometheus_url=given.get("WAYFARE_PROMETHEUS_URL"),
        alertmanager_url=given.get("WAYFARE_ALERTMANAGER_URL"),
    )


def status(layout: Layout, chosen: Mapping[str, int]) -> list[ProcessStatus]:
    """Servers, services, and actors that run, all probed at the same time."""
    states = supervise.states(layout)
    if not states:  # the pid of an orphan is the oldest process with its mark: a worker is younger than its master
        orphans = sorted(reap.marked(layout.state).items(), key=lambda pair: -pair[0].create_time())
        states = {name: ("ORPHAN", process.pid) for process, name in orphans}

    def of(row: Service | None, name: str) -> ProcessStatus:
        state, pid = states.get(name, ("STOPPED", None))
        health = "stopped"
        if state not in {"STOPPED", "UNKNOWN"}:
            probe = probes.of_server(name, chosen, layout.state) if row is None else probes.of_service(name, chosen)
            health = probe() or "ok"
            if state == "ORPHAN":
                health = "left by a killed supervisor: `wayfare up` or `wayfare down` cleans up"
            elif health != "ok" and state != "RUNNING":
                health = f"{state.lower()}: {health}"
        return ProcessStatus(name, _address(row, name, chosen), _admin_address(row, chosen), pid, health)

    rows: list[tuple[Service | None, str]] = [(None, row.name) for row in (*SERVERS, *WATCHERS)]
    rows += [(row, row.name) for row in SERVICES]
    rows += [(row, row.name) for row in ACTORS if states.get(row.name, ("", None))[1]]
    with probes.quiet_drivers(), ThreadPoolExecutor(len(rows)) as pool:
        return list(pool.map(lambda pair: of(*pair), rows))


def _address(row: Service | None, name: str, chosen: Mapping[str, int]) -> str | None:
    if row is None:
        return f"{ports.LOOPBACK}:{chosen[name]}"
    if row.public:
        return f"http://{ports.LOOPBACK}:{chosen[name + '.http']}"
    return f"{ports.LOOPBACK}:{chosen[name + '.grpc']}" if row.grpc else None


def _admin_address(row: Service | None, chosen: Mapping[str, int]) -> str | None:
    return f"http://{ports.LOOPBACK}:{chosen[row.name + '.admin']}" if row else None
