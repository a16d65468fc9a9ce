"""Which cabs there are: the state of one partition's drivers in one city, moved by pings in log order.

Every driver lives in one partition, so distinct counts of partitions add up. A ping changes the state unless a rule refuses
it; the rules look only at the ping, at the driver's last fix and at log time:

- late: received more than LATE_MS after it was made; future: made more than TOO_FAR_AHEAD_MS after it was received;
- duplicate, out_of_order: made at, or before, the time of the driver's last fix;
- teleport: faster than TELEPORT_MS since the last fix, beyond what GPS noise explains. Two such fixes in a row that agree
  with each other are believed, so that one wild fix cannot lock a cab out.

Work per batch is a few NumPy operations per *round*; a round holds at most one ping of each driver.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.geo.cells import EARTH_RADIUS_M, cells_of, distance_m
from wayfare.domain.streams import sketch
from wayfare.domain.streams.columns import Identities, PingColumns
from wayfare.domain.streams.distinct import identity_hash
from wayfare.domain.streams.events import LATE_MS, PING_STATUSES, SILENT_MS, TOO_FAR_AHEAD_MS

TELEPORT_MS = 200 / 3.6
"""Metres per second (200 km/h) between fixes, above any cab's speed."""
GPS_NOISE_M = 250.0
"""Distance between two fixes that noise among tall buildings explains, whatever the time between them."""
DROP_OFF_MS = 5 * 60_000
DETOUR = 1.3
"""Road distance over straight line, a usual figure for street grids (the diagonal of a square grid is 1.27 on average)."""
CITY_SPEED_MS = 7.0
"""Metres per second (25 km/h), the mean speed of an occupied cab in a dense city."""
DROP_OFF_M = DROP_OFF_MS / 1000 * CITY_SPEED_MS / DETOUR
"""Straight line from the drop place within which a cab on a trip is about to drop off: 5 minutes of estimated time."""
FORGET_MS = 20 * 60_000
"""A driver unheard for longer is forgotten: any older ping would be late anyway."""

_AVAILABLE, _ON_TRIP, _OFFLINE = (PING_STATUSES.index(status) for status in ("available", "on_trip", "offline"))
_SEEN_AT_ONCE = 65_536

_COLUMNS: dict[str, tuple[str, float]] = {
    "hash": ("u8", 0),
    "t": ("i8", -1),
    "seen": ("i8", -1),
    "lat": ("f8", 0),
    "lon": ("f8", 0),
    "cell": ("i8", -1),
    "status": ("i1", -1),
    "drop": ("i8", -1),
    "live": ("?", 0),
    "suspect_t": ("i8", -1),
    "suspect_lat": ("f8", 0),
    "suspect_lon": ("f8", 0),
}
"""Per driver: time of the last fix, when it was last heard of, its drop cell when about to drop off, and the last
teleporting fix that was refused. Type and value when new."""

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Members = tuple[Ints, Hashes]
"""Cell and identity hash of each member of a gauge."""


