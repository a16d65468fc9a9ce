"""What commands are told where $WAYFARE_* says nothing: the addresses and keys of this machine's installation."""

from __future__ import annotations

import contextlib
import os

from local.layout import default_state
from wayfare.domain.errors import WayfareError


def complete_environment() -> None:
    """Set each $WAYFARE_* that is not set as this machine's installation would; nothing where there is none, as in a container."""
    with contextlib.suppress(ModuleNotFoundError, WayfareError):
        from local.stack import Stack

        for name, value in Stack(default_state()).environment().items():
            os.environ.setdefault(name, value)
