"""The installation's key for pseudonyms of riders."""

from __future__ import annotations

import pathlib

from wayfare.domain.errors import SettingsInvalid

KEY_BYTES = 32


def pseudonym_key(path: pathlib.Path) -> bytes:
    """The key in a file; SettingsInvalid when it cannot be had.

    All processes of an installation must share it: joining what the log knows of one rider depends on it.
    """
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise SettingsInvalid(
            f"the key of pseudonyms must be a file of hexadecimal digits, got {path}: {error}"
        ) from error
    if len(key) < KEY_BYTES:
        raise SettingsInvalid(f"the key of pseudonyms must have at least {KEY_BYTES} bytes, got {len(key)} in {path}")
    return key
