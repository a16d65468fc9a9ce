"""The page: a fixed set of files without data, and the headers that keep a browser from running anything else."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Callable

from flask import Flask, Response, request

FOLDER = pathlib.Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
YEAR_S = 31_536_000


def install(app: Flask, *, tls: bool) -> None:
    """Serve the page at `/` and its files at `/page/<name>`; put the headers on every answer."""
    for path in sorted(FOLDER.iterdir()):
        rule = "/" if path.name == "index.html" else f"/page/{path.name}"
        app.add_url_rule(rule, f"GET {rule}", _file(path.read_bytes(), TYPES[path.suffix]), methods=["GET"])

    @app.after_request
    def _guard(response: Response) -> Response:
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        if tls:
            response.headers["Strict-Transport-Security"] = f"max-age={YEAR_S}"
        return response


def _file(body: bytes, media_type: str) -> Callable[[], Response]:
    tag = hashlib.sha256(body).hexdigest()[:20]

    def view() -> Response:
        # A new release is seen at once: the file is asked for each time, and sent when it is another.
        response = Response(body, content_type=media_type, headers={"Cache-Control": "no-cache"})
        response.set_etag(tag)
        return response.make_conditional(request)

    return view
