"""Train the surge model of a city: `python -m pipelines.surge.main CITY`, on what the lake holds."""

from __future__ import annotations

import sys

from pipelines.surge.settings import SurgeSettings
from pipelines.surge.steps import train
from wayfare.adapters.file_registry import FileRegistry
from wayfare.domain.errors import WayfareError
from wayfare.runtime import logs
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.settings import load


def main(city_id: str) -> int:
    """Exit status 0 when an artifact was stored, 1 otherwise."""
    try:
        settings = load(SurgeSettings)
        logs.configure("pipelines/surge", settings.log_level)
        log = logs.logger()
        city = FileRegistry(settings.cities_file, settings.env == "production").now().get(city_id)
        done = train(settings, city, wall_ms(), lambda text: log.info(text))
        log.info("trained", model=done["model"], version=done["version"], rows=done["rows"])
    except WayfareError as error:
        sys.stderr.write(f"surge: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
