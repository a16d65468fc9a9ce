"""Requests that come within a few milliseconds of each other, handed on together: each waits for its own part alone."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wayfare.adapters.kafka_client import Headers
from wayfare.domain.errors import LogUnavailable
from wayfare.domain.streams.events import Event

TURN_SECONDS = 0.02
"""How long who sends for some lets another finish first. Packing gives the interpreter's lock away, and when another packs
meanwhile threads switch each time: without turns requests of 500 pings cost a quarter more CPU. It is no more than a courtesy,
since who waits for brokers that do not answer must not hold up the others."""


@dataclass(eq=False, slots=True)
class Gathered:
    """What one caller gave, and the futures of the records that its events went into."""

    topic: str
    city: str
    events: Sequence[Event]
    received_at_ms: int
    sender: str
    trace: Headers = field(default_factory=list)
    futures: list[Any] = field(default_factory=list)
    error: LogUnavailable | None = None
    told: threading.Event = field(default_factory=threading.Event)

    def wake(self, _answer: object) -> None:
        """Let the caller go on: of its first record it is known what became of it."""
        self.told.set()


class Gathering:
    """The first caller of a few milliseconds sends for all who came in them; no thread of its own is needed.

    send: puts the rows of some callers into records and notes the futures of each; LogUnavailable is told to all of them.
    seconds: how long callers are gathered. One who is alone is not held up.
    """

    def __init__(self, send: Callable[[list[Gathered]], None], seconds: float, patience_seconds: float) -> None:
        self._send, self._seconds, self._patience = send, seconds, patience_seconds
        self._lock = threading.Lock()
        self._waiting: list[Gathered] = []
        self._inside = 0
        self._sending = threading.Lock()

    @contextlib.contextmanager
    def taking_part(self) -> Iterator[None]:
        """From before `hand_on` until the acknowledgement: who takes part alone need not wait for others."""
        with self._lock:
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1

    def hand_on(self, mine: Gathered) -> None:
        """Return once the futures of this caller's rows are known, for who was sent by another once the first is done.

        LogUnavailable when they were not sent.
        """
        with self._lock:
            self._waiting.append(mine)
            leads = len(self._waiting) == 1
            alone = self._inside <= 1
        if leads:
            self._lead(0.0 if alone else self._seconds)
        elif not mine.told.wait(self._patience):
            raise LogUnavailable(f"the log did not take the events, got no answer in {self._patience:g} s")
        if mine.error:
            raise LogUnavailable(str(mine.error)) from mine.error

    def _lead(self, seconds: float) -> None:
        if seconds:
            time.sleep(seconds)
        turn = self._sending.acquire(timeout=TURN_SECONDS)
        with self._lock:
            together, self._waiting = self._waiting, []
        problem: LogUnavailable | None = LogUnavailable(
            "the log did not take the events of this moment, got a defect on the way"
        )
        try:
            self._send(together)
            problem = None
        except LogUnavailable as error:
            problem = error
        finally:
            if turn:
                self._sending.release()
            for one in together:
                one.error = problem
                if one.futures and not problem:
                    # Who is woken before the log has answered would only go to sleep again.
                    one.futures[0].add_both(one.wake)
                else:
                    one.told.set()
