"""What a consumer begins with when it is given a partition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wayfare.adapters.kafka_group import GroupConsumer
from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams import takeover
from wayfare.domain.streams.generation import topic_of
from wayfare.domain.streams.state import PartitionState
from wayfare.runtime.logs import logger


def begun(consumer: GroupConsumer, partition: Any, snapshots: Mapping[tuple[str, int], bytes]) -> PartitionState | None:
    """The newest snapshot, else what was taken over from an older generation; None while that one is not sealed."""
    topic, number = partition.topic, partition.partition
    if (topic, number) in snapshots:
        try:
            return PartitionState.restore(snapshots[topic, number])
        except InvalidInput as error:
            # Without a snapshot the log itself is read, from its oldest record on.
            logger().error("a snapshot cannot be used", topic=topic, reason=str(error))
    generations = {name: consumer.partitions(name) for name in consumer.read if topic_of(name) == topic_of(topic)}
    return takeover.begun(topic, number, generations[topic], snapshots, generations)
