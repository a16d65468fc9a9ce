"""More consumers, fewer, and one that was given up on and comes back: the registers are those of an uninterrupted run."""

from __future__ import annotations

import contextlib
import re
import socket
import time
import urllib.parse
from collections.abc import Iterator

import psutil

from bench.soak.processes import until


def test_partitions_go_to_more_consumers_and_back_to_fewer_in_mid_stream(stage):
    with stage.log(8) as log, stage.ingest() as first:

        def go_on_until(true) -> None:
            def moved() -> bool:
                log.step()
                return true()

            until(moved, "the partitions are shared out anew")

        go_on_until(lambda: set(stage.group.shares()) == {first.pid})
        with stage.ingest("second") as second:
            with stage.ingest("third") as third:
                go_on_until(lambda: set(stage.group.shares()) == {first.pid, second.pid, third.pid})
                shares = stage.group.shares().values()
                assert sum(shares) == 9
                assert min(shares) > 0
                for _ in range(6):
                    log.step()
            go_on_until(lambda: set(stage.group.shares()) == {first.pid, second.pid})
            second.kill()
            stage.group.throw_out(second.pid)
            go_on_until(lambda: stage.group.shares() == {first.pid: 9})
            second.start()
            go_on_until(lambda: set(stage.group.shares()) == {first.pid, second.pid})
            stage.until_equal()
        for _ in range(6):
            log.step()
        stage.until_equal()


def test_a_consumer_frozen_and_given_up_on_that_comes_back_and_writes_late_changes_nothing(stage):
    with stage.log(9) as log, stage.ingest("slow") as slow:
        until(lambda: stage.group.shares() == {slow.pid: 9}, "it has all partitions")
        for _ in range(10):
            log.step()
        stage.until_written()
        # Frozen with records on their way to it, of which it knows when it is thawed.
        for _ in range(5):
            log.step()
        slow.freeze()
        ports = {c.laddr.port for c in psutil.Process(slow.pid).net_connections("tcp")}
        for _ in range(8):
            log.step()
        stage.group.throw_out(slow.pid)
        with stage.ingest("quick") as quick:
            until(lambda: stage.group.shares() == {quick.pid: 9}, "the other has all partitions")
            for _ in range(8):
                log.step()
            before = stage.until_equal()
            with _commands(stage.servers.redis_url) as commands:
                slow.thaw()
                wrote = _writes(commands, stage.city, ports)
            assert wrote, "the consumer that came back wrote what it had been about to write"
            assert stage.until_equal() == before
            until(lambda: set(stage.group.shares()) == {quick.pid, slow.pid}, "it is a member again")
            for _ in range(8):
                log.step()
            stage.until_equal()


@contextlib.contextmanager
def _commands(redis_url: str) -> Iterator[socket.socket]:
    """A connection on which Redis tells every command and the address that it came from."""
    address = urllib.parse.urlparse(redis_url)
    with socket.create_connection((address.hostname, address.port), timeout=0.5) as told:
        told.sendall(b"MONITOR\r\n")
        yield told


def _writes(commands: socket.socket, city: str, ports: set[int], seconds: float = 60.0) -> int:
    """How many scripts were run on this city's keys over connections from these ports, once there are any."""
    end, told = time.monotonic() + seconds, b""
    wrote = re.compile(rb'127\.0\.0\.1:(\d+)\] "EVALSHA"[^\n]*' + city.encode())
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            told += commands.recv(1 << 20)
        if found := sum(int(port) in ports for port in wrote.findall(told)):
            return found
    return 0
