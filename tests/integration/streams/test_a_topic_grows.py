"""A topic is given more partitions while events come and ingest is killed: the window stays whole, and exact for ever."""

from __future__ import annotations

import itertools
import pathlib
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from local.stack import Stack
from tests.integration.streams.drawn import TOPICS, Stage, recomputed
from wayfare.adapters import kafka_admin, kafka_growing
from wayfare.adapters.kafka_client import JSON, Producer
from wayfare.adapters.kafka_dead_letters import read, redrive
from wayfare.adapters.kafka_events import SENDER_HEADER
from wayfare.adapters.redis_window import RedisWindow
from wayfare.cli.main import group as cli
from wayfare.domain.city import City, Place, Tariff
from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams.panes import PANE_MS
from wayfare.domain.streams.window import LiveWindow

pytestmark = pytest.mark.timeout(400)  # servers of its own, and two growths, each as long as writers may need to turn

KILLS = 6
"""No more of them: a group that loses a member every few seconds for ever shares nothing out on a slow machine."""
BOX = tuple(Place(lat, lon) for lat, lon in ((37.5, -123.0), (37.5, -122.0), (38.5, -122.0), (38.5, -123.0)))


@pytest.fixture(scope="module")
def growing_stage(tmp_path_factory) -> Iterator[Stage]:
    stack = Stack(pathlib.Path(tempfile.mkdtemp(prefix="wayfare-growing-")))
    try:
        stack.start(["kafka", "redis"])
        yield Stage(stack.addresses(), tmp_path_factory.mktemp("growing"))
    finally:
        stack.stop()
    shutil.rmtree(stack.layout.state)


def quiet(*_: str) -> None:
    pass


class Watching:
    """A front end's copy of the window, refreshed all the time: cabs available, and the age that it would tell."""

    def __init__(self, stage: Stage) -> None:
        city = City(stage.city, "C", BOX, Place(38.0, -122.5), "UTC", "USD", "US", Tariff(1, 1, 1, 1),
                    sources=frozenset({"driver_pings", "waiting", "ride_requests", "dropoffs"}))  # fmt: skip
        self._window = LiveWindow(city, partitions=dict.fromkeys(TOPICS, 4))
        self._store, self._city, self._ended = RedisWindow(stage.redis), stage.city, threading.Event()
        self.cabs: list[int] = []
        self.now_ms = 0
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self._window.update(self._store.read(self._city, self.now_ms // PANE_MS, self._window.whole_panes()))
            count = self._window.level_total("cabs_available")
            if count is not None and self._window.newest_received_at_ms is not None:
                self.cabs.append(count)

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def test_it_grows_under_load_while_ingest_is_killed_and_every_register_is_what_the_logs_give(growing_stage):
    stage = growing_stage
    done = threading.Event()
    failed: list[BaseException] = []

    def grow() -> None:
        try:
            for topic, partitions in (("driver-pings", 9), ("ride-requests", 6)):
                kafka_growing.handed_over(
                    stage.options, kafka_growing.grow(stage.options, topic, partitions, 1, quiet), quiet
                )
        except BaseException as error:
            failed.append(error)
        finally:
            done.set()

    with stage.log(21) as log, stage.ingest() as first, stage.ingest("other") as second, Watching(stage) as watching:

        def step() -> None:
            log.step()
            watching.now_ms = log.now_ms
            time.sleep(0.25)

        for _ in range(10):
            step()
        stage.until_written()
        growing = threading.Thread(target=grow)
        growing.start()
        for number in itertools.count():
            step()
            if number % 20 == 7 and number < 20 * KILLS:
                stage.kill_and_start((first, second)[number // 20 % 2])
            if done.is_set() and number > 30:
                break
        growing.join()
        assert failed == []
        for _ in range(10):
            step()
        stage.until_equal()
    names = kafka_admin.topic_names(stage.options)
    assert {"driver-pings.g2x9", "ride-requests.g2x6"} <= names
    # Every row that was acknowledged is in one of the logs and was counted.
    assert recomputed(stage.options, stage.city).rows >= 62 * log.steps
    # Statuses are drawn, so counts vary by a third; a generation missing, or counted beside the other, would be far more.
    settled = watching.cabs[len(watching.cabs) // 5 :]
    usual = statistics.median(settled)
    assert 0.55 * usual < min(settled) <= max(settled) < 1.7 * usual


def test_what_came_after_the_seal_is_kept_and_can_be_sent_again(growing_stage):
    stage = growing_stage
    with stage.log(22) as log, stage.ingest(), stage.ingest("third"):
        log.step()
        before = recomputed(stage.options, stage.city).rows
        # A writer that stood still for longer than any is given.
        late = Producer(stage.options)
        value = log.late_ping()
        headers = [("content-type", JSON.encode()), (SENDER_HEADER, b"s")]
        late.wait([late.send("driver-pings", value, b"d7", headers)])
        stage.until_equal()

        def letters():
            return [one for one in read(stage.options, "driver-pings") if one.value == value]

        until_one = time.monotonic() + 60
        while not letters() and time.monotonic() < until_one:
            time.sleep(0.2)
        (letter,) = letters()
        assert (letter.reason, letter.generation) == ("sealed", "driver-pings")
        late.wait(redrive(late, letter, "driver-pings.g2x9"))
        late.close()
        log.step()
        stage.until_equal()
        assert recomputed(stage.options, stage.city).rows > before


def test_what_was_broken_off_goes_on_and_what_makes_no_sense_is_refused(growing_stage, monkeypatch, tmp_path):
    stage = growing_stage
    options = stage.options
    with pytest.raises(InvalidInput, match="has 9 partitions and may have up to 256, got 9"):
        kafka_growing.grow(options, "driver-pings", 9, 1, quiet)
    with pytest.raises(InvalidInput, match="got 5"):
        kafka_growing.grow(options, "driver-pings", 5, 1, quiet)

    class Broken(Exception):
        pass

    def stop(_: float) -> None:
        raise Broken

    with pytest.raises(Broken):
        kafka_growing.grow(options, "weather", 2, 1, quiet, stop)
    with pytest.raises(InvalidInput, match="is still being turned to: end that first, got 3 partitions"):
        kafka_growing.grow(options, "weather", 3, 1, quiet, stop)
    monkeypatch.setenv("WAYFARE_STATE", str(tmp_path))
    monkeypatch.setenv("WAYFARE_KAFKA_BOOTSTRAP", stage.servers.kafka_bootstrap)
    with stage.ingest():
        answer = CliRunner().invoke(cli, ["topic", "grow", "weather", "--partitions", "2"])
        assert answer.exit_code == 0, answer.output
        assert "weather.g2x2 goes on from weather" in answer.output
    shown = CliRunner().invoke(cli, ["topic", "show"]).output
    assert "weather.g2x2" in shown
    assert "driver-pings.g2x9" in shown
