"""The installation's key for pseudonyms of riders."""

from __future__ import annotations

import os
import pathlib
import secrets

from services.pricing_api.settings import PricingSettings
from wayfare.domain.errors import SettingsInvalid

KEY_BYTES = 32


def pseudonym_key(settings: PricingSettings) -> bytes:
    """The key; made at first use on a development installation. SettingsInvalid when it cannot be had.

    All processes of an installation must share it: joining what the log knows of one rider depends on it.
    """
    path = settings.pseudonym_key_file
    if path is None:
        if settings.env == "production":
            raise SettingsInvalid("production needs a key of its own in WAYFARE_PSEUDONYM_KEY_FILE, got nothing")
        path = settings.state / "keys" / "pseudonym.key"
        _make(path)
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise SettingsInvalid(
            f"the key of pseudonyms must be a file of hexadecimal digits, got {path}: {error}"
        ) from error
    if len(key) < KEY_BYTES:
        raise SettingsInvalid(f"the key of pseudonyms must have at least {KEY_BYTES} bytes, got {len(key)} in {path}")
    return key


def _make(path: pathlib.Path) -> None:
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES))
    try:
        # Linking fails when another process was first, whose key then counts.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
