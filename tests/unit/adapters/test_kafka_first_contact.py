"""Brokers that take a connection and say nothing: whoever asks them again and again keeps no thread and no socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import kafka
import kafka.errors
import psutil
import pytest
from kafka.admin import KafkaAdminClient

from wayfare.adapters.kafka_sockets import first_contact


@pytest.fixture
def balancer() -> Iterator[str]:
    """A balancer with nothing behind it: it takes every connection and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            while True:
                try:
                    listening.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def held() -> tuple[set[threading.Thread], int]:
    return set(threading.enumerate()), psutil.Process().num_fds()


@pytest.mark.parametrize("kind", [kafka.KafkaConsumer, kafka.KafkaProducer, KafkaAdminClient])
def test_a_client_that_could_not_be_made_leaves_nothing(kind, balancer):
    before = held()
    for _ in range(3):
        with pytest.raises(kafka.errors.KafkaError):
            first_contact(kind, bootstrap_servers=balancer, bootstrap_timeout_ms=200)
    threads, files = held()
    assert threads <= before[0]
    assert files <= before[1] + 1, "one connection may be on its way into the balancer"
