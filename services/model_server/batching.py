"""Waiting calls of one signature are computed together; a call that finds nobody waiting is computed at once.

There is no batching thread and no delay: whoever gets a lane computes everything that waits by then, up to a number
of rows. A call whose deadline has passed while it waited is not computed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from wayfare.runtime.logs import logger
from wayfare.runtime.metrics import MODEL_BATCHES_SPLIT

if TYPE_CHECKING:  # this file's rules need no TensorFlow
    from services.model_server.network import Arrays, Signature

log = logger(part="batching")


class Expired(Exception):
    """The caller's deadline passed before the work began (gRPC DEADLINE_EXCEEDED)."""


class _Call:
    __slots__ = ("done", "error", "expires", "inputs", "outputs", "rows", "taken")

    def __init__(self, inputs: Arrays, rows: int, expires: float) -> None:
        self.inputs, self.rows, self.expires = inputs, rows, expires
        self.taken = False
        self.done = threading.Event()
        self.outputs: Arrays | None = None
        self.error: BaseException | None = None


class Batcher:
    """Runs one signature. lanes: batches that may be computed at once; max_rows: rows of a batch."""

    def __init__(self, signature: Signature, lanes: int, max_rows: int, batch_rows: Any = None) -> None:
        self.signature = signature
        self._lanes = threading.Semaphore(lanes)
        self._max_rows = max_rows
        self._waiting: deque[_Call] = deque()
        self._lock = threading.Lock()
        self._batch_rows = batch_rows
        self._told: set[type[Exception]] = set()

    def run(self, inputs: Arrays, expires: float) -> Arrays:
        """The outputs for checked inputs. expires: `time.monotonic()` after which nobody waits for the answer."""
        call = _Call(inputs, self.signature.check(inputs), expires)
        with self._lock:
            self._waiting.append(call)
        # Waits as long as the batches before it; they are bounded by the calls that the server admits.
        with self._lanes:
            # Calls ahead may fill a batch without this one, and their own threads then have nothing left to do.
            while not call.taken:
                self._compute(self._take())
        # Whoever took this call sets it, after a failure too.
        call.done.wait()
        if call.error is not None:
            raise call.error
        assert call.outputs is not None
        return call.outputs

    def _take(self) -> list[_Call]:
        taken: list[_Call] = []
        rows = 0
        with self._lock:
            while self._waiting and (
                not taken or (self.signature.batchable and rows + self._waiting[0].rows <= self._max_rows)
            ):
                call = self._waiting.popleft()
                call.taken = True
                taken.append(call)
                rows += call.rows
        return taken

    def _compute(self, calls: list[_Call]) -> None:
        now = time.monotonic()
        for call in calls:
            if call.expires <= now:
                call.error = Expired()
        live = [call for call in calls if call.error is None]
        if len(live) > 1 and not self._together(live):
            for call in live:
                self._alone(call)
        elif len(live) == 1:
            self._alone(live[0])
        if live and self._batch_rows is not None:
            self._batch_rows.observe(sum(call.rows for call in live))
        for call in calls:
            call.done.set()

    def _alone(self, call: _Call) -> None:
        try:
            call.outputs = self.signature.run(call.inputs)
        except Exception as error:
            call.error = error

    def _together(self, calls: list[_Call]) -> bool:
        """False when the batch failed: then each call is tried alone, so that one cannot spoil another's answer."""
        names = calls[0].inputs
        try:
            outputs = self.signature.run(
                {name: np.concatenate([call.inputs[name] for call in calls]) for name in names}
            )
        except Exception as error:
            # Whatever it was, each call alone gives its own answer or its own error.
            self._tell(error, len(calls))
            return False
        start = 0
        for call in calls:
            call.outputs = {name: array[start : start + call.rows] for name, array in outputs.items()}
            start += call.rows
        return True

    def _tell(self, error: Exception, calls: int) -> None:
        MODEL_BATCHES_SPLIT.inc()
        if type(error) not in self._told:
            self._told.add(type(error))
            reason = f"{type(error).__name__}: {error}"[:300]
            log.warning("a batch failed and is computed call by call", calls=calls, reason=reason)
