"""Where copies of rows live is said in one short text."""

from __future__ import annotations

import pytest

from wayfare.adapters.cassandra_schema import replication, statements
from wayfare.domain.errors import SettingsInvalid


def test_a_number_is_copies_wherever_and_pairs_are_copies_by_data_centre():
    assert replication("3") == "{'class': 'SimpleStrategy', 'replication_factor': 3}"
    assert replication("dc1:3,dc-2:2") == "{'class': 'NetworkTopologyStrategy', 'dc1': 3, 'dc-2': 2}"
    assert "'dc1': 3" in statements("wayfare", "dc1:3")[0]


@pytest.mark.parametrize("text", ["", "0", "three", "dc1:0", "dc1:3,", "dc1", "dc1:3; DROP KEYSPACE wayfare", "dc'1:3"])
def test_anything_else_is_refused_with_what_was_got(text):
    with pytest.raises(SettingsInvalid, match="got"):
        replication(text)
