"""Many pings by column: `DriverPing`s to who asks for one, arrays to who does the same with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from wayfare.domain.city import Place
from wayfare.domain.streams.events import PING_STATUSES, DriverPing

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PingBatch(Sequence[DriverPing]):
    """Pings in order. status: index into `PING_STATUSES`. drop_lat, drop_lon: NaN without a drop-off. Times in ms."""

    ids: Sequence[str]
    t_ms: Ints
    lat: Floats
    lon: Floats
    status: npt.NDArray[np.int8]
    drop_lat: Floats
    drop_lon: Floats

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, at: int) -> DriverPing: ...
    @overload
    def __getitem__(self, at: slice) -> PingBatch: ...
    def __getitem__(self, at: int | slice) -> DriverPing | PingBatch:
        if isinstance(at, slice):
            return PingBatch(
                self.ids[at], self.t_ms[at], self.lat[at], self.lon[at], self.status[at], self.drop_lat[at],
                self.drop_lon[at],
            )  # fmt: skip
        dropoff = None if np.isnan(self.drop_lat[at]) else Place(float(self.drop_lat[at]), float(self.drop_lon[at]))
        return DriverPing(
            self.ids[at], int(self.t_ms[at]), float(self.lat[at]), float(self.lon[at]),
            PING_STATUSES[self.status[at]], dropoff,
        )  # fmt: skip

    def take(self, rows: Sequence[int]) -> PingBatch:
        """Some rows, in the order given."""
        return PingBatch(
            [self.ids[row] for row in rows], self.t_ms[rows], self.lat[rows], self.lon[rows], self.status[rows],
            self.drop_lat[rows], self.drop_lon[rows],
        )  # fmt: skip


def joined(parts: Sequence[PingBatch]) -> PingBatch:
    """The pings of some batches, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return PingBatch(
        [identity for part in parts for identity in part.ids],
        np.concatenate([part.t_ms for part in parts]),
        np.concatenate([part.lat for part in parts]),
        np.concatenate([part.lon for part in parts]),
        np.concatenate([part.status for part in parts]),
        np.concatenate([part.drop_lat for part in parts]),
        np.concatenate([part.drop_lon for part in parts]),
    )
