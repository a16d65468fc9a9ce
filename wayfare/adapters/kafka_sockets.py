"""Clients of kafka-python that leave no thread and no socket behind, however they end.

kafka-python leaves some to the garbage collector: a process that waits for its brokers for days would gather them.
"""

from __future__ import annotations

import socket
import weakref
from collections.abc import Callable
from typing import Any

from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket
from kafka.net.selector import NetworkSelector


def first_contact(kind: Callable[..., Any], **options: Any) -> Any:
    """A client of kafka-python, which asks the brokers what they are as it is made; KafkaError when they do not say.

    kafka-python leaves the thread and the sockets of a client that could not be made, and a process that waits for its
    brokers behind a balancer that takes every connection would gather them: here they are closed.
    """
    begun: list[Any] = []

    def network(**told: Any) -> Any:
        begun.append(KafkaNetClient(net=_Network(**told), **told))
        return begun[0]

    try:
        return kind(**options, kafka_client=network)
    except BaseException:
        for client in begun:
            client.close()
        raise


class _Network(NetworkSelector):  # type: ignore[misc]  # kafka-python has no types
    """An event loop whose end is the end of every socket that was opened for it.

    A connection that still has something to send when it is closed waits for it to be sent; where the loop ends before
    that, kafka-python forgets it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.opened: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def close(self) -> None:
        try:
            super().close()
        finally:
            for sock in list(self.opened):
                sock.close()


_sock_connect = KafkaNetSocket.sock_connect


async def _connected_or_closed(way: Any, net: Any, sock: socket.socket, *where: Any, **until: Any) -> Any:
    """As kafka-python connects, except that a socket which comes to nothing is closed, not left to be collected.

    It is given up when its broker refuses it, and when its client is closed while it connects.
    """
    try:
        connected = await _sock_connect(way, net, sock, *where, **until)
    except BaseException:
        sock.close()
        raise
    if isinstance(net, _Network):
        net.opened.add(connected)
    return connected


KafkaNetSocket.sock_connect = _connected_or_closed
