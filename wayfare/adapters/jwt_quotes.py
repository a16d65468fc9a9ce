"""Quote tokens: Ed25519 JWTs (RFC 8037) by the private keys `<kid>.pem` of a folder.

A kid ends with the moment from which its key signs, `quote-20261121T063400Z` (one without a moment signs from ever), so
every replica changes over together once all have the file; times of files would not tell, because a mounted Secret has
none of its own. A key is accepted from when it is there until every quote it may have signed has ended. The folder is looked
at again when a token names a key that is not known, and every `LOOK_AGAIN_S` otherwise.
"""

from __future__ import annotations

import datetime as dt
import pathlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wayfare.domain.city import Place
from wayfare.domain.errors import Forged, Unavailable
from wayfare.domain.ids import is_id
from wayfare.domain.pricing.quote import LockedQuote

ISSUER = "wayfare"
AUDIENCE = "wayfare-quote"
LOOK_AGAIN_S = 1.0
MAX_TOKEN = 4096
_ALGORITHM = "EdDSA"
_MOMENT = re.compile(r"-(\d{8}T\d{6}Z)(?:-|$)")
_FORM = "%Y%m%dT%H%M%SZ"


def quote_kid(signs_from_ms: int) -> str:
    """The id of a key that signs from a moment on, to the second.

    >>> quote_kid(1_795_250_000_000)
    'quote-20261121T083320Z'
    """
    return f"quote-{dt.datetime.fromtimestamp(signs_from_ms // 1000, dt.UTC).strftime(_FORM)}"


def signs_from_ms(kid: str) -> int:
    """The moment that a kid names; 0 when it names none.

    >>> signs_from_ms("quote-20261121T083320Z"), signs_from_ms("quote-1")
    (1795250000000, 0)
    """
    named = _MOMENT.search(kid)
    try:
        moment = dt.datetime.strptime(named[1], _FORM) if named else None
    except ValueError:
        moment = None
    return 0 if moment is None else round(moment.replace(tzinfo=dt.UTC).timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str
    private: Ed25519PrivateKey
    public: Ed25519PublicKey
    from_ms: int


class JwtQuotes:
    """`QuoteLock` by the keys of a folder. life_s: how long a quote lives, and so how long the previous key counts."""

    def __init__(self, folder: pathlib.Path, life_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._life_ms = round(life_s * 1000)
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._looked_at = -LOOK_AGAIN_S
        self._keys: tuple[_Key, ...] = ()
        self.problem: str | None = None

    def ready(self) -> str | None:
        """None when there is a key to sign with, else why not."""
        return None if self._current(at_once=False) else self.problem

    def lock(self, quote: LockedQuote, now_ms: int) -> str:
        """A token signed by the newest key whose moment has come; Unavailable when there is none."""
        keys = self._current(at_once=False)
        signing = next((key for key in keys if key.from_ms <= now_ms), None)
        if signing is None:
            later = f"only keys of later in {self._folder}" if keys else f"an empty {self._folder}"
            raise Unavailable(self.problem or f"there is no key to sign quotes with, got {later}")
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": quote.quote_id,
            "sub": quote.rider_id,
            "city": quote.city,
            "ride": quote.ride_type,
            "from": quote.pickup,
            "to": quote.dropoff,
            "minor": quote.price_minor,
            "cur": quote.currency,
            "x": quote.multiplier,
            "by": quote.price_source,
            "iat": now_ms / 1000,
            # In milliseconds, so that the token ends at the very moment that the quote names.
            "exp": quote.expires_at_ms / 1000,
        }
        if quote.rider_id is None:
            del claims["sub"]
        return jwt.encode(claims, signing.private, algorithm=_ALGORITHM, headers={"kid": signing.kid})

    def open(self, token: str, now_ms: int) -> LockedQuote:
        """The quote of a token; Forged for anything that a key which still counts did not sign as it is."""
        if len(token) > MAX_TOKEN or not token.isascii():
            raise Forged(f"this is not a quote token, got {len(token)} characters")
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as error:
            raise Forged(f"this is not a quote token, got {token[:16]!r}...") from error
        key = self._key(kid, now_ms)
        try:
            claims = jwt.decode(
                token,
                key.public,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": ["iss", "aud", "exp", "jti"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise Forged(f"the quote token was altered or not made here, got {type(error).__name__}") from error
        return _quote(claims)

    def _key(self, kid: Any, now_ms: int) -> _Key:
        found = self._find(kid, self._current(at_once=False), now_ms) or self._find(kid, self._current(True), now_ms)
        if found is None:
            if not self._keys and self.problem:
                raise Unavailable(self.problem)
            raise Forged(f"the quote token was signed by a key that does not count here, got {str(kid)[:64]!r}")
        return found

    def _find(self, kid: Any, keys: tuple[_Key, ...], now_ms: int) -> _Key | None:
        """The key of this id, unless every quote that it may have signed before a newer one took over has ended."""
        found = next((key for key in keys if key.kid == kid), None)
        if found is None:
            return None
        newer = [key.from_ms for key in keys if key.from_ms > found.from_ms]
        return found if not newer or now_ms <= min(newer) + self._life_ms else None

    def _current(self, at_once: bool) -> tuple[_Key, ...]:
        """The keys of the folder, newest first."""
        now = self._monotonic_s()
        if self._keys and not at_once and now < self._looked_at + LOOK_AGAIN_S:
            return self._keys
        with self._lock:
            self._looked_at = now
            try:
                files = sorted(
                    (path for path in self._folder.glob("*.pem") if is_id(path.stem)),
                    key=lambda path: (-signs_from_ms(path.stem), path.name),
                )
                stamp = tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
                if stamp != self._stamp or not self._keys:
                    self._keys = tuple(_read(path) for path in files)
                    self._stamp = stamp
                    self.problem = (
                        None if files else f"there is no key to sign quotes with, got an empty {self._folder}"
                    )
            except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
                # Whatever was read last stays in force: a half-written key must not stop bookings.
                self.problem = f"the keys of quotes cannot be read: {error}, got {self._folder}"
            return self._keys


def _read(path: pathlib.Path) -> _Key:
    private = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError(f"a key of quotes is Ed25519, got {type(private).__name__} in {path.name}")
    return _Key(path.stem, private, private.public_key(), signs_from_ms(path.stem))


def _quote(claims: dict[str, Any]) -> LockedQuote:
    """Claims that we signed are of our own form; an older form than today's is not a quote any more."""
    try:
        return LockedQuote(
            quote_id=claims["jti"],
            rider_id=claims.get("sub"),
            city=claims["city"],
            ride_type=claims["ride"],
            pickup=Place(*claims["from"]),
            dropoff=Place(*claims["to"]),
            price_minor=claims["minor"],
            currency=claims["cur"],
            multiplier=claims["x"],
            price_source=claims["by"],
            expires_at_ms=round(claims["exp"] * 1000),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Forged(f"the quote token is of another form than today's, got {sorted(claims)}") from error
