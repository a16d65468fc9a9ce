"""Load history into the lake.

`python -m pipelines.history.main sim [--end RFC3339]` generates the simulated city's, once;
`python -m pipelines.history.main sf --trips FILE --before RFC3339` loads the recorded cabs'.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Callable

from pipelines.history import san_francisco, simulated
from pipelines.history.loaded import Loaded
from pipelines.history.settings import HistorySettings
from wayfare.adapters.file_registry import FileRegistry
from wayfare.domain.errors import WayfareError
from wayfare.domain.times import format_rfc3339, parse_rfc3339
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.settings import load


def run(
    settings: HistorySettings,
    city_id: str,
    end_ms: int | None,
    trips_file: pathlib.Path | None,
    say: Callable[[str], None],
) -> Loaded:
    """Load one city's history: recorded cabs when `trips_file` is given, else the simulated one."""
    city = FileRegistry(settings.cities_file, settings.env == "production").now().get(city_id)
    if trips_file is not None:
        before = wall_ms() if end_ms is None else end_ms
        return san_francisco.load(settings.lake, city, trips_file, before, settings.history_seed)
    told = [0]

    def progress(part: float) -> None:
        if part * 10 >= told[0] + 1:
            told[0] = int(part * 10)
            say(f"generating the history of {city.id}: {told[0] * 10} %")

    return simulated.load(
        settings.lake,
        city,
        settings.history_seed,
        settings.history_days,
        settings.history_trips,
        wall_ms(),
        end_ms,
        progress,
    )


def told(done: Loaded) -> str:
    """One line for people."""
    rows = ", ".join(f"{count} {name}" for name, count in done.rows.items())
    what = "already there" if done.reused else "loaded"
    return f"history of {done.city} {what}: {rows}, until {format_rfc3339(done.end_ms)}"


def main() -> int:
    """Exit status 0 when the history is in the lake, 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("city")
    parser.add_argument("--end", "--before", dest="end", help="city time that the history ends before, RFC 3339")
    parser.add_argument("--trips", type=pathlib.Path, help="recorded trips of San Francisco cabs")
    given = parser.parse_args()
    try:
        end_ms = None if given.end is None else parse_rfc3339(given.end)
        done = run(load(HistorySettings), given.city, end_ms, given.trips, lambda text: print(text, flush=True))
    except WayfareError as error:
        sys.stderr.write(f"history: {error}\n")
        return 1
    print(told(done), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
