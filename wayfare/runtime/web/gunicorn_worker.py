"""gunicorn's threaded worker, with two gaps closed: slow clients, and refusals that are not problems.

A thread that waits for a client's bytes waits for ever in the original, so a few slow clients could stop a service.
Here a connection whose request, handler and answer together take longer than `request_seconds` is shut down.
"""

from __future__ import annotations

import contextlib
import http
import secrets
import socket
import threading
import time
from typing import Any, ClassVar

from gunicorn.workers.gthread import TConn, ThreadWorker

from wayfare.runtime.web.problems import MEDIA_TYPE, Refusal, body_of


class BoundedThreadWorker(ThreadWorker):  # type: ignore[misc]
    """Set `request_seconds` in a subclass."""

    request_seconds: ClassVar[float] = 15.0

    def init_process(self) -> None:
        """Start the watch before the loop."""
        self._busy: dict[int, tuple[float, Any]] = {}
        threading.Thread(target=self._watch, name="slow-clients", daemon=True).start()
        super().init_process()

    def handle(self, conn: TConn) -> Any:
        """Handle one request, watched."""
        self._busy[id(conn)] = (time.monotonic() + self.request_seconds, conn)
        try:
            return super().handle(conn)
        finally:
            self._busy.pop(id(conn), None)

    def _watch(self) -> None:
        while True:
            time.sleep(min(1.0, self.request_seconds / 4))
            now = time.monotonic()
            for ends, conn in list(self._busy.values()):
                if ends < now:
                    # The blocked read or write returns at once and the thread is free again.
                    with contextlib.suppress(OSError):
                        conn.sock.shutdown(socket.SHUT_RDWR)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that cannot be parsed by a problem instead of a page."""
        status = _STATUSES.get(type(exc).__name__, 400 if type(exc).__module__.startswith("gunicorn.http") else 500)
        if status >= 500:
            self.log.exception("request failed outside the application")
        request_id = secrets.token_hex(16)
        detail = f"the request cannot be read: {exc}" if status < 500 else "the request could not be answered"
        body = body_of(Refusal(status, detail), request_id)
        head = (
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\nConnection: close\r\n"
            f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\nX-Request-Id: {request_id}\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            client.sendall(head.encode() + body)


_STATUSES = {
    "LimitRequestLine": 414,
    "LimitRequestHeaders": 431,
    "ExpectationFailed": 417,
    "UnsupportedTransferCoding": 501,
    "ConfigurationProblem": 500,
    "InvalidResponseHeader": 500,
    "InvalidResponseHeaderName": 500,
}
