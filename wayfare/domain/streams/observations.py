"""The newest weather observation of each cell, moved by observations in log order: newest by `t`, whatever comes last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.streams.columns import WeatherColumns
from wayfare.domain.streams.events import TOO_FAR_AHEAD_MS, WeatherObservation


class Observations:
    """See the module. `newest` holds, by quadkey of the counting level, t_ms, temperature_c, rain_mm, humidity, wind_ms."""

    gauges: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.newest: dict[str, dict[str, float]] = {}
        self.ended: Counter[str] = Counter()

    def apply(self, rows: WeatherColumns, pane_start_ms: int) -> Counter[str]:
        """Move the state by rows; how many were `applied`, and rejected by reason."""
        outcome: Counter[str] = Counter()
        for row in rows.rows:
            seen = row.event
            assert isinstance(seen, WeatherObservation)
            before = self.newest.get(seen.identity, {"t_ms": -1})["t_ms"]
            if seen.t_ms - row.received_at_ms > TOO_FAR_AHEAD_MS:
                outcome["future"] += 1
            elif seen.t_ms <= before:
                outcome["duplicate" if seen.t_ms == before else "out_of_order"] += 1
            else:
                outcome["applied"] += 1
                self.newest[seen.identity] = {
                    "t_ms": seen.t_ms,
                    "temperature_c": seen.temperature_c,
                    "rain_mm": seen.rain_mm,
                    "humidity": seen.humidity,
                    "wind_ms": seen.wind_ms,
                }
        return outcome

    def sweep(self, pane_end_ms: int) -> None:
        """Observations do not age here: a reader sees when each was made."""

    def members(self, gauge: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        """Weather has no gauges."""
        raise KeyError(gauge)

    def new_pane(self) -> None:
        """Weather has no flows."""

    def dump(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """The whole state, for a snapshot."""
        return {"newest": self.newest}, {}

    @classmethod
    def restore(cls, meta: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Observations:
        """The state that `dump` gave."""
        observations = cls()
        observations.newest = dict(meta["newest"])
        return observations

    @classmethod
    def taken_over(
        cls, parts: Sequence[Observations], mine: Callable[[Sequence[str]], npt.NDArray[np.bool_]]
    ) -> Observations:
        """Of the cells of some partitions those that are mine."""
        observations = cls()
        newest = {cell: seen for part in parts for cell, seen in part.newest.items()}
        cells = sorted(newest)
        observations.newest = {cells[i]: newest[cells[i]] for i in np.flatnonzero(mine(cells)).tolist()}
        return observations
