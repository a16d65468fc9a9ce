"""Kafka's partitioner, for one identity and for many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as peer

from wayfare.domain.streams.partition import murmur2, partition_of, partitions_of


@given(st.binary(max_size=70))
def test_the_hash_is_that_of_kafkas_own_clients(data):
    assert murmur2(data) == peer(data) & 0xFFFFFFFF


@given(st.lists(st.text(max_size=20), max_size=30), st.integers(1, 64))
def test_many_identities_get_the_partitions_that_each_would_get(identities, partitions):
    assert partitions_of(identities, partitions).tolist() == [partition_of(i, partitions) for i in identities]
