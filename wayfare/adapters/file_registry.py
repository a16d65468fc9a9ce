"""The registry of cities from a JSON file (a ConfigMap on Kubernetes), read again when the file changes."""

from __future__ import annotations

import json
import os
import pathlib
import threading
import time
from collections.abc import Sequence

from wayfare.domain.city import City, Registry, city_from_json, city_to_json
from wayfare.domain.errors import InvalidInput, SettingsInvalid, WayfareError


class FileRegistry:
    """Call `.now()` for the registry as of the file's last good content.

    A file that cannot be read at start raises SettingsInvalid; one that breaks later leaves the last good registry
    in force and sets `problem`. look_seconds: how long a look at the file is good for.
    """

    def __init__(self, path: pathlib.Path, production: bool, look_seconds: float = 0.2) -> None:
        self._path = path
        self._production = production
        self._look_seconds, self._looked = look_seconds, time.monotonic()
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self.problem: str | None = None
        try:
            self._registry = self._load()
        except (OSError, ValueError, WayfareError) as error:
            raise SettingsInvalid(f"the file of cities cannot be used: {error}, got {path}") from error

    def _load(self) -> Registry:
        status = self._path.stat()
        self._stamp = (status.st_mtime_ns, status.st_ino)
        cities = [city_from_json(raw) for raw in json.loads(self._path.read_text())["cities"]]
        if self._production:
            for city in cities:
                if not city.clock.is_wall:
                    raise InvalidInput(f"in production a city's clock is wall time, got {city.clock} for {city.id}")
        return Registry(cities)

    def now(self) -> Registry:
        """The registry; costs a look at the clock, and now and then one at the file."""
        at = time.monotonic()
        if at - self._looked < self._look_seconds:
            return self._registry
        self._looked = at
        try:
            status = self._path.stat()
            if (status.st_mtime_ns, status.st_ino) != self._stamp:
                with self._lock:
                    self._registry = self._load()
                    self.problem = None
        except (OSError, ValueError, WayfareError) as error:
            self.problem = f"the file of cities cannot be used: {error}"
        return self._registry


def write_cities(path: pathlib.Path, cities: Sequence[City]) -> None:
    """Replace the file of cities in one step, so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps({"cities": [city_to_json(city) for city in cities]}, indent=1))
    draft.replace(path)
