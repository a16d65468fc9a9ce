"""The cluster's API with the standard library alone: one kept connection, JSON in and out."""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import re
import ssl
import tempfile
from pathlib import Path
from typing import Any, Self

Item = dict[str, Any]


class ApiError(Exception):
    """The API server refused: its status and what it said."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"the API server answered {status}: {body[:300]}")
        self.status = status


class Api:
    """Calls of one administrator. Not for several threads."""

    def __init__(self, address: str, tls: ssl.SSLContext) -> None:
        host, _, port = address.removeprefix("https://").partition(":")
        self._connection = http.client.HTTPSConnection(host, int(port or 443), timeout=10, context=tls)

    @classmethod
    def of(cls, kubeconfig: Path) -> Self:
        """From a file as certificates.sh writes it: certificates in it, one field each."""
        text = kubeconfig.read_text()

        def field(name: str) -> str:
            found = re.search(rf'\b{name}: "?([^\s",}}]+)', text)
            if found is None:
                raise ValueError(f"no {name} in {kubeconfig}")
            return found[1]

        tls = ssl.create_default_context(cadata=base64.b64decode(field("certificate-authority-data")).decode())
        with tempfile.NamedTemporaryFile() as pair:  # the ssl module reads certificates of a client from files only
            pair.write(base64.b64decode(field("client-certificate-data")) + base64.b64decode(field("client-key-data")))
            pair.flush()
            tls.load_cert_chain(pair.name)
        return cls(field("server"), tls)

    def call(self, method: str, path: str, body: Item | None = None) -> Item:
        """One call; ApiError unless it was carried out, OSError or HTTPException when nobody answered."""
        sent = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, sent, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        if answer.status >= 300:
            raise ApiError(answer.status, content.decode(errors="replace"))
        parsed: Item = json.loads(content)
        return parsed

    def items(self, path: str) -> list[Item]:
        """What a list call returns; from the API server's cache, so asking often is cheap."""
        found: list[Item] = self.call("GET", f"{path}?resourceVersion=0")["items"] or []
        return found


def arguments(description: str, **more: str) -> argparse.Namespace:
    """The options of a helper of the cluster, all required: `--kubeconfig`, and more with what each means."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    for name, meaning in more.items():
        parser.add_argument(f"--{name}", required=True, help=meaning)
    return parser.parse_args()
