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

from local import cities, environment, keys, ports, probes, reap, reports, servers, stores, supervise, watchers
from local.errors import StackFailed, SupervisionFailed
from local.layout import Layout, default_cache
from local.reports import Addresses, ProcessStatus
from local.servers import Program
from wayfare.inventory import ACTORS, SERVERS, SERVICES, WATCHERS, Service
from wayfare.runtime.clock import wall_ms

__all__ = [
    "ACTOR_NAMES",
    "SERVER_NAMES",
    "SERVICE_NAMES",
    "WATCHER_NAMES",
    "Addresses",
    "ProcessStatus",
    "Stack",
    "StackFailed",
]

SERVER_NAMES = tuple(row.name for row in SERVERS)
SERVICE_NAMES = tuple(row.name for row in SERVICES)
ACTOR_NAMES = tuple(row.name for row in ACTORS)
WATCHER_NAMES = tuple(row.name for row in WATCHERS)
KNOWN_NAMES = (*SERVER_NAMES, *WATCHER_NAMES, *SERVICE_NAMES, *ACTOR_NAMES)
REST = (*WATCHER_NAMES, *SERVER_NAMES)

SERVER_TIMEOUT_SECONDS = 180.0
SERVICE_TIMEOUT_SECONDS = 120.0
STOP_TIMEOUT_SECONDS = 30.0
MOST_ATTEMPTS = 4
"""A process that was started more often than this while it was waited for will not come up."""

Say = Callable[[str, str], None]
"""Told of progress as (name of the process or step, what happens to it)."""


def _silent(_name: str, _what: str) -> None:
    """Progress that nobody watches."""


