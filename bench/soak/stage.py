"""Servers of a soak's own with a proxy before each, and two ingests that reach them through the proxies alone."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

import redis

from bench.soak.checker import Checker
from bench.soak.faults import Reach
from bench.soak.processes import Group, Process, ingest_variables
from bench.soak.proxy import Proxy
from bench.soak.recorded import RecordedLog
from local import ports, probes, supervise
from local.stack import Stack

CITY = "soak"
GROUP = "ingest-soak"
LISTENER = "THROUGH"


@dataclass(frozen=True)
class Stage:
    """Everything that a soak works with. folder: what ingest says, by consumer."""

    stack: Stack
    log: RecordedLog
    checker: Checker
    reach: Reach
    folder: pathlib.Path

    @property
    def consumers(self) -> tuple[Process, ...]:
        """The spared one first."""
        return (self.reach.spared, *self.reach.killed)


@contextlib.contextmanager
def stage(recording: pathlib.Path, proxied: bool = True, **settings: str) -> Iterator[Stage]:
    """Start everything and end it; the state folder is kept when the block raises.

    proxied: ingest reaches its servers through proxies. settings: WAYFARE_* variables of ingest's own.
    """
    stack = Stack(pathlib.Path(tempfile.mkdtemp(prefix="wayfare-soak-")))
    with contextlib.ExitStack() as ends:
        ends.callback(stack.stop)
        addresses = stack.start(["kafka", "redis"])
        proxies: tuple[Proxy, ...] = ()
        through = addresses.kafka_bootstrap, addresses.redis_url
        if proxied:
            chosen = ports.choose(["kafka.through"], stack.layout.ports_file)
            proxies = Proxy(chosen["kafka.through"]), Proxy(chosen["redis"])
            for proxy in proxies:
                ends.callback(proxy.close)
            _listen_twice(stack, chosen["kafka.through"], proxies[0].port)
            through = f"127.0.0.1:{proxies[0].port}", f"redis://127.0.0.1:{proxies[1].port}/0"
        variables = ingest_variables(stack.layout.state, *through, GROUP) | settings
        consumers = [
            Process("services.ingest.main", variables, stack.layout.logs / f"ingest-{number}.log") for number in (1, 2)
        ]
        for consumer in consumers:
            ends.callback(consumer.close)
        options = {"bootstrap_servers": addresses.kafka_bootstrap.split(",")}
        log = RecordedLog(options, CITY, recording)
        ends.callback(log.close)
        client = redis.Redis.from_url(addresses.redis_url, socket_timeout=5.0)
        group = Group(addresses.kafka_bootstrap, GROUP)
        reach = Reach(stack, group, consumers[0], tuple(consumers[1:]), proxies, client)
        yield Stage(stack, log, Checker(options, client, CITY), reach, stack.layout.logs)
    shutil.rmtree(stack.layout.state)


def _listen_twice(stack: Stack, port: int, proxied_port: int) -> None:
    """Kafka tells its clients where it is, so what must go through the proxy needs a listener that says so."""
    file = stack.layout.run / "kafka" / "server.properties"
    told = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line and line[0] != "#")
    with file.open("a") as more:
        more.write(
            f"\nlisteners={told['listeners']},{LISTENER}://127.0.0.1:{port}"
            f"\nadvertised.listeners={told['advertised.listeners']},{LISTENER}://127.0.0.1:{proxied_port}"
            f"\nlistener.security.protocol.map={told['listener.security.protocol.map']},{LISTENER}:PLAINTEXT\n"
        )
    supervise.stop(stack.layout, ["kafka"])
    supervise.start(stack.layout, "kafka")
    until_up(stack, "kafka")


def until_up(stack: Stack, name: str, seconds: float = 300.0) -> None:
    """Wait until a server answers."""
    probe = probes.of_server(name, ports.choose((), stack.layout.ports_file), stack.layout.state)
    deadline = time.monotonic() + seconds
    with probes.quiet_drivers():
        while (reason := probe()) is not None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} did not come back: {reason}, got {seconds:g} s")
            time.sleep(0.2)
