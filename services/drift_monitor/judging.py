"""Who owns partition 0 of `predictions` judges: closes five minutes when all partitions are past them, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.drift_monitor.folding import References
from wayfare.adapters.kafka_registers import Held, RegisterReader, RegisterWriter
from wayfare.domain.city import City, Registry
from wayfare.domain.drift.columns import Reference
from wayfare.domain.drift.figures import HOUR_BUCKETS
from wayfare.domain.drift.judgement import all_unknown, judgement_of, without_reference
from wayfare.domain.drift.monitor import DAY_BUCKETS, CheckState, Monitor
from wayfare.domain.drift.register import BUCKET_MS, Register, merged
from wayfare.domain.pricing.records import BOOKINGS, PREDICTIONS
from wayfare.domain.streams.log import RecordLog
from wayfare.domain.times import format_rfc3339
from wayfare.inventory import topic
from wayfare.runtime.logs import logger

EVENTS = "drift-events"
PLACES = tuple((name, number) for name in (PREDICTIONS, BOOKINGS) for number in range(topic(name).partitions))
Model = tuple[str, str, int]
"""City, model, version."""


class Judge:
    """Judges what `reader.held` says, and writes judgements and events. Used by the thread that steps."""

    def __init__(
        self,
        reader: RegisterReader,
        writer: RegisterWriter,
        events: RecordLog,
        references: References,
        registry: Callable[[], Registry],
        wall_ms: Callable[[], int],
        settings: Any,
    ) -> None:
        self._reader, self._writer, self._events, self._references = reader, writer, events, references
        self._registry, self._wall_ms, self._settings = registry, wall_ms, settings
        self._monitors: dict[Model, Monitor] = {}
        self._closing: dict[str, tuple[int, dict[tuple[str, int], int]]] = {}
        self._wrote: dict[Model, int] = {}
        self._states: dict[Model, dict[str, str]] = {}

    def forget(self) -> None:
        """Another member judges now: begin anew from what is written, should it come back."""
        self._monitors.clear()
        self._closing.clear()
        self._wrote.clear()
        self._states.clear()

    def judge(self) -> None:
        """Close what is due in every city. LogUnavailable or StoreUnavailable: again later, with nothing lost."""
        for city in self._registry():
            last = self._closed(city)
            if last is None:
                continue
            for model in self._models(city, last):
                self._judge_model(city, model, last)
            del self._closing[city.id]

    def _closed(self, city: City) -> int | None:
        """The newest bucket that all partitions are past, once it is new; None while there is none."""
        now = city.clock.at(self._wall_ms())
        grace = self._settings.grace_seconds * 1000 * city.clock.speed
        due = int((now - grace) // BUCKET_MS) - 1
        if city.id not in self._closing:
            done = [monitor.last for at, monitor in self._monitors.items() if at[0] == city.id]
            if done and min(done) >= due and not self._unseen(city, due):
                return None
            self._closing[city.id] = (due, self._reader.ends(PLACES))
        bucket, ends = self._closing[city.id]
        heads = self._reader.held.heads
        behind = [at for at, end in ends.items() if end > 0 and (at not in heads or heads[at].covers + 1 < end)]
        return None if behind else bucket

    def _unseen(self, city: City, due: int) -> bool:
        known = {at for at in self._monitors if at[0] == city.id}
        return bool(self._models(city, due) - known)

    def _models(self, city: City, last: int) -> set[Model]:
        """Models with rows in the last day, or that are still judged."""
        keys = list(self._reader.held.registers)
        return {
            (key.city, key.model, key.version)
            for key in keys
            if key.city == city.id and key.model and last - DAY_BUCKETS < key.bucket <= last
        }

    def _judge_model(self, city: City, at: Model, last: int) -> None:
        reference = self._references.of(at[1], at[2])
        if reference is None:
            self._tell_without_reference(at, last)
            return
        held = self._reader.held
        mine: dict[int, list[Register]] = {}
        outcomes: dict[int, list[Register]] = {}
        for key, register in list(held.registers.items()):
            if key.city == at[0] and key.bucket <= last:
                if (key.model, key.version) == at[1:] and register.reference == reference.fingerprint:
                    mine.setdefault(key.bucket, []).append(register)
                elif not key.model and register.reference == "outcomes":
                    outcomes.setdefault(key.bucket, []).append(register)
        monitor = self._monitor(city, at, reference, held, mine, outcomes)
        # The first bucket judged is the first with rows: outcomes of the time before are another model's.
        begin = max(monitor.last + 1 if monitor.last >= 0 else min(mine, default=last + 1), last - DAY_BUCKETS)
        fresh = []
        for bucket in range(begin, last + 1):
            both = merged(mine.get(bucket, ())), merged(outcomes.get(bucket, ()))
            fresh += monitor.take(bucket, *both)
        self._tell(at, monitor, bool(fresh))

    def _monitor(
        self,
        city: City,
        at: Model,
        reference: Reference,
        held: Held,
        mine: Mapping[int, list[Register]],
        outcomes: Mapping[int, list[Register]],
    ) -> Monitor:
        if at in self._monitors:
            return self._monitors[at]

        def part_at(bucket: int) -> tuple[int, int]:
            local = city.local(bucket * BUCKET_MS)
            return local.weekday(), local.hour

        monitor = Monitor(reference, part_at, self._settings.tolerance_sd, self._settings.false_alarms_a_week)
        before = held.judgements.get(at)
        if before is not None and before.get("monitor") and monitor.restore(before["monitor"]):
            for bucket in range(monitor.last - DAY_BUCKETS + 1, monitor.last + 1):
                if bucket in mine or bucket in outcomes:
                    monitor.remember(bucket, merged(mine.get(bucket, ())), merged(outcomes.get(bucket, ())))
            self._states[at] = {check: told["state"] for check, told in before["checks"].items()}
        self._monitors[at] = monitor
        return monitor

    def _tell(self, at: Model, monitor: Monitor, news: bool) -> None:
        states = monitor.states()
        now = self._wall_ms()
        changed = self._states.get(at) != {check: state.state for check, state in states.items()}
        if not (news or changed) and now - self._wrote.get(at, 0) < self._settings.judgement_seconds * 1000:
            return
        self._announce(at, monitor.last, states)
        self._writer.judge(judgement_of(monitor, *at, now))
        self._wrote[at] = now

    def _tell_without_reference(self, at: Model, last: int) -> None:
        now = self._wall_ms()
        if now - self._wrote.get(at, 0) < self._settings.judgement_seconds * 1000:
            return
        states = all_unknown(f"no reference can be read: {self._references.why(at[1], at[2])}")
        self._announce(at, last, states)
        rows = sum(
            register.rows
            for key, register in list(self._reader.held.registers.items())
            if (key.city, key.model, key.version) == at and key.bucket > last - HOUR_BUCKETS
        )
        self._writer.judge(without_reference(*at, last, now, rows, states))
        self._wrote[at] = now

    def _announce(self, at: Model, bucket: int, states: Mapping[str, CheckState]) -> None:
        """One event for each check whose state is another than was told last. The same may be told twice, by the same id."""
        before = self._states.get(at, {})
        for check, state in states.items():
            if before.get(check) == state.state:
                continue
            event = {
                "event_id": f"{at[0]}.{at[1]}.{at[2]}.{check}.{bucket}.{state.state}",
                "city": at[0],
                "model": at[1],
                "version": at[2],
                "check": check,
                "from": before.get(check),
                "to": state.state,
                "reason": state.reason,
                "since": None if state.since is None else format_rfc3339(state.since * BUCKET_MS),
                "features": sorted({alarm.feature for alarm in state.alarms}),
                "t": format_rfc3339((bucket + 1) * BUCKET_MS),
            }
            self._events.append(EVENTS, f"{at[0]}|{at[1]}", event)
            logger().info("drift state", city=at[0], model=at[1], check=check, to=state.state, reason=state.reason)
        self._states[at] = {check: state.state for check, state in states.items()}
