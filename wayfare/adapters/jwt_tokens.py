"""Bearer tokens by PyJWT: RS256 or EdDSA, `iss`, `aud: wayfare`, `exp`, `sub`, `role`, `city` optional; 60 s leeway.

A token that was found good is remembered by its SHA-256 for at most a minute and never past its end, because an Ed25519
verification costs about 100 us; a change of the key set forgets them all.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from wayfare.adapters.jwks_keys import KeySet
from wayfare.domain.callers import ROLES, Caller
from wayfare.domain.errors import Expired, Forged, Unavailable
from wayfare.domain.ids import is_id

AUDIENCE = "wayfare"
LEEWAY_SECONDS = 60
REMEMBER_SECONDS = 60


class JwtTokens:
    """Implements TokenVerifier. `clock` gives wall seconds since the epoch."""

    def __init__(
        self, keys: KeySet, issuer: str, *, remembered: int = 20_000, clock: Callable[[], float] = time.time
    ) -> None:
        self._keys, self._issuer, self._capacity, self._clock = keys, issuer, remembered, clock
        self._good: OrderedDict[bytes, tuple[Caller, float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def verify(self, token: str) -> Caller:
        """The caller; Forged, Expired, or Unavailable while there are no keys yet."""
        digest = hashlib.sha256(token.encode()).digest()
        now = self._clock()
        known = self._good.get(digest)
        if known and now < known[1] and known[2] == self._keys.generation:
            return known[0]
        generation = self._keys.generation
        claims = self._claims(token)
        ends = _check_times(claims, now)
        caller = _caller(claims)
        with self._lock:
            self._good[digest] = (caller, min(ends, now + REMEMBER_SECONDS), generation)
            if len(self._good) > self._capacity:
                self._good.popitem(last=False)
        return caller

    def ready(self) -> str | None:
        """A readiness check: not ready until a key set has been read."""
        return self._keys.problem if self._keys.empty else None

    def _claims(self, token: str) -> Mapping[str, Any]:
        if self._keys.empty:
            raise Unavailable("tokens cannot be verified yet: no key set has been read")
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            if not isinstance(kid, str):
                raise Forged("the token's header must name its key in `kid`, got none")
            found = self._keys.find(kid)
            if found is None:
                raise Forged(f"the token's key is not in the key set, got kid {kid[:64]!r}")
            claims: Mapping[str, Any] = jwt.decode(
                token,
                found.key,
                algorithms=[found.algorithm],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={
                    "require": ["iss", "aud", "exp", "sub"],
                    # Checked below, against the clock that was passed in.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            raise Forged(f"the token does not hold: {error}") from error
        except ValueError as error:
            raise Forged("the token cannot be read, got a malformed one") from error
        return claims


def ends_at_ms(token: str) -> int:
    """When a token that was found good ends, without leeway, in wall milliseconds; Forged when it cannot be read."""
    try:
        claims: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
        return int(claims["exp"] * 1000)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise Forged("the token cannot be read, got one without an end") from error


def _check_times(claims: Mapping[str, Any], now: float) -> float:
    """The moment, leeway included, at which the token ends."""
    moments = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    for name, value in moments.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Forged(f"the token's {name} must be seconds since the epoch, got {value!r}")
    if now >= moments["exp"] + LEEWAY_SECONDS:
        raise Expired(f"the token expired {now - moments['exp']:.0f} s ago")
    for name in ("nbf", "iat"):
        if name in moments and moments[name] > now + LEEWAY_SECONDS:
            raise Forged(f"the token is not valid yet: its {name} is {moments[name] - now:.0f} s ahead")
    return float(moments["exp"] + LEEWAY_SECONDS)


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject, role, city = claims["sub"], claims.get("role"), claims.get("city")
    if not isinstance(subject, str) or not is_id(subject):
        raise Forged(f"the token's sub must be an id, got {subject!r:.64}")
    if not isinstance(role, str) or role not in ROLES:
        raise Forged(f"the token's role must be one of {sorted(ROLES)}, got {role!r:.64}")
    if city is not None and (not isinstance(city, str) or not is_id(city)):
        raise Forged(f"the token's city must be a city id, got {city!r:.64}")
    return Caller(subject, role, city)
