"""A socket is closed by whoever gave it up, and at the latest with the client that it was opened for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError
from kafka.net import inet
from kafka.net.transport import KafkaTCPTransport

from wayfare.adapters.kafka_sockets import first_contact


class _Net:
    """An event loop whose sockets are never ready."""

    def wait_write(self, _sock: socket.socket, timeout_at: float | None = None) -> _Never:
        return _Never()


class _Never:
    def __await__(self) -> Generator[None, None, None]:
        yield


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    found: list[socket.socket] = []

    class Slow(socket.socket):
        """It says that it is on its way, as over a network."""

        def connect_ex(self, _address: Any) -> int:
            found.append(self)
            return 115

    monkeypatch.setattr(inet.socket, "socket", Slow)
    return found


def test_a_client_closed_while_it_connects_closes_its_socket(made):
    connecting = inet.create_connection(_Net(), "127.0.0.1", 9)
    connecting.send(None)
    assert made[0].fileno() >= 0
    connecting.close()
    assert made[0].fileno() == -1


def test_a_refused_socket_is_closed_and_the_refusal_told(monkeypatch):
    taken: list[socket.socket] = []
    real = socket.socket.connect_ex
    monkeypatch.setattr(inet.KafkaNetSocket, "connect_ex", lambda _self, sock, at: taken.append(sock) or real(sock, at))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(KafkaConnectionError):
        asyncio.run(inet.create_connection(_Net(), "127.0.0.1", port))
    assert {sock.fileno() for sock in taken} == {-1}


class _Client:
    """A client as kafka-python's are, as far as its event loop goes; it never asks a broker."""

    def __init__(self, kafka_client: Any) -> None:
        self.network = kafka_client()


@pytest.mark.parametrize("of_its_own_thread", [False, True])
def test_a_client_closed_while_it_has_something_to_send_closes_its_socket(of_its_own_thread):
    network = first_contact(_Client).network
    loop = network._net
    with socket.create_server(("127.0.0.1", 0)) as listening:
        _client, port = listening.getsockname()
        sock = loop.run(inet.create_connection, loop, "127.0.0.1", port)
        broker, _address = listening.accept()
    if of_its_own_thread:
        loop.start()
    with broker:
        connection = KafkaTCPTransport(loop, sock)
        connection.write(
            bytes(50_000_000)
        )  # more than the broker, which reads nothing, and the system between them hold
        connection.close()
        assert sock.fileno() >= 0, "it waits for what it has to send"
        network.close()
    assert sock.fileno() == -1
