"""The whole of Wayfare on one machine: start it, ask how it is, stop it without a trace.

`Stack(state).start()` is what `wayfare up`, the demo, the tests and the benchmarks use.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from local import environment, keys, ports, probes, reap, servers, supervise
from local.layout import Layout, default_cache
from local.servers import Program
from wayfare.inventory import ACTORS, SERVERS, SERVICES, Service

SERVER_NAMES = tuple(row.name for row in SERVERS)
SERVICE_NAMES = tuple(row.name for row in SERVICES)
ACTOR_NAMES = tuple(row.name for row in ACTORS)
PROCESSES = (*SERVICES, *ACTORS)

SERVER_TIMEOUT_SECONDS = 120.0
SERVICE_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 30.0

Say = Callable[[str, str], None]
"""Told of progress as (name of the process or step, what happens to it)."""


class StackFailed(Exception):
    """Something did not start, or did not stop."""


def _silent(_name: str, _what: str) -> None:
    """Progress that nobody watches."""


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


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process as `wayfare status` shows it. health is `ok`, or what is wrong as a sentence."""

    name: str
    address: str | None
    admin_address: str | None
    pid: int | None
    health: str


class Stack:
    """One installation: everything it writes and runs is found by its state folder."""

    def __init__(self, state: pathlib.Path, *, cache: pathlib.Path | None = None) -> None:
        self.layout = Layout(state.resolve())
        self.cache = cache or default_cache()

    # -- starting -------------------------------------------------------------------------------------------------

    def start(self, names: Iterable[str] | None = None, say: Say = _silent) -> Addresses:
        """Start these processes (default: all but the actors), wait until servers answer and services live, and prepare the stores.

        Processes that run already stay as they are. StackFailed names what did not come up and the end of its log.
        """
        wanted = list(names) if names is not None else [*SERVER_NAMES, *SERVICE_NAMES]
        known = (*SERVER_NAMES, *SERVICE_NAMES, *ACTOR_NAMES)
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise StackFailed(f"names are among {list(known)}, got {unknown}")
        missing = [row.module for row in PROCESSES if row.name in wanted and not module_exists(row.module)]
        if missing:
            raise StackFailed(f"these services have no module to run, got {missing}")
        self.layout.make()
        with self._lock():
            self._end_orphans(say)
            keys.make(self.layout)
            self._write_cities_unless_there()
            running = {name for name, (state, _pid) in supervise.states(self.layout).items() if state == "RUNNING"}
            chosen = self._choose_ports(running)
            programs = [servers.program(name, self.layout, chosen, self.cache) for name in SERVER_NAMES]
            programs += [self._service_program(row, chosen) for row in PROCESSES]
            marks = environment.common(self.layout, chosen)
            text = supervise.configuration(self.layout, programs, marks)
            supervise.launch(self.layout, text, {**os.environ, **marks})
            wanted_servers = [name for name in SERVER_NAMES if name in wanted]
            with ThreadPoolExecutor(len(SERVER_NAMES)) as pool:
                list(pool.map(lambda name: self._bring_up_server(name, chosen, say), wanted_servers))
            self._start_services([row for row in PROCESSES if row.name in wanted], chosen, say)
        return self.addresses()

    def _choose_ports(self, running: set[str]) -> dict[str, int]:
        names = [name for server in SERVER_NAMES for name in servers.PORTS[server]] + environment.port_names()
        return ports.choose(names, self.layout.ports_file, in_use_by_us=lambda name: name.partition(".")[0] in running)

    def _service_program(self, service: Service, chosen: Mapping[str, int]) -> Program:
        return Program(
            service.name,
            (sys.executable, "-m", service.module),
            self.layout.state,
            environment.of_service(service, self.layout, chosen),
        )

    def _bring_up_server(self, name: str, chosen: dict[str, int], say: Say) -> None:
        say(name, "starting")
        servers.prepare(name, self.layout, self.cache)
        supervise.start(self.layout, name)
        self._wait(name, probes.of_server(name, chosen, self.layout.state), SERVER_TIMEOUT_SECONDS)
        from local import stores  # drivers of Kafka and Cassandra load only when a server has been started

        stores.prepare(name, chosen[name], self.layout.state)
        say(name, "ok")

    def _start_services(self, wanted: Sequence[Service], chosen: Mapping[str, int], say: Say) -> None:
        for row in wanted:
            say(row.name, "starting")
            supervise.start(self.layout, row.name)
        for row in wanted:
            admin = chosen[f"{row.name}.admin"]
            self._wait(row.name, lambda admin=admin: probes.service(admin, "/healthz"), SERVICE_TIMEOUT_SECONDS)
            say(row.name, probes.service(admin) or "ok")

    def _wait(self, name: str, probe: Callable[[], str | None], timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        with probes.quiet_drivers():
            while (reason := probe()) is not None:
                state, _pid = supervise.states(self.layout).get(name, ("UNKNOWN", None))
                if time.monotonic() > deadline or state == "FATAL":
                    raise StackFailed(f"{name} did not come up ({state}): {reason}\n{self.end_of_log(name)}")
                time.sleep(0.2)

    def wait_ready(self, names: Iterable[str] = SERVICE_NAMES, timeout_seconds: float = 60.0) -> None:
        """Wait until these services are ready; StackFailed tells the reasons of the first that is not."""
        chosen = self._known_ports()
        for name in names:
            self._wait(name, lambda name=name: probes.service(chosen[f"{name}.admin"]), timeout_seconds)

    def end_of_log(self, name: str, size: int = 3000) -> str:
        """The last bytes of a process's log."""
        path = self.layout.logs / f"{name}.log"
        if not path.exists():
            return f"(no log at {path})"
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return f"the end of {path}:\n" + file.read().decode(errors="replace")

    # -- asking ---------------------------------------------------------------------------------------------------

    def _known_ports(self) -> dict[str, int]:
        if not self.layout.ports_file.exists():
            raise StackFailed(f"nothing was ever started with this state folder, got {self.layout.state}")
        return ports.choose((), self.layout.ports_file)

    def addresses(self) -> Addresses:
        """Where the installation's processes listen when they run; StackFailed when none was ever started."""
        given = environment.common(self.layout, self._known_ports())
        return Addresses(
            state=self.layout.state,
            kafka_bootstrap=given["WAYFARE_KAFKA_BOOTSTRAP"],
            redis_url=given["WAYFARE_REDIS_URL"],
            cassandra_hosts=given["WAYFARE_CASSANDRA_HOSTS"],
            model_server=given.get("WAYFARE_MODEL_SERVER"),
            events_url=given.get("WAYFARE_EVENTS_URL"),
            pricing_url=given.get("WAYFARE_PRICING_URL"),
        )

    def stop_only(self, names: Iterable[str]) -> None:
        """Stop these processes and leave the others; each has its own time to drain."""
        supervise.stop(self.layout, names)

    def environment(self) -> dict[str, str]:
        """The WAYFARE_* variables for commands and pipelines that work with this installation."""
        return environment.of_operator(self.layout, self._known_ports())

    def status(self) -> list[ProcessStatus]:
        """Every process of the installation, probed now; empty when nothing was ever started."""
        if not self.layout.ports_file.exists():
            return []
        chosen = self._known_ports()
        states = supervise.states(self.layout)
        actors = [name for name in ACTOR_NAMES if states.get(name, ("", None))[1]]
        names = [*SERVER_NAMES, *SERVICE_NAMES, *actors]
        admin = {row.name: f"{row.name}.admin" for row in PROCESSES}
        kinds = {row.name: row for row in PROCESSES}

        def one(name: str) -> ProcessStatus:
            state, pid = states.get(name, ("STOPPED", None))
            probe = (
                probes.of_server(name, chosen, self.layout.state)
                if name in SERVER_NAMES
                else lambda: probes.service(chosen[admin[name]])
            )
            health = "stopped" if state in {"STOPPED", "UNKNOWN"} else probe() or "ok"
            if health != "ok" and state not in {"RUNNING", "STOPPED", "UNKNOWN"}:
                health = f"{state.lower()}: {health}"
            return ProcessStatus(
                name, _address(name, kinds.get(name), chosen), _admin(admin.get(name), chosen), pid, health
            )

        with probes.quiet_drivers(), ThreadPoolExecutor(12) as pool:
            return list(pool.map(one, names))

    # -- stopping -------------------------------------------------------------------------------------------------

    def stop(self, say: Say = _silent) -> list[str]:
        """Stop everything, services before servers, also after a killed supervisor; returns what was running.

        StackFailed when a process or a port is left, which it names.
        """
        if not self.layout.state.is_dir():
            return []
        with self._lock():
            states = supervise.states(self.layout)
            stopped = sorted(name for name, (_state, pid) in states.items() if pid)
            if supervise.is_running(self.layout):
                for names in (ACTOR_NAMES, SERVICE_NAMES, SERVER_NAMES):
                    for name in names:
                        if name in stopped:
                            say(name, "stopping")
                    supervise.stop(self.layout, names)
                supervise.shut_down(self.layout)
            stopped += [name for name in reap.end(self.layout.state, STOP_TIMEOUT_SECONDS) if name not in stopped]
            supervise.forget(self.layout)
            self._verify_nothing_is_left()
        return stopped

    def _end_orphans(self, say: Say) -> None:
        if not supervise.is_running(self.layout):
            for name in reap.end(self.layout.state, STOP_TIMEOUT_SECONDS):
                say(name, "ended, left by a killed supervisor")
            supervise.forget(self.layout)
            self.layout.make()

    def _verify_nothing_is_left(self) -> None:
        left = [f"{name} (pid {process.pid})" for process, name in reap.marked(self.layout.state).items()]
        if self.layout.ports_file.exists():
            left += [f"port {port} of {name}" for name, port in self._known_ports().items() if ports.answers(port)]
        if left:
            raise StackFailed(f"these are still there after the stop, got {left}")

    # -- details --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One start or stop of an installation at a time."""
        self.layout.run.mkdir(parents=True, exist_ok=True)
        with (self.layout.run / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _write_cities_unless_there(self) -> None:
        from local import cities

        cities.write_default(self.layout.cities_file)


def module_exists(module: str) -> bool:
    """True when `python -m module` would find it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _address(name: str, service: Service | None, chosen: Mapping[str, int]) -> str | None:
    if service is None:
        return f"{ports.LOOPBACK}:{chosen[name]}"
    if service.public:
        return f"http://{ports.LOOPBACK}:{chosen[name + '.http']}"
    return f"{ports.LOOPBACK}:{chosen[name + '.grpc']}" if service.grpc else None


def _admin(port_name: str | None, chosen: Mapping[str, int]) -> str | None:
    return f"http://{ports.LOOPBACK}:{chosen[port_name]}" if port_name else None
