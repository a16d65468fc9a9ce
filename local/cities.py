"""The cities that come with Wayfare, as definitions to register: `sim` (simulated) and `sf` (San Francisco)."""

from __future__ import annotations

import json
import pathlib

from wayfare.adapters.file_registry import write_cities
from wayfare.domain.city import City, city_from_json

DEFINITIONS = pathlib.Path(__file__).parent / "cities"
DEFAULT = "sim"


def names() -> list[str]:
    """Ids of the cities that come with Wayfare."""
    return sorted(path.stem for path in DEFINITIONS.glob("*.json"))


def load(city_id: str) -> City:
    """A definition, on wall time; KeyError when there is none."""
    path = DEFINITIONS / f"{city_id}.json"
    if not path.exists():
        raise KeyError(f"cities are {names()}, got {city_id!r}")
    return city_from_json(json.loads(path.read_text()))


def write_default(file: pathlib.Path) -> None:
    """Register the simulated city unless a registry is there."""
    if not file.exists():
        write_cities(file, [load(DEFAULT)])
