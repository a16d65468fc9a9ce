"""Where an installation keeps what it writes: everything under one state folder, `$WAYFARE_STATE`.

Jars that were downloaded and verified are the exception: they live in `$WAYFARE_CACHE`
(`~/.cache/wayfare`), because they are the same for every installation and checkout and outlive both.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

from wayfare.domain.errors import SettingsInvalid

LONGEST_SOCKET_PATH = 100
"""Linux ends a Unix socket's path at 107 bytes; supervisord first binds `<path>.<pid>`."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of one installation."""

    state: pathlib.Path

    def __post_init__(self) -> None:
        text = str(self.state)
        if not self.state.is_absolute() or any(mark in text for mark in "\"'\n\\$"):
            raise SettingsInvalid(f"WAYFARE_STATE is an absolute path without quotes, $ and backslashes, got {text!r}")

    @property
    def run(self) -> pathlib.Path:
        """Rendered configurations, ports, pid files."""
        return self.state / "run"

    @property
    def logs(self) -> pathlib.Path:
        """One rotating log file per process."""
        return self.state / "logs"

    @property
    def keys(self) -> pathlib.Path:
        """Keys made for this installation."""
        return self.state / "keys"

    @property
    def temporary(self) -> pathlib.Path:
        """Where the servers unpack their native libraries."""
        return self.state / "tmp"

    @property
    def cities_file(self) -> pathlib.Path:
        """The registry of cities."""
        return self.state / "cities.json"

    @property
    def artifacts(self) -> pathlib.Path:
        """The artifact store."""
        return self.state / "artifacts"

    @property
    def models(self) -> pathlib.Path:
        """Where the publisher places what the model server loads."""
        return self.state / "models"

    @property
    def lake(self) -> pathlib.Path:
        """Parquet tables."""
        return self.state / "lake"

    @property
    def ports_file(self) -> pathlib.Path:
        """Ports chosen for this installation."""
        return self.run / "ports.json"

    @property
    def supervisor_configuration(self) -> pathlib.Path:
        """What supervisord reads."""
        return self.run / "supervisord.conf"

    @property
    def supervisor_pid_file(self) -> pathlib.Path:
        """Written by supervisord."""
        return self.run / "supervisord.pid"

    @property
    def supervisor_socket(self) -> pathlib.Path:
        """supervisord's control socket: in the state folder, or where its path is short enough to be bound."""
        usual = self.run / "supervisor.sock"
        if len(os.fsencode(usual)) <= LONGEST_SOCKET_PATH - 8:
            return usual
        name = hashlib.sha256(os.fsencode(self.state)).hexdigest()[:16]
        return pathlib.Path(tempfile.gettempdir()) / f"wayfare-{os.getuid()}-{name}" / "supervisor.sock"

    def make(self) -> None:
        """Create the folders, readable by their owner alone."""
        for folder in (
            self.state,
            self.run,
            self.logs,
            self.keys,
            self.temporary,
            self.artifacts,
            self.models,
            self.lake,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def make_socket_folder(self) -> None:
        """Create the control socket's folder; SettingsInvalid when somebody else's stands in its place."""
        self.supervisor_socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.supervisor_socket.parent.stat().st_uid != os.getuid():
            raise SettingsInvalid(f"this folder belongs to somebody else, got {self.supervisor_socket.parent}")


def default_state(environment: Mapping[str, str] = os.environ) -> pathlib.Path:
    """`$WAYFARE_STATE`, else `$XDG_STATE_HOME/wayfare`, else `~/.local/state/wayfare`; absolute, links resolved."""
    given = environment.get("WAYFARE_STATE")
    if given:
        return pathlib.Path(given).expanduser().resolve()
    base = environment.get("XDG_STATE_HOME") or pathlib.Path.home() / ".local" / "state"
    return (pathlib.Path(base) / "wayfare").resolve()


def default_cache(environment: Mapping[str, str] = os.environ) -> pathlib.Path:
    """`$WAYFARE_CACHE`, else `$XDG_CACHE_HOME/wayfare`, else `~/.cache/wayfare`."""
    given = environment.get("WAYFARE_CACHE")
    if given:
        return pathlib.Path(given).expanduser().resolve()
    return (pathlib.Path(environment.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "wayfare").resolve()
