"""Waiting calls are computed together, each gets its own rows, and nothing is computed for a caller that has gone."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from services.model_server import batching
from services.model_server.batching import Batcher, Expired
from wayfare.runtime.metrics import MODEL_BATCHES_SPLIT

FOREVER = float("inf")


class Doubling:
    """A signature that doubles; `gate` holds every computation until it is set."""

    batchable = True

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Semaphore(0)
        self.sizes: list[int] = []
        self.poison = -1.0

    def check(self, inputs):
        return len(inputs["x"])

    def run(self, inputs):
        self.began.release()
        assert self.gate.wait(10)
        self.sizes.append(len(inputs["x"]))
        if (inputs["x"] == self.poison).any():
            raise ArithmeticError("poison")
        return {"y": inputs["x"] * 2}


class Caller(threading.Thread):
    def __init__(self, batcher, value: float, rows: int = 1, expires: float = FOREVER) -> None:
        super().__init__(daemon=True)
        self.batcher, self.value, self.rows, self.expires = batcher, value, rows, expires
        self.result = self.error = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.batcher.run({"x": np.full(self.rows, self.value)}, self.expires)["y"]
        except Exception as error:
            self.error = error


def waiting(batcher, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(batcher._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def held():
    """One lane, held by a first call."""
    signature = Doubling()
    signature.gate.clear()
    batcher = Batcher(signature, lanes=1, max_rows=8)
    first = Caller(batcher, 100.0)
    assert signature.began.acquire(timeout=10)
    return signature, batcher, first


def test_a_call_that_finds_nobody_is_computed_at_once():
    signature = Doubling()
    assert Batcher(signature, 1, 8).run({"x": np.ones(3)}, FOREVER)["y"].tolist() == [2.0, 2.0, 2.0]
    assert signature.sizes == [3]


def test_calls_that_wait_are_computed_together_and_get_their_own_rows(held):
    signature, batcher, first = held
    others = [Caller(batcher, float(value), rows=value) for value in (1, 2, 3)]
    waiting(batcher, 3)
    signature.gate.set()
    for caller in (first, *others):
        caller.join(10)
        assert caller.result.tolist() == [caller.value * 2] * caller.rows
    assert signature.sizes == [1, 6]


def test_no_call_is_forgotten_when_batches_are_full(held):
    signature, batcher, first = held
    others = [Caller(batcher, float(value), rows=5) for value in range(12)]
    waiting(batcher, 12)
    signature.gate.set()
    for caller in (first, *others):
        caller.join(10)
        assert caller.result is not None
    assert max(signature.sizes) <= 8


def test_a_call_whose_deadline_passed_while_it_waited_is_not_computed(held):
    signature, batcher, first = held
    late = Caller(batcher, 1.0, rows=4, expires=time.monotonic() + 0.01)
    fine = Caller(batcher, 2.0)
    waiting(batcher, 2)
    time.sleep(0.02)
    signature.gate.set()
    for caller in (first, late, fine):
        caller.join(10)
    assert isinstance(late.error, Expired)
    assert fine.result.tolist() == [4.0]
    assert sum(signature.sizes) == 2


def test_one_bad_call_does_not_spoil_the_others_and_the_split_is_told(held, monkeypatch):
    signature, batcher, first = held
    signature.poison = 13.0
    said, split = [], MODEL_BATCHES_SPLIT._value.get()
    monkeypatch.setattr(batching.log, "warning", lambda what, **more: said.append(more["reason"]), raising=False)
    bad, fine = Caller(batcher, 13.0), Caller(batcher, 2.0)
    waiting(batcher, 2)
    signature.gate.set()
    for caller in (first, bad, fine):
        caller.join(10)
    assert isinstance(bad.error, ArithmeticError)
    assert fine.result.tolist() == [4.0]
    assert said == ["ArithmeticError: poison"]
    assert MODEL_BATCHES_SPLIT._value.get() == split + 1


def test_the_reason_of_split_batches_is_logged_once(monkeypatch):
    signature, said = Doubling(), []
    signature.poison = 13.0
    batcher = Batcher(signature, lanes=1, max_rows=8)
    monkeypatch.setattr(batching.log, "warning", lambda what, **more: said.append(more["reason"]), raising=False)
    for turn in range(1, 3):
        signature.gate.clear()
        callers = [Caller(batcher, 100.0)]
        assert signature.began.acquire(timeout=10)
        callers += [Caller(batcher, 13.0), Caller(batcher, 13.0)]
        waiting(batcher, 2)
        split = MODEL_BATCHES_SPLIT._value.get()
        signature.gate.set()
        for caller in callers:
            caller.join(10)
        while signature.began.acquire(blocking=False):
            pass
        assert MODEL_BATCHES_SPLIT._value.get() == split + 1, turn
    assert said == ["ArithmeticError: poison"]


def test_what_cannot_be_joined_is_computed_one_by_one(held):
    signature, batcher, first = held
    signature.batchable = False
    others = [Caller(batcher, float(value)) for value in range(4)]
    waiting(batcher, 4)
    signature.gate.set()
    for caller in (first, *others):
        caller.join(10)
    assert signature.sizes == [1] * 5


@pytest.mark.parametrize("lanes", [1, 3])
def test_every_call_is_answered_under_load(lanes):
    batcher = Batcher(Doubling(), lanes, max_rows=7)
    callers = [Caller(batcher, float(value), rows=1 + value % 5) for value in range(200)]
    for caller in callers:
        caller.join(20)
        assert caller.result.tolist() == [caller.value * 2] * caller.rows
