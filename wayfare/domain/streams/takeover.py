"""How a newer generation of a topic begins: with what the older one had come to when it was sealed, by its own partitions.

A function of the older partitions' logs up to their seals, so whoever works on a partition of the newer one begins alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams import generation
from wayfare.domain.streams.partition import partitions_of
from wayfare.domain.streams.state import CityState, PartitionState


def taken_over(topic: str, partition: int, partitions: int, sealed: Sequence[PartitionState]) -> PartitionState:
    """The state of a partition before its first record. sealed: every partition of the generation before.

    InvalidInput when one of them has not been sealed for this generation.
    """
    for state in sealed:
        if state.successor != topic:
            raise InvalidInput(f"{state.topic}|{state.partition} is sealed for {topic}, got {state.successor}")

    def mine(identities: Sequence[str]) -> npt.NDArray[np.bool_]:
        return np.asarray(partitions_of(identities, partitions) == partition)

    taken = PartitionState(topic, partition)
    for city in sorted({city for state in sealed for city in state.cities}):
        parts = [state.cities[city] for state in sealed if city in state.cities]
        log_time_ms = max(part.log_time_ms for part in parts)
        if log_time_ms >= 0:
            own = taken.cities[city] = CityState(city, topic, partition)
            own.log_time_ms = log_time_ms
            own.subject = type(parts[0].subject).taken_over([part.subject for part in parts], mine)
    return taken


def begun(
    topic: str, partition: int, partitions: int, snapshots: Mapping[tuple[str, int], bytes], existing: Mapping[str, int]
) -> PartitionState | None:
    """A partition of which there is no snapshot yet; None while the generation before it is not sealed.

    snapshots: of every partition, by topic and number. existing: how many partitions each topic in the log has; a
    generation that was deleted from it lives on in its snapshots.
    """
    older = generation.before(topic, {*existing, *(name for name, _number in snapshots)})
    if older is None:
        return PartitionState(topic, partition)
    count = existing.get(older) or sum(name == older for name, _number in snapshots)
    if any((older, number) not in snapshots for number in range(count)):
        return None
    states = [PartitionState.restore(snapshots[older, number]) for number in range(count)]
    if any(state.successor is None for state in states):
        return None
    return taken_over(topic, partition, partitions, states)