class Stack:
    """One installation: everything it writes and runs is found by its state folder.

    settings: WAYFARE_* variables of this installation alone; they win over this process's environment.
    """

    def __init__(
        self, state: pathlib.Path, *, cache: pathlib.Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.layout = Layout(state.resolve())
        self.cache = cache or default_cache()
        self._given = {**os.environ, **(settings or {})}

    def start(self, names: Iterable[str] | None = None, say: Say = _silent) -> Addresses:
        """Start these processes (default: all but the actors), wait until servers answer and services live, and prepare the stores.

        Processes that run already stay as they are. A service that lives may still wait for what it needs, such as a
        model: see `wait_ready`. StackFailed names what did not come up, with the end of its log.
        """
        wanted = list(names) if names is not None else [*SERVER_NAMES, *WATCHER_NAMES, *SERVICE_NAMES]
        _refuse_unknown(wanted)
        self.layout.make()
        with self._lock():
            self._end_orphans(say)
            keys.make_development(self.layout.keys)
            keys.make(self.layout.keys, wall_ms())
            cities.write_default(self.layout.cities_file)
            chosen = self._choose_ports()
            marks = environment.common(self.layout, chosen, self._given)
            text = supervise.configuration(self.layout, self._programs(chosen, wanted), marks)
            supervise.launch(self.layout, text, {**self._given, **marks})
            watchers.read_again(supervise.states(self.layout))
            first = [name for name in (*SERVER_NAMES, *WATCHER_NAMES) if name in wanted]
            with ThreadPoolExecutor(len(first) or 1) as pool, probes.quiet_drivers():
                rising = [pool.submit(self._raise_server, name, chosen, say) for name in first]
                for server in rising:
                    server.result()
            self._raise_services([row for row in (*SERVICES, *ACTORS) if row.name in wanted], chosen, say)
        return self.addresses()

    def _choose_ports(self) -> dict[str, int]:
        """Ports of processes that are up are taken by them, and stay theirs."""
        up = {name for name, (_state, pid) in supervise.states(self.layout).items() if pid}
        return ports.choose(
            port_names(), self.layout.ports_file, in_use_by_us=lambda name: name.partition(".")[0] in up
        )

    def _programs(self, chosen: Mapping[str, int], wanted: Iterable[str]) -> list[Program]:
        programs = [servers.program(name, self.layout, chosen, self.cache) for name in SERVER_NAMES]
        programs += watchers.programs(self.layout, chosen, self._given, wanted)
        for row in (*SERVICES, *ACTORS):
            command = (sys.executable, "-m", row.module)
            own = environment.of_service(row, self.layout, chosen)
            programs.append(Program(row.name, command, self.layout.state, own))
        return programs

    def _raise_server(self, name: str, chosen: Mapping[str, int], say: Say) -> None:
        say(name, "starting")
        if name in SERVER_NAMES:
            servers.prepare(name, self.layout, self.cache)
        supervise.start(self.layout, name)
        self._wait(name, probes.of_server(name, chosen, self.layout.state), SERVER_TIMEOUT_SECONDS)
        stores.prepare(name, chosen[name], self.layout.state)
        say(name, "ok")

    def _raise_services(self, wanted: Sequence[Service], chosen: Mapping[str, int], say: Say) -> None:
        for row in wanted:
            say(row.name, "starting")
            supervise.start(self.layout, row.name)
        for row in wanted:
            self._wait(row.name, probes.of_service(row.name, chosen, "/healthz"), SERVICE_TIMEOUT_SECONDS)
            say(row.name, probes.of_service(row.name, chosen)() or "ok")

    def _wait(self, name: str, probe: probes.Probe, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        attempts: set[int | None] = set()
        while (reason := probe()) is not None:
            attempts.add(supervise.last_start(self.layout, name))
            if time.monotonic() > deadline or len(attempts) > MOST_ATTEMPTS:
                raise StackFailed(f"{name} did not come up: {reason}\n{self.end_of_log(name)}")
            time.sleep(0.2)

    def wait_ready(self, names: Iterable[str] = SERVICE_NAMES, timeout_seconds: float = 60.0) -> None:
        """Wait until these services are ready; StackFailed tells the reasons of the first that is not."""
        chosen = self._known_ports()
        for name in names:
            self._wait(name, probes.of_service(name, chosen), timeout_seconds)

    def end_of_log(self, name: str, size: int = 3000) -> str:
        """The last bytes of a process's log."""
        path = self.layout.logs / f"{name}.log"
        if not path.exists():
            return f"(no log at {path})"
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return f"the end of {path}:\n" + file.read().decode(errors="replace")

    def _known_ports(self) -> dict[str, int]:
        if not self.layout.ports_file.exists():
            raise StackFailed(f"nothing was ever started with this state folder: `wayfare up`, got {self.layout.state}")
        if lacking := self._ports_lacking():
            raise StackFailed(
                f"another version chose the ports of this state folder: `wayfare up`, got none for {lacking}"
            )
        return ports.choose((), self.layout.ports_file)

    def _ports_lacking(self) -> list[str]:
        """What an older version knew no ports of; the next start chooses them."""
        return sorted({*port_names()} - {*ports.choose((), self.layout.ports_file)})

    def addresses(self) -> Addresses:
        """Where the installation's processes listen when they run; StackFailed when none was ever started."""
        return reports.addresses(self.layout, self._known_ports())

    def stop_only(self, names: Iterable[str]) -> None:
        """Stop these processes and leave the others; each has its own time to drain."""
        supervise.stop(self.layout, names)

    def environment(self) -> dict[str, str]:
        """The WAYFARE_* variables for commands and pipelines that work with this installation."""
        return environment.of_operator(self.layout, self._known_ports(), self._given)

    def status(self) -> list[ProcessStatus]:
        """Every process of the installation, probed now; empty when nothing was ever started by this version or runs by another."""
        if not self.layout.ports_file.exists():
            return []
        if self._ports_lacking() and not supervise.is_running(self.layout):
            return []
        return reports.status(self.layout, self._known_ports())

    def stop(self, say: Say = _silent) -> list[str]:
        """Stop everything, services before servers, also after a killed supervisor; returns what was running.

        StackFailed when a process or a port is left, which it names.
        """
        if not self.layout.state.is_dir():
            return []
        with self._lock():
            stopped = sorted(name for name, (_state, pid) in supervise.states(self.layout).items() if pid)
            held = reap.listening(self.layout.state)
            # A supervisor that dies meanwhile leaves the rest to the search by marks.
            with contextlib.suppress(SupervisionFailed):
                for names in (ACTOR_NAMES, SERVICE_NAMES, REST) if supervise.is_running(self.layout) else ():
                    for name in (name for name in names if name in stopped):
                        say(name, "stopping")
                    supervise.stop(self.layout, names)
                    for name in (name for name in names if name in stopped):
                        say(name, "stopped")
                if supervise.is_running(self.layout):
                    supervise.shut_down(self.layout)
            stopped += [name for name in reap.end(self.layout.state, STOP_TIMEOUT_SECONDS) if name not in stopped]
            supervise.forget(self.layout)
            self._verify_nothing_is_left(held)
        return stopped

    def _end_orphans(self, say: Say) -> None:
        """Processes that a killed supervisor left hold the ports and files that new ones need."""
        if not supervise.is_running(self.layout):
            for name in reap.end(self.layout.state, STOP_TIMEOUT_SECONDS):
                say(name, "ended: a killed supervisor had left it")
            supervise.forget(self.layout)

    def _verify_nothing_is_left(self, held: Mapping[int, str]) -> None:
        left = [f"{name} (pid {process.pid})" for process, name in reap.marked(self.layout.state).items()]
        left += [f"port {port} of {name}" for port, name in held.items() if ports.answers(port)]
        if left:
            raise StackFailed(f"these are still there after the stop, got {left}")

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One start or stop of an installation at a time."""
        self.layout.run.mkdir(parents=True, exist_ok=True)
        with (self.layout.run / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def port_names() -> list[str]:
    """The names of all ports that an installation uses."""
    of_servers = [name for server in SERVER_NAMES for name in servers.PORTS[server]]
    return of_servers + [*WATCHER_NAMES] + environment.port_names()


def _refuse_unknown(wanted: Sequence[str]) -> None:
    unknown = [name for name in wanted if name not in KNOWN_NAMES]
    if unknown:
        raise StackFailed(f"names are among {[*KNOWN_NAMES]}, got {unknown}")
    missing = [row.module for row in (*SERVICES, *ACTORS) if row.name in wanted and not module_exists(row.module)]
    if missing:
        raise StackFailed(f"these services have no module to run, got {missing}")


def module_exists(module: str) -> bool:
    """True when `python -m module` would find it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
