"""A web service as a process of its own, requests to it over kept connections, and what they cost it in CPU.

Bodies are made before the clock starts, and the CPU of the client is not counted: a core's worth is the CPU time of the
service's whole process tree, in seconds that do not depend on what else the machine does.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import psutil

from bench.stage import ROOT

READY_SECONDS = 240.0
END_SECONDS = 60.0


class Service(NamedTuple):
    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Of the process and its children, so far."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in family)


class Cost(NamedTuple):
    """Of some requests: pings that were accepted, seconds of the service's CPU, seconds by the wall."""

    pings: int
    cpu_seconds: float
    wall_seconds: float


class Sender(NamedTuple):
    """One client: its headers, the bodies it goes through, and how many pings each holds."""

    headers: Mapping[str, str]
    bodies: Sequence[bytes]
    size: int


@contextlib.contextmanager
def running(
    command: Sequence[str], variables: Mapping[str, str], port: int, ready: str, log: pathlib.Path
) -> Iterator[Service]:
    """A service while the block lasts; `ready` is an address that answers 200 once it can work, `log` gets its output."""
    told = {k: v for k, v in os.environ.items() if not k.startswith("WAYFARE_")} | variables
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=told, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait(ready, process, log)
            yield Service(port, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(END_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
    ends = time.monotonic() + READY_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"a service does not get ready: {error}, got {log.read_text()[-3000:]}") from error
            time.sleep(0.2)


def load(service: Service, path: str, senders: Sequence[Sender], seconds: float, rounds: int = 0) -> Cost:
    """Every sender posts its bodies in turn for so many seconds, or each so many times; RuntimeError unless all are 202."""
    ends = time.monotonic() + seconds
    accepted = [0] * len(senders)
    problems: list[str] = []

    def client(number: int, sender: Sender) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        sent = 0
        with contextlib.closing(connection):
            while not problems and (sent < rounds * len(sender.bodies) if rounds else time.monotonic() < ends):
                connection.request("POST", path, sender.bodies[sent % len(sender.bodies)], dict(sender.headers))
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 202 or f'"accepted":{sender.size}' not in body.decode().replace(" ", ""):
                    problems.append(f"{answer.status} {body[:300]!r}")
                    return
                sent += 1
                accepted[number] += sender.size

    threads = [threading.Thread(target=client, args=one) for one in enumerate(senders)]
    before, began = service.cpu_seconds(), time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems or not all(accepted):
        raise RuntimeError(f"every ping must be accepted, got {problems[:1] or 'none sent'}")
    return Cost(sum(accepted), service.cpu_seconds() - before, time.monotonic() - began)
