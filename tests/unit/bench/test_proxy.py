"""The proxy of a soak, with a server that sends back what it gets."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from bench.soak.proxy import Proxy


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(65_536):
                self.request.sendall(data)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = Proxy(server.server_address[1])
        yield made
        made.close()
        server.shutdown()


def _connection(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10.0)


def _echoed(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    found = b""
    while len(found) < len(data):
        found += connection.recv(65_536)
    return found


def test_bytes_go_through_both_ways_unchanged(proxy):
    data = bytes(range(256)) * 2_000
    with _connection(proxy) as one, _connection(proxy) as other:
        assert _echoed(one, data) == data
        assert _echoed(other, b"x") == b"x"


def test_a_connection_that_is_cut_is_reset_and_the_next_one_works(proxy):
    with _connection(proxy) as one:
        assert _echoed(one, b"x") == b"x"
        assert proxy.cut() == 1
        with pytest.raises(ConnectionResetError):
            one.recv(1)
    with _connection(proxy) as again:
        assert _echoed(again, b"z") == b"z"


def test_each_chunk_waits_and_nothing_goes_through_while_held(proxy):
    with _connection(proxy) as one:
        proxy.delay_seconds = 0.1
        began = time.monotonic()
        assert _echoed(one, b"x") == b"x"
        assert time.monotonic() - began >= 0.2
        proxy.heal()
        proxy.held = True
        one.sendall(b"y")
        one.settimeout(0.3)
        with pytest.raises(TimeoutError):
            one.recv(1)
        proxy.heal()
        one.settimeout(10.0)
        assert one.recv(1) == b"y"


def test_a_target_that_is_not_there_closes_the_connection():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        made = Proxy(taken.getsockname()[1])
        with contextlib.suppress(ConnectionResetError), _connection(made) as one:
            assert one.recv(1) == b""
        made.close()
