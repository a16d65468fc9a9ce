"""Serving an application with gunicorn: one worker, threads, everything built in the worker after the fork.

The main process only supervises, so no client or channel can be carried over a fork. SIGTERM stops the worker
from being ready first, then lets it finish what it began within `drain_seconds`.
"""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config

from wayfare.runtime import logs, tracing
from wayfare.runtime.health import Health, serve_admin
from wayfare.runtime.web.gunicorn_worker import BoundedThreadWorker
from wayfare.runtime.web.settings import WebSettings

Build = Callable[[Health], tuple[Flask, Callable[[], None]]]
"""Called once in the worker: the application, and what to call when the last request has been answered. It must not
wait for servers: an application that cannot work yet says so in its readiness and answers 503."""


class _Runner(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    cfg: Config

    def __init__(self, name: str, settings: WebSettings, build: Build) -> None:
        self._name, self._settings, self._build = name, settings, build
        self._stop: Callable[[], None] = lambda: None
        self._started = False
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        options: dict[str, Any] = {
            "bind": [f"{settings.host}:{settings.port}"],
            "proc_name": f"wayfare-{self._name}",
            "worker_class": type("Worker", (BoundedThreadWorker,), {"request_seconds": settings.request_seconds}),
            "workers": 1,
            "threads": settings.threads,
            "worker_connections": settings.connections,
            "backlog": settings.backlog,
            "keepalive": settings.keepalive_seconds,
            # A worker that stops telling that it lives is replaced; requests have their own deadlines.
            "timeout": 60,
            "graceful_timeout": max(1, round(settings.drain_seconds)),
            "limit_request_line": 4094,
            "limit_request_fields": 64,
            "limit_request_field_size": 8190,
            "accesslog": None,
            "loglevel": "warning",
            "post_worker_init": self._worker_started,
            "worker_exit": lambda _arbiter, _worker: self._stop(),
            "preload_app": False,
            "control_socket_disable": True,
        }
        for option, value in options.items():
            self.cfg.set(option, value)

    def load(self) -> Flask:
        settings = self._settings
        logs.configure(self._name, settings.log_level)
        tracing.configure(self._name, settings.otlp_endpoint, settings.trace_share)
        self._health = Health()
        # The admin port answers before everything is built, and must not say ready by having nothing to check yet.
        self._health.add("start", lambda: None if self._started else "still starting")
        admin = serve_admin(self._health, settings.admin_host, settings.admin_port)
        app, self._stop = self._build(self._health)
        logs.logger().info("serving", admin_port=admin.server_address[1])
        return app

    def _worker_started(self, worker: Any) -> None:
        """Settle memory, and let SIGTERM take this process out of the ready ones before the worker stops."""
        # What was imported and built lives as long as the worker: a full collection over it is a pause of 40 ms.
        gc.collect()
        gc.freeze()
        self._started = True
        finish = worker.handle_exit

        def stop(number: int, frame: FrameType | None) -> None:
            self._health.stopping()
            finish(number, frame)

        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, stop)
            signal.siginterrupt(signal.SIGTERM, False)


def serve(name: str, settings: WebSettings, build: Build) -> None:
    """Serve until SIGTERM; returns (by SystemExit) when drained."""
    _Runner(name, settings, build).run()
