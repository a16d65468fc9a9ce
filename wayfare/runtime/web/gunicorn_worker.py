"""gunicorn's threaded worker, with the gaps closed that let a few clients stop a service or miss its answers.

- A thread waits for a client's bytes for ever in the original: here a connection whose request, handler and answer
  together take longer than `request_seconds` is shut down.
- A refused request with much of its body unread is answered with `Connection: close`, since that is what happens next.
- Closing waits for the client's last bytes in the request's own thread, not in the one that accepts connections.
- A request that cannot be parsed is answered by a problem instead of a page.
"""

from __future__ import annotations

import contextlib
import http
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any, ClassVar

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

from wayfare.runtime.web.problems import MEDIA_TYPE, Refusal, body_of

UNREAD_BYTES = 64 * 1024
"""What gunicorn drains of an unread body before it gives a kept connection up."""
LINGER_SECONDS = 1.0
LINGER_BYTES = 8 * 1024 * 1024


class BoundedThreadWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Set `request_seconds` in a subclass."""

    request_seconds: ClassVar[float] = 15.0
    wsgi: Any

    def init_process(self) -> None:
        """Start the watch before the loop."""
        self._busy: dict[int, tuple[float, Any]] = {}
        self._at_hand = threading.local()
        threading.Thread(target=self._watch, name="slow-clients", daemon=True).start()
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, watched for refusals that leave a body unread."""
        super().load_wsgi()
        application = self.wsgi

        def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
                if status >= "4" and (
                    "HTTP_TRANSFER_ENCODING" in environ or int(environ.get("CONTENT_LENGTH") or 0) > UNREAD_BYTES
                ):
                    self._at_hand.request.force_close()
                return start_response(status, headers, exc_info)

            answer: Iterable[bytes] = application(environ, start)
            return answer

        self.wsgi = wsgi

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Handle one request that has been parsed."""
        self._at_hand.request = req
        return super().handle_request(req, conn)

    def handle(self, conn: TConn) -> Any:
        """Handle one connection until it is idle or done, watched."""
        self._busy[id(conn)] = (time.monotonic() + self.request_seconds, conn)
        try:
            kept = super().handle(conn)
            if not kept:
                util.close_graceful(conn.sock, LINGER_SECONDS, LINGER_BYTES)
            return kept
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
