"""One process: fold its share into registers, write them, follow what all have written, and judge when it owns partition 0.

A fold is remembered in this order: dead letters, registers, heads, then the group's offsets, which are for lag alone. Dying
anywhere repeats a part that registers know by offset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.drift_monitor.folding import TOPICS, Folder
from services.drift_monitor.judging import Judge
from services.drift_monitor.settings import DriftSettings
from services.drift_monitor.telling import Telling
from wayfare.adapters.kafka_client import Producer
from wayfare.adapters.kafka_consumer import send_dead_letter
from wayfare.adapters.kafka_group import GroupConsumer
from wayfare.adapters.kafka_registers import RegisterReader, RegisterWriter
from wayfare.domain.errors import LogUnavailable, StoreUnavailable
from wayfare.domain.pricing.records import PREDICTIONS
from wayfare.runtime import metrics
from wayfare.runtime.lag import ConsumerLag
from wayfare.runtime.worker import Problems

JUDGE = (PREDICTIONS, 0)


class DriftMonitor:
    """See the module. One thread calls `step` for ever; `problems` and `telling` may be read by any."""

    def __init__(
        self,
        group: GroupConsumer,
        producer: Producer,
        reader: RegisterReader,
        writer: RegisterWriter,
        folder: Folder,
        judge: Judge,
        telling: Telling,
        settings: DriftSettings,
        monotonic: Callable[[], float],
    ) -> None:
        self._group, self._producer, self._reader, self._writer = group, producer, reader, writer
        self._folder, self._judge, self._telling = folder, judge, telling
        self._settings, self._monotonic = settings, monotonic
        self._saved_at = self._judged_at = -1e9
        self._lag = ConsumerLag()
        self._judges = False
        self._waits = False
        self.problems = Problems(
            log="not connected yet",
            brokers=None,
            registers=None,
            references=None,
            judgement=None,
            assignment=group.problem,
        )

    def step(self) -> None:
        """Read once and do what is due. Never raises what a retry can mend."""
        try:
            batches = self._group.poll(0.05, self._resume)
            self._reader.poll()
            self.problems["log"] = None
        except LogUnavailable as error:
            self.problems.found("log", error)
            return
        self.problems["assignment"] = self._group.problem
        if batches:
            self._take(batches)
        now = self._monotonic()
        if now - self._saved_at >= self._settings.register_seconds:
            self._saved_at = now
            self._save()
        if now - self._judged_at >= 0.5:
            self._judged_at = now
            self._judge_if_mine()
            self._telling.measure(self._judges)
        self._lag.measure(now, self._ends, self._covered, self.problems)

    def _resume(self, owned: frozenset[Any]) -> Mapping[Any, int | None]:
        """Last words for what is gone are written by whoever still can; then where all have come to is read."""
        self._save()
        self._reader.catch_up()
        at = self._folder.own(frozenset((place.topic, place.partition) for place in owned))
        return {place: at[place.topic, place.partition] for place in owned}

    def _take(self, batches: Mapping[Any, list[Any]]) -> None:
        try:
            for place, records in batches.items():
                at = (place.topic, place.partition)
                if at not in self._folder.shares:
                    continue
                told = self._folder.fold(at, records)
                metrics.DRIFT_ROWS.labels(place.topic, "folded").inc(told.rows)
                for reason, count in told.refused.items():
                    metrics.DRIFT_ROWS.labels(place.topic, reason).inc(count)
                self._bury(at, told.dead)
            self.problems["references"] = None
        except StoreUnavailable as error:
            # Which columns a row has is in its model's artifact: nothing is counted until that can be read.
            self.problems.found("references", error)
            self._group.rewind()
        except LogUnavailable as error:
            self.problems.found("registers", error)
            self._group.rewind()

    def _bury(self, at: tuple[str, int], dead: list[tuple[Any, str]]) -> None:
        futures = [send_dead_letter(self._producer, record, *at, "unreadable", error) for record, error in dead]
        if futures:
            self._producer.wait(futures)
            metrics.DEAD_LETTERS.labels(at[0], "unreadable").inc(len(futures))

    def _save(self) -> None:
        registers, heads = self._folder.unsaved()
        if not heads and not registers:
            return
        try:
            self._writer.save(registers, heads)
            self.problems["registers"] = None
        except LogUnavailable as error:
            self.problems.found("registers", error)
            return
        done = self._folder.saved()
        by_name = {(place.topic, place.partition): place for place in self._group.owned}
        self._group.commit({by_name[at]: offset for at, offset in done.items() if at in by_name})

    def _judge_if_mine(self) -> None:
        judges = JUDGE in {(place.topic, place.partition) for place in self._group.owned}
        if judges != self._judges:
            self._judges = judges
            self._judge.forget()
        if not judges:
            self.problems["judgement"] = None
            return
        try:
            self._judge.judge()
            self.problems["judgement"] = None
        except (LogUnavailable, StoreUnavailable) as error:
            self.problems.found("judgement", error)

    def _ends(self, seconds: float) -> dict[tuple[str, int], int]:
        return self._reader.ends(self._folder.shares)

    def _covered(self, at: tuple[str, int]) -> int | None:
        share = self._folder.shares.get(at)
        return None if share is None else share.covers + 1

    def close(self) -> None:
        """Write what was folded and leave the group."""
        self._save()
        self._group.close()
        self._reader.close()
        self._producer.close()


__all__ = ["TOPICS", "DriftMonitor"]
