"""A worker's life: steps, pauses while something is away, an end by a defect or by request."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from wayfare.runtime import metrics, worker
from wayfare.runtime.health import Health
from wayfare.runtime.settings import ProcessSettings
from wayfare.runtime.worker import Problems, serve, step_until, watch


class Waits(threading.Event):
    """Stops after so many waits, without waiting; remembers how long each would have been."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.seconds = most, []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        if len(self.seconds) >= self.most:
            self.set()
        return self.is_set()


class Counter:
    """Steps that each take the next of `told` as the log's problem; an exception is raised."""

    def __init__(self, *told) -> None:
        self.problems = Problems(log="not connected yet")
        self.told, self.steps, self.closed = list(told), 0, False

    def step(self) -> None:
        self.steps += 1
        problem = self.told.pop(0) if self.told else None
        if isinstance(problem, Exception):
            raise problem
        self.problems["log"] = problem

    def close(self) -> None:
        self.closed = True


def exceptions(name: str) -> float:
    return metrics.EXCEPTIONS.labels(name)._value.get()


def test_it_pauses_longer_and_longer_while_something_is_away_and_not_after():
    stop = Waits(9)
    step_until(stop, "test", Counter(*["away"] * 6, None, "away"))
    assert stop.seconds == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 0.0, 0.1, 0.0]


def test_a_slow_worker_never_steps_sooner_than_its_rhythm():
    stop = Waits(4)
    step_until(stop, "test", Counter("away", "away", None), every_seconds=0.15)
    assert stop.seconds == [0.15, 0.2, 0.15, 0.15]


def test_a_defect_is_counted_and_ends_the_loop():
    counter, before = Counter(None, ZeroDivisionError("a defect")), exceptions("doomed")
    with pytest.raises(ZeroDivisionError):
        step_until(threading.Event(), "doomed", counter)
    assert counter.steps == 2
    assert exceptions("doomed") == before + 1


def test_a_process_is_not_ready_while_a_problem_stands():
    health, problems = Health(), Problems(log="away", lake=None)
    watch(health, problems)
    assert health.reasons() == {"log": "away"}
    problems["log"] = None
    assert health.reasons() == {}


def test_a_problem_is_logged_when_it_is_news(monkeypatch):
    said = []

    class Log:
        def warning(self, what, **more):
            said.append(more["reason"])

    monkeypatch.setattr(worker.logs, "logger", Log)
    problems = Problems(log=None)
    for error in ("away", "away", "refused", "refused"):
        problems.found("log", OSError(error))
    assert said == ["away", "refused"]
    assert problems["log"] == "refused"


@pytest.fixture
def own_signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_sigterm_lets_the_step_end_and_closes_the_worker(tmp_path, own_signals, monkeypatch):
    monkeypatch.setattr(worker.logs, "configure", lambda *_: None)

    class Stopped(Counter):
        def step(self) -> None:
            super().step()
            if self.steps == 3:
                os.kill(os.getpid(), signal.SIGTERM)
                self.after_signal = True

    stopped = Stopped()
    serve("test", ProcessSettings(state=tmp_path), lambda: stopped)
    assert stopped.steps == 3
    assert stopped.after_signal
    assert stopped.closed
