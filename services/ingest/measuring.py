"""What operators see of ingest: lag, delays, counts by rule, errors of sketches and covers, and what waits in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wayfare.domain.features.inputs import RADIUS_M
from wayfare.domain.streams import covered, sketch
from wayfare.domain.streams.generation import topic_of
from wayfare.domain.streams.panes import GAUGE_TOPIC, PaneRegister
from wayfare.domain.streams.state import CityState, PartitionState, located_cabs
from wayfare.runtime import metrics
from wayfare.runtime.clock import wall_ms

LAG_SECONDS = 5.0
"""How often the brokers are asked for the log's ends: a round trip, against alerts that look at a minute."""
WITHIN_SECONDS = 2.0


@dataclass(slots=True)
class _Counted:
    """What of a city's state the counters hold already."""

    applied: int
    rejected: dict[str, int]
    ended: dict[str, int]

    @classmethod
    def of(cls, state: CityState) -> _Counted:
        return cls(state.applied, dict(state.rejected), dict(state.ended))


_NOTHING = _Counted(0, {}, {})


@dataclass(slots=True)
class Counts:
    """Counters of one partition, moved by what its state has come to since; what a snapshot brought was counted before."""

    topic: str
    _of: dict[str, _Counted] = field(default_factory=dict)

    @classmethod
    def since(cls, state: PartitionState) -> Counts:
        """Counters that begin with a state as it was restored."""
        return cls(topic_of(state.topic), {city: _Counted.of(of_city) for city, of_city in state.cities.items()})

    def count(self, state: PartitionState) -> None:
        """Count what is new."""
        for city, of_city in state.cities.items():
            before = self._of.get(city, _NOTHING)
            metrics.EVENTS_APPLIED.labels(self.topic).inc(of_city.applied - before.applied)
            for reason, count in of_city.rejected.items():
                metrics.EVENTS_REJECTED.labels(self.topic, reason).inc(count - before.rejected.get(reason, 0))
            for reason, count in of_city.ended.items():
                metrics.EVENTS_ENDED.labels(self.topic, reason).inc(count - before.ended.get(reason, 0))
            self._of[city] = _Counted.of(of_city)


class Errors:
    """Errors of the newest panes: of sketches, against their promise, and of circles made of cells."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], tuple[int, float, float]] = {}

    def closed(self, registers: Iterable[PaneRegister], state_of: Callable[[PaneRegister], CityState | None]) -> None:
        """Take panes that have just closed. state_of: where their partition is by now, None when it is no longer here."""
        for register in registers:
            if register.sketch is None:
                continue
            promised = sketch.promised_error(register.sketch)
            observed = sketch.observed_error(register.sketch, register.cells, register.counts)
            at = register.city, register.gauge
            pane, p, o = self._of.get(at, (-1, 0.0, 0.0))
            # Of the partitions of one pane the one that is nearest to its promise, or furthest beyond it.
            if register.pane > pane or (register.pane == pane and observed - promised > o - p):
                self._of[at] = register.pane, promised, observed
            if register.gauge == "cabs_available":
                self._cover(register, state_of(register))
        for gauge in {gauge for _city, gauge in self._of}:
            found = [(p, o) for (_city, of), (_pane, p, o) in self._of.items() if of == gauge]
            p, o = max(found, key=lambda pair: pair[1] - pair[0])
            metrics.SKETCH_ERROR.labels(gauge, "promised").set(p)
            metrics.SKETCH_ERROR.labels(gauge, "observed").set(o)

    @staticmethod
    def _cover(register: PaneRegister, state: CityState | None) -> None:
        told = None if state is None else covered.measure(*located_cabs(state), RADIUS_M)
        if told is not None:
            labels = register.city, str(register.partition)
            metrics.COVER_CABS.labels(*labels, "covered").set(told.covered)
            metrics.COVER_CABS.labels(*labels, "exact").set(told.exact)


def forget(state: PartitionState) -> None:
    """Another process has the partition now: what this one last saw of it would be taken for news."""
    topic, partition = state.topic, str(state.partition)
    metrics.INGEST_LAG.remove(topic, partition)
    metrics.INGEST_DELAY.remove(topic, partition)
    stands_still(state)


def stands_still(state: PartitionState) -> None:
    """Its time goes on in another process, or in the generation that its topic was sealed for."""
    for city in state.cities:
        metrics.LOG_TIME.remove(city, state.topic, str(state.partition))
        if topic_of(state.topic) == GAUGE_TOPIC["cabs_available"]:
            metrics.COVER_CABS.remove(city, str(state.partition), "covered")
            metrics.COVER_CABS.remove(city, str(state.partition), "exact")


def window(states: Collection[PartitionState]) -> None:
    """Open panes, and how far each partition's log time is."""
    metrics.PANES_OPEN.set(sum(of_city.open_panes for state in states for of_city in state.cities.values()))
    for state in states:
        for city, of_city in state.cities.items():
            # Weather has no panes and is not ticked: its log time stands between two observations.
            if of_city.open_panes:
                labels = city, state.topic, str(state.partition)
                metrics.LOG_TIME.labels(*labels).set(of_city.log_time_ms / 1000)


def lag(
    ends: Callable[[float], Mapping[Any, int]], owned: Mapping[Any, PartitionState], newest_log_ms: Mapping[Any, int]
) -> None:
    """Lag in records and in seconds; LogUnavailable from `ends` goes through."""
    for partition, end in ends(WITHIN_SECONDS).items():
        if partition in owned:
            behind = max(0, end - 1 - owned[partition].covers_offset)
            labels = partition.topic, str(partition.partition)
            metrics.INGEST_LAG.labels(*labels).set(behind)
            # Before the first record only how many wait is known.
            newest = newest_log_ms.get(partition, 0)
            waited = max(0.0, (wall_ms() - newest) / 1000) if behind and newest else 0.0
            metrics.INGEST_DELAY.labels(*labels).set(waited)
