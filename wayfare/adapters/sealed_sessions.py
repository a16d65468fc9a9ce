"""Sessions of people in a browser, kept nowhere: sealed into the cookie with AES-256-GCM.

A cookie holds the caller's token, so that every request is checked as if it carried it: a key set that drops a key, an
expired token or a changed role ends the session. Nobody but the holders of the key can read or make one, and a stolen
cookie is of no use to another service, which wants the token itself.
"""

from __future__ import annotations

import base64
import json
import pathlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wayfare.domain.errors import Expired, Forged, SettingsInvalid

KEY_BYTES = 32
NONCE_BYTES = 12
PURPOSE = b"wayfare-session-1"


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, by their token. csrf: what a request that changes something must repeat. ends_ms: wall time."""

    token: str
    csrf: str
    ends_ms: int


class SealedSessions:
    """Seals and opens cookies. wall_ms: the clock by which sessions end."""

    def __init__(self, key: bytes, wall_ms: Callable[[], int]) -> None:
        self._cipher, self._wall_ms = AESGCM(key), wall_ms

    def begin(self, token: str, ends_ms: int) -> tuple[Session, str]:
        """A new session and its cookie."""
        session = Session(token, secrets.token_urlsafe(24), ends_ms)
        plain = json.dumps([session.token, session.csrf, session.ends_ms]).encode()
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, plain, PURPOSE)
        return session, base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, cookie: str) -> Session:
        """The session of a cookie; Forged when it was not sealed by this key, Expired when it has ended."""
        try:
            sealed = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], PURPOSE)
        except (ValueError, InvalidTag) as error:
            raise Forged("the session does not hold: sign in again") from error
        session = Session(*json.loads(plain))
        if self._wall_ms() >= session.ends_ms:
            raise Expired("the session has ended: sign in again")
        return session


def session_key(path: pathlib.Path) -> bytes:
    """The key of a file of 64 hexadecimal digits; SettingsInvalid when it is not one."""
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"the session key cannot be read, got {path}: {error}") from error
    if len(key) != KEY_BYTES:
        raise SettingsInvalid(f"a session key has {KEY_BYTES} bytes, got {len(key)} in {path}")
    return key