class Cabs:
    """See the module. `apply` and `sweep` are the only things that change it.

    ended: cabs that fell `silent` without having gone offline.
    """

    gauges: tuple[str, ...] = ("cabs_available", "cabs_dropping_off", "trips_started")

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._c: dict[str, npt.NDArray[Any]] = {n: np.full(64, v, k) for n, (k, v) in _COLUMNS.items()}
        self._started: list[Members] = []
        self._seen = np.zeros((0, 2), np.uint64)
        self._new_seen: list[npt.NDArray[np.uint64]] = []
        self.ended: Counter[str] = Counter()
        self._unmerged = 0
        self._seen_in = np.full(64, -1, np.int64)

    def __len__(self) -> int:
        return len(self._slots)

    def apply(self, rows: PingColumns, pane_start_ms: int) -> Counter[str]:
        """Move the state by rows of one pane; how many were `applied`, and rejected by reason."""
        outcome: Counter[str] = Counter()
        late = rows.received_ms - rows.t_ms > LATE_MS
        future = rows.t_ms - rows.received_ms > TOO_FAR_AHEAD_MS
        outcome["late"], outcome["future"] = int(late.sum()), int(future.sum())
        at = np.flatnonzero(~(late | future))
        if not len(at):
            return outcome
        slots = self._slots_of(rows.ids if len(at) == len(rows.ids) else rows.ids.take(at))
        turn = _turns(slots)
        last = int(turn.max())
        if last == 0:
            self._round(rows, at, slots, pane_start_ms, outcome)
            return outcome
        # Sixteen bits sort by radix, in a fraction of the time.
        by_turn = np.argsort(turn.astype(np.uint16) if last < 65_536 else turn, kind="stable")
        for group in np.split(by_turn, np.cumsum(np.bincount(turn))[:-1]):
            self._round(rows, at[group], slots[group], pane_start_ms, outcome)
        return outcome

    def _slots_of(self, ids: Identities) -> Ints:
        """The slot of each row's driver; new drivers get one."""
        known, distinct = self._slots, ids.distinct
        try:
            slots = np.fromiter(map(known.__getitem__, distinct), np.int64, len(distinct))
        except KeyError:
            for identity in ids.occurring():
                if identity not in known:
                    known[identity] = self._new(identity)
            slots = np.fromiter(map(known.get, distinct, itertools.repeat(-1)), np.int64, len(distinct))
        return slots[ids.which]

    def _new(self, identity: str) -> int:
        slot = self._free.pop() if self._free else len(self._slots)
        if slot >= len(self._c["t"]):
            for name, (kind, value) in _COLUMNS.items():
                self._c[name] = np.concatenate([self._c[name], np.full(len(self._c[name]), value, kind)])
            self._seen_in = np.concatenate([self._seen_in, np.full(len(self._seen_in), -1)])
        self._c["hash"][slot] = identity_hash(identity)
        return slot

    def _round(self, rows: PingColumns, at: Ints, slots: Ints, pane_start_ms: int, outcome: Counter[str]) -> None:
        """Pings `at` of distinct drivers `slots`."""
        c = self._c
        t, lat, lon = rows.t_ms[at], rows.lat[at], rows.lon[at]
        last = c["t"][slots]
        duplicate, behind = t == last, t < last
        # A first fix has no step to judge: `last` is -1 and the time since then is taken as endless.
        reach = np.where(last < 0, np.inf, GPS_NOISE_M + (t - last) * (TELEPORT_MS / 1000))
        teleport = ~(duplicate | behind) & _beyond(c["lat"][slots], c["lon"][slots], lat, lon, reach)
        if teleport.any():
            teleport = self._still_teleporting(teleport, slots, t, lat, lon)
        outcome["duplicate"] += int(duplicate.sum())
        outcome["out_of_order"] += int(behind.sum())
        outcome["teleport"] += int(teleport.sum())
        good = ~(duplicate | behind | teleport)
        outcome["applied"] += int(good.sum())
        if not good.all():
            at, slots, t, lat, lon, last = at[good], slots[good], t[good], lat[good], lon[good], last[good]
            if not len(at):
                return
        status, cell = rows.status[at], cells_of(lat, lon)
        on_trip = status == _ON_TRIP
        started = on_trip & (last >= 0) & (c["status"][slots] != _ON_TRIP)
        if started.any():
            self._started.append((cell[started], c["hash"][slots[started]]))
        seen = np.minimum(t, rows.received_ms[at])
        c["t"][slots], c["seen"][slots], c["lat"][slots], c["lon"][slots] = t, seen, lat, lon
        c["cell"][slots], c["status"][slots], c["suspect_t"][slots] = cell, status, -1
        c["live"][slots] = pane_start_ms - seen <= SILENT_MS
        c["drop"][slots] = self._drop_cells(on_trip, lat, lon, rows.drop_lat[at], rows.drop_lon[at])
        moved = np.flatnonzero(self._seen_in[slots] != cell)
        if len(moved):
            slots, cell = slots[moved], cell[moved]
            self._seen_in[slots] = cell
            self._new_seen.append(np.stack([c["hash"][slots], cell.astype(np.uint64)], axis=1))
            self._unmerged += len(moved)
            # At least as many as are held already, so that merging costs the same per ping however many there are.
            if self._unmerged > max(_SEEN_AT_ONCE, len(self._seen)):
                self._merge_seen()

    def _still_teleporting(self, teleport: Any, slots: Ints, t: Ints, lat: Any, lon: Any) -> Any:
        """Which of the leaps are refused: all but those that continue an earlier refused fix. Remembers the refused."""
        c = self._c
        since = c["suspect_t"][slots]
        reach = GPS_NOISE_M + (t - since) * (TELEPORT_MS / 1000)
        agrees = distance_m(c["suspect_lat"][slots], c["suspect_lon"][slots], lat, lon) <= reach
        refused = teleport & ~((since >= 0) & (t > since) & agrees)
        fresh = refused & (t > since)
        c["suspect_t"][slots[fresh]], c["suspect_lat"][slots[fresh]] = t[fresh], lat[fresh]
        c["suspect_lon"][slots[fresh]] = lon[fresh]
        return refused

    @staticmethod
    def _drop_cells(on_trip: Any, lat: Any, lon: Any, drop_lat: Any, drop_lon: Any) -> Ints:
        """The drop cell of each cab within DROP_OFF_M of its drop place as of this fix, else -1."""
        cells = np.full(len(lat), -1, np.int64)
        told = np.flatnonzero(on_trip & ~np.isnan(drop_lat))
        if len(told):
            near = told[distance_m(lat[told], lon[told], drop_lat[told], drop_lon[told]) <= DROP_OFF_M]
            cells[near] = cells_of(drop_lat[near], drop_lon[near])
        return cells

    def sweep(self, pane_end_ms: int) -> None:
        """A pane has ended: cabs silent for more than SILENT_MS no longer count, long unheard ones are forgotten."""
        c = self._c
        silent = c["live"] & (pane_end_ms - c["seen"] > SILENT_MS)
        c["live"] &= ~silent
        self.ended["silent"] += int((silent & (c["status"] != _OFFLINE)).sum())
        gone = (pane_end_ms - c["seen"] > FORGET_MS).tolist()
        for identity in [identity for identity, slot in self._slots.items() if gone[slot]]:
            slot = self._slots.pop(identity)
            self._free.append(slot)
            self._seen_in[slot] = -1
            for name, (_kind, value) in _COLUMNS.items():
                c[name][slot] = value

    def members(self, gauge: str) -> Members:
        """Cell and identity hash of everything that the gauge counts now."""
        if gauge == "trips_started":
            return _joined(self._started)
        if gauge == "cabs_available":
            counted, cell = self._c["live"] & (self._c["status"] == _AVAILABLE), self._c["cell"]
        else:
            counted, cell = self._c["live"] & (self._c["drop"] >= 0), self._c["drop"]
        return cell[counted], self._c["hash"][counted]

    def located(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Latitude and longitude of each cab that `cabs_available` counts now."""
        counted = self._c["live"] & (self._c["status"] == _AVAILABLE)
        return self._c["lat"][counted], self._c["lon"][counted]

    def new_pane(self) -> None:
        """Flows start again from nothing."""
        self._started = []

    def seen(self) -> Members:
        """Each cab once for every cell it was in since the interval began."""
        self._merge_seen()
        return self._seen[:, 1].astype(np.int64), self._seen[:, 0]

    def new_interval(self) -> None:
        """An aligned interval of cabs seen begins."""
        self._seen, self._new_seen, self._unmerged = np.zeros((0, 2), np.uint64), [], 0
        self._seen_in.fill(-1)

    def _merge_seen(self) -> None:
        if self._new_seen:
            pairs = np.concatenate([self._seen, *self._new_seen])
            # One 64-bit word stands for the pair: equal words of unequal pairs are a 1 in 10^7 event at a million pairs.
            _words, first = np.unique(pairs[:, 0] ^ sketch.mix(pairs[:, 1], 1), return_index=True)
            self._seen, self._new_seen, self._unmerged = pairs[first], [], 0

    def dump(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """The whole state as JSON and arrays, drivers sorted by id, for a snapshot."""
        ids = sorted(self._slots)
        slots = np.array([self._slots[i] for i in ids], np.int64)
        arrays = {name: column[slots] for name, column in self._c.items()}
        cells, hashes = _joined(self._started)
        # A round takes one ping of each driver, so how the log was cut into batches decides the order in this list.
        order = np.lexsort((hashes, cells))
        self._merge_seen()
        return {"ids": ids, "ended": dict(sorted(self.ended.items()))}, arrays | {
            "started_cell": cells[order],
            "started_hash": hashes[order],
            "seen_pairs": self._seen,
        }

    @classmethod
    def restore(cls, meta: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Cabs:
        """The state that `dump` gave."""
        cabs = cls()
        cabs._slots = {identity: slot for slot, identity in enumerate(meta["ids"])}
        room = max(64, len(cabs._slots))
        cabs._seen_in = np.full(room, -1, np.int64)
        for name, (kind, value) in _COLUMNS.items():
            cabs._c[name] = np.full(room, value, kind)
            cabs._c[name][: len(cabs._slots)] = arrays[name]
        if len(arrays["started_cell"]):
            cabs._started = [(arrays["started_cell"], arrays["started_hash"])]
        cabs._seen = arrays["seen_pairs"].reshape(-1, 2)
        cabs.ended = Counter(meta.get("ended", {}))
        return cabs

    @classmethod
    def taken_over(cls, parts: Sequence[Cabs], mine: Callable[[Sequence[str]], npt.NDArray[np.bool_]]) -> Cabs:
        """Of the drivers of some partitions those that are mine; the trips that they started are counted already."""
        dumps = [part.dump() for part in parts]
        ids = [identity for meta, _arrays in dumps for identity in meta["ids"]]
        at = np.array(sorted(np.flatnonzero(mine(ids)).tolist(), key=ids.__getitem__), np.int64)
        arrays = {name: np.concatenate([own[name] for _meta, own in dumps])[at] for name in _COLUMNS}
        # Who was seen in this interval is known still: it is shorter than FORGET_MS.
        seen = np.unique(np.concatenate([own["seen_pairs"] for _meta, own in dumps]), axis=0)
        arrays["seen_pairs"] = seen[np.isin(seen[:, 0], arrays["hash"])]
        arrays["started_cell"], arrays["started_hash"] = _joined([])
        return cls.restore({"ids": [ids[i] for i in at]}, arrays)


def _turns(slots: Ints) -> Ints:
    """For each position how many earlier ones hold the same slot."""
    count = len(slots)
    bits = count.bit_length()
    # Slot above position in one word: sorting whole words is several times faster than a stable argsort.
    words = np.sort((slots << bits) | np.arange(count))
    order, ordered = words & ((1 << bits) - 1), words >> bits
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    turn = np.zeros(count, np.int64)
    if len(starts) < count:
        turn[order] = np.arange(count) - np.repeat(starts, np.diff(np.append(starts, count)))
    return turn


def _beyond(lat1: Any, lon1: Any, lat2: Any, lon2: Any, reach_m: Any) -> npt.NDArray[np.bool_]:
    """Which pairs of points are further apart than `reach_m`.

    Degrees taken as if on the equator are never too short, so that most pairs need no trigonometry.
    """
    above = EARTH_RADIUS_M * np.radians(np.hypot(lat2 - lat1, lon2 - lon1)) * (1 + 1e-9)
    far = np.flatnonzero(above > reach_m)
    beyond = np.zeros(len(above), bool)
    if len(far):
        beyond[far] = distance_m(lat1[far], lon1[far], lat2[far], lon2[far]) > reach_m[far]
    return beyond


def _joined(parts: list[Members]) -> Members:
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.uint64)
    return np.concatenate([cells for cells, _hashes in parts]), np.concatenate([hashes for _cells, hashes in parts])
