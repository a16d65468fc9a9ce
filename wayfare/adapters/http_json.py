"""JSON read from another HTTP server: bounded in time and size, no redirects followed, every failure StoreUnavailable."""

from __future__ import annotations

import json
import pathlib
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from wayfare.domain.errors import StoreUnavailable

MAX_BYTES = 16 * 1024 * 1024
NONE: Mapping[str, str] = {}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could carry a credential elsewhere: it is an error here."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class HttpJson:
    """GET of JSON below one base address. Proxies of the environment are not used: these are our own servers.

    name: what the server is called in errors. bearer_file: token sent with each request, read anew each time.
    """

    def __init__(
        self,
        name: str,
        base: str,
        timeout_seconds: float,
        *,
        ca_file: pathlib.Path | None = None,
        bearer_file: pathlib.Path | None = None,
    ) -> None:
        if urllib.parse.urlsplit(base).scheme not in ("http", "https"):
            raise ValueError(f"{name} needs an http or https address, got {base!r}")
        self._name, self._base, self._timeout, self._bearer = name, base.rstrip("/"), timeout_seconds, bearer_file
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _NoRedirect()
        )

    def get(self, path: str, query: Mapping[str, str] = NONE, headers: Mapping[str, str] = NONE) -> Any:
        """The answer's JSON; StoreUnavailable when there is none, whatever the reason."""
        address = f"{self._base}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        own = {"Accept": "application/json", **headers}
        try:
            if self._bearer:
                own["Authorization"] = f"Bearer {self._bearer.read_text().strip()}"
            with self._opener.open(urllib.request.Request(address, headers=own), timeout=self._timeout) as answer:
                body = answer.read(MAX_BYTES + 1)
            if len(body) > MAX_BYTES:
                raise StoreUnavailable(f"{self._name} answered more than {MAX_BYTES} bytes to {path}")
            return json.loads(body)
        except urllib.error.HTTPError as error:
            error.close()
            raise StoreUnavailable(f"{self._name} answered {error.code} to {path}") from error
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise StoreUnavailable(f"{self._name} cannot be read: {str(reason)[:200]}") from error
