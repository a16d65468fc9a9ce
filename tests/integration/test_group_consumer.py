"""Members of a consumer group on the real brokers: shares, commits after the effect, hold-backs, silence, outages."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from wayfare.adapters import kafka_group
from wayfare.adapters.kafka_client import Producer
from wayfare.adapters.kafka_group import GroupConsumer
from wayfare.domain.errors import LogUnavailable, StoreUnavailable

PARTITIONS = 4


class Topic:
    """A topic of the test's own, and how to write to it."""

    def __init__(self, bootstrap: str) -> None:
        self.options = {"bootstrap_servers": bootstrap.split(",")}
        self.name, self.group = f"t-{uuid.uuid4().hex[:8]}", f"g-{uuid.uuid4().hex[:8]}"
        self._producer = Producer(self.options)

    def write(self, *values: int, partition: int | None = None) -> None:
        """Each number as one record, of partition number % 4 unless told otherwise."""
        of = [value % PARTITIONS if partition is None else partition for value in values]
        sent = [self._producer.send(self.name, b"%d" % v, None, [], p) for v, p in zip(values, of, strict=True)]
        self._producer.wait(sent)

    def member(self) -> Member:
        return Member(self)

    def close(self) -> None:
        self._producer.close()


class Member:
    """A consumer that reads on from what was committed, and what it has read."""

    def __init__(self, topic: Topic) -> None:
        self.consumer = GroupConsumer(topic.options, topic.group, [topic.name], 100)
        self.shares: list[frozenset[int]] = []
        self.read: list[int] = []
        self.next: dict[object, int] = {}

    def resume(self, owned):
        self.shares.append(frozenset(partition.partition for partition in owned))
        return self.consumer.committed(owned)

    def poll(self, seconds: float = 0.1) -> list[int]:
        found = []
        for partition, records in self.consumer.poll(seconds, self.resume).items():
            found += [int(record.value) for record in records]
            self.next[partition] = records[-1].offset + 1
        self.read += found
        return found

    def until(self, true: Callable[[], bool], seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"after {seconds:g} s: shares {self.shares}, read {sorted(self.read)}"
            try:
                self.poll()
            except LogUnavailable:
                time.sleep(0.1)

    def reads(self, *values: int) -> None:
        self.until(lambda: set(values) <= set(self.read))


def poll_often(member: Member) -> None:
    for _ in range(3):
        member.poll(0.01)


@pytest.fixture
def topic(servers) -> Iterator[Topic]:
    made = Topic(servers.kafka_bootstrap)
    admin = KafkaAdminClient(**made.options)
    admin.create_topics([NewTopic(made.name, PARTITIONS, 1)])
    yield made
    made.close()
    admin.delete_topics([made.name])
    admin.close()


def test_the_next_member_reads_on_from_what_was_committed_and_not_from_what_was_read(topic):
    topic.write(*range(8))
    first = topic.member()
    first.reads(*range(8))
    first.consumer.commit(first.next)
    topic.write(*range(8, 12))
    first.reads(*range(8, 12))
    first.consumer.close()
    second = topic.member()
    second.reads(*range(8, 12))
    assert sorted(second.read) == [8, 9, 10, 11]
    second.consumer.close()


def test_two_members_share_the_partitions_and_the_one_that_stays_takes_over_uncommitted_work(topic):
    topic.write(*range(8))
    first, second = topic.member(), topic.member()
    first.reads(*range(8))
    first.consumer.commit(first.next)

    def shared() -> bool:
        return len(first.consumer.owned) == len(second.consumer.owned) == 2

    joining = threading.Thread(target=second.until, args=(shared,))
    joining.start()
    first.until(shared)
    joining.join()
    mine, other = first.consumer.owned, second.consumer.owned
    assert {partition.partition for partition in mine | other} == {0, 1, 2, 3}
    assert not mine & other
    first.read, second.read = [], []
    topic.write(*range(100, 108))
    here = {n for n in range(100, 108) if n % 4 in {partition.partition for partition in mine}}
    first.reads(*here)
    second.reads(*set(range(100, 108)) - here)
    assert Counter(first.read + second.read) == Counter(range(100, 108)), "each record by one member, once"
    second.consumer.commit(second.next)
    first.consumer.close()
    second.reads(*range(100, 108))
    assert Counter(second.read) == Counter(range(100, 108)), "what the first had not committed, and nothing twice"
    assert second.shares[-1] == {0, 1, 2, 3}
    second.consumer.close()


def test_nothing_is_given_out_until_it_is_known_where_to_read_on(topic):
    topic.write(*range(4))
    member = topic.member()
    asked = []

    def cannot(owned):
        asked.append(owned)
        raise StoreUnavailable("the store is away")

    end = time.monotonic() + 120
    while len(asked) < 3:
        assert time.monotonic() < end
        try:
            assert member.consumer.poll(0.1, cannot) == {}
        except StoreUnavailable:
            assert len(asked[-1]) == PARTITIONS
    member.reads(*range(4))
    assert sorted(member.read) == [0, 1, 2, 3]
    member.consumer.close()


def test_what_could_not_be_taken_is_read_again(topic):
    topic.write(*range(4))
    member = topic.member()
    member.reads(*range(4))
    member.read = []
    member.consumer.rewind()
    member.reads(*range(4))
    assert sorted(member.read) == [0, 1, 2, 3]
    member.consumer.close()


def test_a_partition_held_back_is_not_read_until_it_is_let_go(topic):
    member = topic.member()
    member.until(lambda: len(member.consumer.owned) == PARTITIONS)
    held = {partition for partition in member.consumer.owned if partition.partition in (1, 2)}
    member.consumer.hold_back(held)
    topic.write(*range(8))
    member.reads(0, 3, 4, 7)
    for _ in range(5):
        assert member.poll() == []
    member.consumer.hold_back({partition for partition in held if partition.partition == 2})
    member.reads(1, 5)
    assert member.poll() == []
    member.consumer.hold_back(())
    member.reads(2, 6)
    assert sorted(member.read) == list(range(8))
    member.consumer.close()


def test_a_commit_that_is_not_taken_goes_with_the_next(topic, monkeypatch):
    topic.write(0, 1, 2, 3)
    member = topic.member()
    member.reads(0, 1, 2, 3)
    with monkeypatch.context() as patched:

        def refused(*_args, **_kwargs):
            raise kafka_group.kafka.errors.CommitFailedError("refused on purpose")

        patched.setattr(member.consumer._consumer, "commit", refused)
        member.consumer.commit(member.next)
    assert set(member.consumer.committed(member.consumer.owned).values()) == {None}
    member.consumer.commit({})
    assert member.consumer.committed(member.consumer.owned) == member.next
    member.consumer.close()


def test_a_member_whose_heart_stops_is_dropped_and_joins_anew_and_reads_what_was_not_committed(topic, monkeypatch):
    topic.write(*range(4))
    member = topic.member()
    member.reads(*range(4))
    connection, member.read = member.consumer._consumer, []
    monkeypatch.setattr(kafka_group, "LOST_HEARTBEAT_SECONDS", -1.0)
    with pytest.raises(LogUnavailable, match="joins anew"):
        poll_often(member)
    monkeypatch.undo()
    assert member.consumer.owned == frozenset()
    assert member.consumer.problem is not None
    member.reads(*range(4))
    assert member.consumer._consumer is not connection
    assert member.consumer.problem is None
    member.consumer.close()


def test_brokers_that_do_not_answer_and_topics_that_are_not_there_are_told_at_each_poll(topic):
    nobody = GroupConsumer({"bootstrap_servers": ["127.0.0.1:1"]}, "g", ["bookings"], 10)
    nothing = GroupConsumer(topic.options, "g", ["bookings", f"{topic.name}-not"], 10)
    for _ in range(2):
        with pytest.raises(LogUnavailable, match="no Kafka broker answers"):
            nobody.poll(0.1, lambda owned: {})
        with pytest.raises(LogUnavailable, match=f"got none of .*{topic.name}-not"):
            nothing.poll(0.1, lambda owned: {})
    nobody.close()
    nothing.close()
