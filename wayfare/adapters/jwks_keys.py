"""The public keys that verify Bearer tokens, from a JWKS file or https address (RFC 7517), kept fresh in the background.

The last good set stays in force whatever happens to its source. An unknown `kid` asks for a new fetch, at most
one every `refetch_seconds`; a file is also read again when it changes. Only RSA keys of 2,048 bits or more (RS256) and
Ed25519 keys (EdDSA) are used; any other key in the set is ignored.
"""

from __future__ import annotations

import json
import pathlib
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MAX_BYTES = 1024 * 1024
DEVELOPMENT_KID = "wayfare-development"


class VerifyingKey:
    """One public key and the one algorithm that it may verify."""

    __slots__ = ("algorithm", "key")

    def __init__(self, key: RSAPublicKey | Ed25519PublicKey, algorithm: str) -> None:
        self.key = key
        self.algorithm = algorithm


class KeySet:
    """Call `start` once in the process that serves, then `find`. `problem` says why there are no or only old keys."""

    def __init__(
        self,
        source: str,
        *,
        production: bool,
        refresh_seconds: float = 300.0,
        refetch_seconds: float = 10.0,
        timeout_seconds: float = 5.0,
        read: Callable[[str, float], bytes] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if "://" in source and not source.startswith("https://"):
            raise ValueError(f"a key set is a file or an https address, got {source!r}")
        self._source = source
        self._production = production
        self._refresh, self._refetch, self._timeout = refresh_seconds, refetch_seconds, timeout_seconds
        self._read = read or (_read_https if "://" in source else _read_file)
        self._clock = clock
        self._keys: Mapping[str, VerifyingKey] = {}
        self._fetched_at = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self.problem: str | None = f"no key set has been read yet from {source}"
        self.generation = 0

    def start(self) -> None:
        """Keep the set fresh on a daemon thread until `stop`."""
        threading.Thread(target=self._keep_fresh, name="jwks", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._wanted.set()

    @property
    def empty(self) -> bool:
        """True until a good set has been read."""
        return not self._keys

    def find(self, kid: str) -> VerifyingKey | None:
        """The key, or None; an unknown one asks for a fetch in the background and never waits for it."""
        found = self._keys.get(kid)
        if found is None:
            self._wanted.set()
        return found

    def fetch(self) -> bool:
        """Read the source once, now; False, and `problem`, when it cannot be used."""
        self._fetched_at = self._clock()
        try:
            keys = _usable(self._read(self._source, self._timeout), self._production)
        except (OSError, ValueError, jwt.PyJWTError) as error:
            self.problem = f"the key set cannot be read: {type(error).__name__} {error}, got {self._source}"
            return False
        if keys.keys() != self._keys.keys() or any(_differ(keys[kid], self._keys[kid]) for kid in keys):
            self.generation += 1
        self._keys = keys
        self.problem = None
        return True

    def _keep_fresh(self) -> None:
        while not self._stop.is_set():
            self.fetch()
            # After a fetch nothing is fetched for `refetch_seconds`, however many unknown kids come.
            self._stop.wait(self._refetch)
            self._wanted.clear() if self.problem is None else self._wanted.set()
            self._wait()

    def _wait(self) -> None:
        ends = self._fetched_at + self._refresh
        while not self._stop.is_set() and not self._wanted.is_set() and (left := ends - self._clock()) > 0:
            if self._file_changed():
                return
            self._wanted.wait(min(1.0, left))

    def _file_changed(self) -> bool:
        if "://" in self._source:
            return False
        try:
            status = pathlib.Path(self._source).stat()
        except OSError:
            return False
        before, self._stamp = self._stamp, (status.st_mtime_ns, status.st_ino)
        return before is not None and before != self._stamp


def _differ(one: VerifyingKey, other: VerifyingKey) -> bool:
    return one.algorithm != other.algorithm or one.key != other.key


def _usable(content: bytes, production: bool) -> Mapping[str, VerifyingKey]:
    raw = json.loads(content)
    if not isinstance(raw, dict) or not isinstance(raw.get("keys"), list):
        raise ValueError('a key set is {"keys": [...]}')
    found = {key["kid"]: usable for key in raw["keys"] if (usable := _key(key, production))}
    if not found:
        raise ValueError(f"no usable key (RS256 or EdDSA, with a kid) among {len(raw['keys'])}")
    return found


def _key(raw: Any, production: bool) -> VerifyingKey | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("kid"), str) or raw.get("use", "sig") != "sig" or "d" in raw:
        return None
    if production and raw["kid"].startswith(DEVELOPMENT_KID):
        return None
    algorithm = {"RSA": "RS256", "OKP": "EdDSA"}.get(str(raw.get("kty")))
    if algorithm is None:
        return None
    try:
        key = jwt.PyJWK(raw, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size >= 2048 and raw.get("alg", "RS256") == "RS256":
        return VerifyingKey(key, "RS256")
    if isinstance(key, Ed25519PublicKey) and raw.get("alg", "EdDSA") in ("EdDSA", "Ed25519"):
        return VerifyingKey(key, "EdDSA")
    return None


def _read_file(source: str, _timeout: float) -> bytes:
    return pathlib.Path(source).read_bytes()


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.startswith("https://"):
            raise urllib.error.HTTPError(req.full_url, code, "a key set may redirect to https only", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _read_https(source: str, timeout: float) -> bytes:
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=ssl.create_default_context()), _HttpsOnly()
    )
    with opener.open(source, timeout=timeout) as answer:
        content: bytes = answer.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"a key set has at most {MAX_BYTES} bytes")
    return content
