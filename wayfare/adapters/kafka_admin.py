"""Creates the topics of the inventory in Kafka, and asks the brokers whether they answer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from wayfare.adapters.kafka_client import check_reachable
from wayfare.adapters.kafka_sockets import first_contact
from wayfare.domain.errors import LogUnavailable
from wayfare.inventory import TOPICS, Topic


def topic_configuration(topic: Topic, replication_factor: int = 1) -> dict[str, str]:
    """What Kafka is told about a topic.

    With three copies or more a record is acknowledged once two have it, so that one broker may be lost or restarted.

    Kafka stamps records itself (`LogAppendTime`), so that retention counts wall time whatever the city's clock says:
    a replay of 2008 would otherwise be deleted as it arrives.
    """
    policy = {(False, False): "delete", (True, False): "compact,delete", (True, True): "compact"}
    configuration = {
        "cleanup.policy": policy[(topic.compacted, topic.retention_ms < 0)] if topic.compacted else "delete",
        "retention.ms": str(topic.retention_ms),
        "message.timestamp.type": "LogAppendTime",
    }
    if replication_factor >= 3:
        configuration["min.insync.replicas"] = "2"
    if topic.compacted:
        configuration |= {"min.cleanable.dirty.ratio": "0.1", "segment.ms": str(topic.segment_ms)}
    return configuration


@contextlib.contextmanager
def admin(options: Mapping[str, object], timeout_seconds: float) -> Iterator[Any]:
    """An admin client, closed at the end; every driver error becomes LogUnavailable."""
    milliseconds = int(timeout_seconds * 1000)
    try:
        check_reachable(options)
        client = first_contact(
            KafkaAdminClient, **options, bootstrap_timeout_ms=milliseconds, request_timeout_ms=milliseconds
        )
        try:
            yield client
        finally:
            client.close()
    except (KafkaError, OSError) as error:
        raise LogUnavailable(f"Kafka did not answer, got {type(error).__name__}: {error}") from error


def topic_names(options: Mapping[str, object], timeout_seconds: float = 5.0) -> set[str]:
    """The topics that the brokers hold, by a real metadata request; LogUnavailable when they cannot say."""
    with admin(options, timeout_seconds) as client:
        return set(client.list_topics())


def create_topics(
    options: Mapping[str, object],
    topics: Iterable[Topic] = TOPICS,
    *,
    replication_factor: int = 1,
    timeout_seconds: float = 30.0,
) -> list[str]:
    """Create the topics that do not exist yet and wait until each has a leader; returns the names created.

    Safe to run again and from two places at once. A topic that exists is left as it is.
    """
    wanted = {topic.name: topic for topic in topics}
    with admin(options, timeout_seconds) as client:
        missing = [name for name in wanted if name not in set(client.list_topics())]
        for name in missing:
            with contextlib.suppress(TopicAlreadyExistsError):
                client.create_topics(
                    {
                        name: {
                            "num_partitions": wanted[name].partitions,
                            "replication_factor": replication_factor,
                            "configs": topic_configuration(wanted[name], replication_factor),
                        }
                    }
                )
        client.wait_for_topics(list(wanted), timeout_ms=int(timeout_seconds * 1000))
    return missing
