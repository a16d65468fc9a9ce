"""A session asked for before its servers exist: what it says, and that it goes on trying."""

from __future__ import annotations

import time

import pytest

from wayfare.adapters.cassandra_background import BackgroundSession
from wayfare.adapters.cassandra_session import LazySession
from wayfare.domain.errors import StoreUnavailable
from wayfare.runtime.settings import CassandraSettings


@pytest.fixture
def unknown(tmp_path):
    """Settings with a name that nobody can resolve."""
    return CassandraSettings(state=tmp_path, cassandra_hosts="no-such-host.invalid:9042", cassandra_timeout_seconds=0.5)


def test_a_name_that_does_not_exist_yet_is_a_store_out_of_reach(unknown):
    with pytest.raises(StoreUnavailable, match=r"no-such-host.invalid:9042 cannot be reached, got Unresolvable"):
        LazySession(unknown)()


def test_a_front_end_goes_on_trying_while_the_name_does_not_exist(unknown):
    session = BackgroundSession(unknown, pause_s=0.05)
    session.start()
    deadline = time.monotonic() + 20
    while "Unresolvable" not in (session.problem() or ""):
        assert time.monotonic() < deadline, session.problem()
        time.sleep(0.05)
    assert session._thread.is_alive()
    session.close()
