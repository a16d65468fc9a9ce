"""Which city a demo registers, and where its clock goes on: time never runs backwards in one log."""

from __future__ import annotations

import dataclasses
import json
import pathlib

from local import cities
from wayfare.adapters.file_registry import write_cities
from wayfare.domain.city import City, CityClock
from wayfare.domain.times import format_rfc3339, parse_rfc3339

REPLAY_START = "2008-05-20T07:00:00Z"
"""The first instant of the San Francisco recording."""


def start_of(city_id: str, lake: pathlib.Path) -> int:
    """City time in milliseconds at which a city's live time begins: where its history ends.

    Without a history that is the recording's first instant for `sf`, and 0, the clock's own time, for any other city.
    """
    if city_id == "sf":
        return parse_rfc3339(REPLAY_START)
    note = lake / "_loaded" / f"{city_id}-simulated.json"
    return int(json.loads(note.read_text())["end_ms"]) if note.exists() else 0


class ClockMemory:
    """Remembers in a file how far each city's clock has come while nothing runs."""

    def __init__(self, state: pathlib.Path) -> None:
        self._file, self._lake = state / "clocks.json", state / "lake"

    def newest(self, city_id: str) -> int:
        """The furthest city time remembered, or where its live time begins."""
        remembered = json.loads(self._file.read_text()) if self._file.exists() else {}
        return max(start_of(city_id, self._lake), parse_rfc3339(remembered[city_id]) if city_id in remembered else 0)

    def remember(self, city_id: str, city_ms: int) -> None:
        """Keep a city's time, unless a later one is kept."""
        remembered = json.loads(self._file.read_text()) if self._file.exists() else {}
        remembered[city_id] = format_rfc3339(max(city_ms, self.newest(city_id)))
        draft = self._file.with_suffix(".tmp")
        draft.write_text(json.dumps(remembered))
        draft.replace(self._file)


def resumed(city: City, city_ms: int, wall_ms: int, speed: float) -> City:
    """The city with a clock that goes on from `city_ms` now, at `speed`."""
    return dataclasses.replace(city, clock=CityClock(wall_anchor_ms=wall_ms, city_anchor_ms=city_ms, speed=speed))


def register(file: pathlib.Path, city_id: str, city_ms: int, wall_ms: int, speed: float) -> City:
    """Write the registry with this one city, its clock going on from `city_ms`."""
    city = resumed(cities.load(city_id), city_ms, wall_ms, speed)
    write_cities(file, [city])
    return city
