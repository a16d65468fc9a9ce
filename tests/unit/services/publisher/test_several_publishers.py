"""Publishers beside several model servers share one store: each is ready when its own server serves, and none undoes another."""

from __future__ import annotations

import pytest

from services.publisher.placing import Shelf
from services.publisher.steps import Publisher

from .conftest import MODEL, FolderServer, World

FIRST, SECOND = 20261121001, 20261121002


class Pods:
    """Model servers, each with a publisher and a folder of its own, over one store."""

    def __init__(self, world: World, count: int) -> None:
        self.world, self.now = world, 0
        self.servers = [FolderServer(world.tmp / f"pod-{n}") for n in range(count)]
        self.publishers = [self.publisher(server) for server in self.servers]

    def publisher(self, server: FolderServer) -> Publisher:
        return Publisher(
            self.world.store, Shelf(server.models), lambda: self.servers, server, self.world.trusted, self.world.signer,
            keep_ms=600_000, load_ms=60_000, predict_s=1.0, tolerance=1e-4,
        )  # fmt: skip

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.now += 1000
            for publisher in self.publishers:
                publisher.look(self.now)


@pytest.fixture
def pods(world):
    return Pods(world, 3)


def test_nobody_is_ready_before_something_is_published(pods):
    pods.look()
    assert {p.problem() for p in pods.publishers} == {"no version has been published yet"}


def test_a_label_moves_once_every_pod_serves_the_version_and_all_are_ready(pods):
    pods.world.release(pods.world.write())
    pods.look(3)
    assert pods.world.labels == {"stable": FIRST}
    assert [p.problem() for p in pods.publishers] == [None] * 3


def test_a_pod_that_joins_is_ready_when_its_own_server_has_what_labels_name(pods):
    pods.world.release(pods.world.write())
    pods.look(3)
    joined = FolderServer(pods.world.tmp / "pod-new")
    joined.state = "LOADING"
    publisher = pods.publisher(joined)
    publisher.look(pods.now)
    assert "does not serve 20261121001 yet" in publisher.problem()
    joined.state = "AVAILABLE"
    publisher.look(pods.now + 1000)
    assert publisher.problem() is None


def test_a_refusal_of_one_stays_told_and_is_not_written_again_and_again(pods):
    pods.world.release(pods.world.write())
    pods.look(3)
    pods.world.release(pods.world.write(0.7, golden=0.6))
    pods.look(3)
    assert pods.world.refusals["stable"].version == SECOND
    written = pods.world.store.fingerprint(MODEL, FIRST), dict(pods.world.refusals)
    writes = []
    keep = pods.world.store.write_refusals
    pods.world.store.write_refusals = lambda *given: (writes.append(given), keep(*given))
    pods.look(5)
    assert writes == []
    assert (pods.world.store.fingerprint(MODEL, FIRST), dict(pods.world.refusals)) == written
    assert pods.world.labels == {"stable": FIRST}


def test_a_server_that_was_slow_gets_the_version_back_once_others_saw_it_served(pods):
    slow = pods.servers[2]
    slow.state = "LOADING"
    pods.world.release(pods.world.write())
    pods.look(65)
    assert pods.world.refusals["stable"].why.startswith("load:")
    slow.state = "AVAILABLE"
    pods.world.release(FIRST)
    pods.look(10)
    assert pods.world.labels == {"stable": FIRST}
    assert pods.world.refusals == {}
    assert [p.problem() for p in pods.publishers] == [None] * 3
