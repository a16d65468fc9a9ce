"""Keys made for one installation, never shipped: they sign development tokens, quotes, artifacts and labels.

`keys/jwt/<kid>.pem` signs tokens and `keys/jwks.json` verifies them; `keys/quotes/<kid>.pem` locks quotes;
`keys/trainer/<kid>.pem` and `keys/publisher/<kid>.pem` sign artifacts and labels, with their public halves in
`keys/trusted/`. Private files are readable by their owner alone. All of it is refused in production.
"""

from __future__ import annotations

import os
import pathlib
import secrets
from collections.abc import Mapping

from local.layout import Layout
from local.supervise import write_private
from wayfare.adapters.ed25519_signing import Signer, generate_key, trust
from wayfare.adapters.jwks_keys import DEVELOPMENT_KID
from wayfare.adapters.jwt_development import development_token, make_development_key
from wayfare.domain.callers import Role
from wayfare.domain.errors import SettingsInvalid

SERVICE_TOKEN_SECONDS = 30 * 86_400


def refuse_in_production(environment: Mapping[str, str] = os.environ) -> None:
    """SettingsInvalid when WAYFARE_ENV is production."""
    if environment.get("WAYFARE_ENV") == "production":
        raise SettingsInvalid("development keys and tokens are refused in production, got WAYFARE_ENV='production'")


def _key_file(layout: Layout, folder: str, purpose: str) -> pathlib.Path:
    """The newest key of a purpose, made unless there is one; its id begins with the purpose."""
    found = sorted((layout.keys / folder).glob("*.pem"), key=lambda path: path.stat().st_mtime_ns)
    if found:
        return found[-1]
    path = layout.keys / folder / f"{purpose}-{secrets.token_hex(6)}.pem"
    generate_key(path)
    return path


def make(layout: Layout) -> None:
    """Make the keys that are missing, trust their public halves, and write a fresh token for the simulator."""
    refuse_in_production()
    layout.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_development_key(_token_key(layout), layout.keys / "jwks.json")
    _key_file(layout, "quotes", "quote")
    for purpose in ("trainer", "publisher"):
        trust(Signer(_key_file(layout, purpose, purpose)), layout.keys / "trusted")
    signed = development_token(_token_key(layout), "city-simulator", "service", life_seconds=SERVICE_TOKEN_SECONDS)
    write_private(layout.keys / "simulator.token", signed)


def _token_key(layout: Layout) -> pathlib.Path:
    return layout.keys / "jwt" / f"{DEVELOPMENT_KID}.pem"


def token(layout: Layout, role: Role, subject: str, *, city: str | None = None, hours: float = 12.0) -> str:
    """A Bearer token that this installation's services accept; SettingsInvalid in production or before a first `up`."""
    refuse_in_production()
    key = _token_key(layout)
    if not key.exists():
        raise SettingsInvalid(f"there are no keys yet: run `wayfare up` first, got {layout.state}")
    return development_token(key, subject, role, city=city, life_seconds=round(hours * 3600))
