"""One model's drift, judged five minutes at a time in order: alarms, states, and the figures that explain them."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from wayfare.domain.drift.columns import Reference
from wayfare.domain.drift.register import BUCKET_MS, Register
from wayfare.domain.drift.sequential import LOOKS_A_WEEK, Bank, threshold
from wayfare.domain.drift.series import CHECKS, Expected, Series, expected_of, observed_of, part_of_week, series_of

State = Literal["ok", "drifted", "unknown"]
DAY_BUCKETS = 288
FEWEST_ROWS = 50
FEWEST_IN_BUCKETS = 72
"""Fewer rows than this in six hours say nothing."""
HELD_BUCKETS = DAY_BUCKETS
"""How long an alarm stands at least, unless it is renewed."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was found in one series. since: the bucket in which it began; found: in which it was known; until: it stands."""

    check: str
    feature: str
    what: str
    direction: int
    since: int
    found: int
    until: int


@dataclass(frozen=True, slots=True)
class CheckState:
    """The state of one check. reason: why it is unknown. since: the bucket in which the oldest standing drift began."""

    state: State
    reason: str
    since: int | None
    alarms: tuple[Alarm, ...]


class Monitor:
    """Takes closed buckets of one city, model and version in order.

    part_at: from a bucket to its weekday and hour on the city's local clock. tolerance_sd: see `Bank`. The window holds the
    registers of the last day, for what is shown.
    """

    def __init__(
        self,
        reference: Reference,
        part_at: Callable[[int], tuple[int, int]],
        tolerance_sd: float = 0.0,
        budget_a_week: float = 1.0,
    ) -> None:
        self.reference, self._part_at = reference, part_at
        self.series: list[Series] = series_of(reference)
        charts = len(self.series) * 10
        self.bank = Bank(len(self.series), threshold(charts, LOOKS_A_WEEK, budget_a_week), tolerance=tolerance_sd)
        self.alarms: dict[int, Alarm] = {}
        self.last = -1
        self.first = -1
        self.window: collections.deque[tuple[int, Register | None, Register | None]] = collections.deque()
        self._expected: dict[str, Expected] = {}

    def expected(self, bucket: int) -> Expected:
        """What training expects of each series in this bucket."""
        part = self.part(bucket)
        if part not in self._expected:
            self._expected[part] = expected_of(self.reference, self.series, part)
        return self._expected[part]

    def part(self, bucket: int) -> str:
        """The key of this bucket's part of the week."""
        return part_of_week(*self._part_at(bucket))

    def take(self, bucket: int, served: Register | None, outcomes: Register | None) -> list[Alarm]:
        """Judge one closed bucket; returns what is newly found. Buckets must ascend; empty ones may be left out."""
        if bucket <= self.last:
            raise ValueError(f"buckets ascend from {self.last}, got {bucket}")
        self.first = bucket if self.first < 0 else self.first
        now, then = self._part_at(bucket), self._part_at(max(self.last, bucket - 12))
        turned = (now != then or bucket - self.last > 12, now[0] != then[0] or bucket - self.last > DAY_BUCKETS)
        self.last = bucket
        self.remember(bucket, served, outcomes)
        self.alarms = {at: alarm for at, alarm in self.alarms.items() if alarm.until > bucket}
        if not self.series or (served is None and outcomes is None):
            return []
        expected = self.expected(bucket)
        foreseen = self.bank.foreseen(bucket, expected.variance, expected.effects, turned)
        n, x = observed_of(self.reference, self.series, expected, foreseen, served, outcomes)
        rows, sides, onsets = self.bank.take(
            bucket, n, x, expected.mean, expected.variance, expected.skewness, expected.effects, turned
        )
        new = []
        for at, side, onset in zip(rows.tolist(), sides.tolist(), onsets.tolist(), strict=True):
            before = self.alarms.get(at)
            since = min(onset, before.since) if before and before.direction == side else onset
            until = bucket + max(HELD_BUCKETS, 2 * (bucket - onset))
            one = self.series[at]
            alarm = Alarm(one.check, one.feature, str(one.what), side, since, bucket, until)
            self.alarms[at] = alarm
            if before is None:
                new.append(alarm)
        return new

    def remember(self, bucket: int, served: Register | None, outcomes: Register | None) -> None:
        """Put a bucket into the window without judging it, as a process does that goes on where another ended."""
        self.window.append((bucket, served, outcomes))
        while self.window and self.window[0][0] <= bucket - DAY_BUCKETS:
            self.window.popleft()

    def rows(self, buckets: int, group: str = "features") -> int:
        """Rows of the last so many buckets."""
        held = [(served, outcomes) for bucket, served, outcomes in self.window if bucket > self.last - buckets]
        return sum(pair.rows for both in held if (pair := both[1] if group == "outcomes" else both[0]) is not None)

    def states(self, blind: str = "") -> dict[str, CheckState]:
        """The state of every check. blind: why nothing can be judged now (a lag, an error); it makes unknown what is not drifted."""
        found = {}
        for check in CHECKS:
            alarms = tuple(sorted((a for a in self.alarms.values() if a.check == check), key=lambda a: a.since))
            reason = blind or self._why_unknown(check)
            state: State = "drifted" if alarms else "unknown" if reason else "ok"
            found[check] = CheckState(state, "" if alarms else reason, alarms[0].since if alarms else None, alarms)
        return found

    def _why_unknown(self, check: str) -> str:
        if self.reference.schema < 2:
            return f"the reference has schema {self.reference.schema}, which lacks the effects of hours and days"
        mine = [one for one in self.series if one.check == check]
        if not mine:
            return "the reference has nothing to compare with"
        rows = self.rows(FEWEST_IN_BUCKETS, mine[0].group)
        return "" if rows >= FEWEST_ROWS else f"fewer than {FEWEST_ROWS} rows in six hours, got {rows}"

    def evidence(self) -> dict[str, float]:
        """How far the farthest series of each check is on the way to an alarm, from 0 to 1."""
        of = self.bank.evidence()
        found: dict[str, float] = {}
        for at, one in enumerate(self.series):
            found[one.check] = max(found.get(one.check, 0.0), float(of[at]))
        return found

    def to_json(self) -> dict[str, Any]:
        """All that another process needs to go on exactly, but for the window."""
        return {
            "reference": self.reference.fingerprint,
            "first": self.first,
            "last": self.last,
            "bank": self.bank.to_json(),
            "alarms": {str(at): asdict(alarm) for at, alarm in self.alarms.items()},
        }

    def restore(self, raw: Mapping[str, Any]) -> bool:
        """Go on from `to_json`; False, with nothing changed, when it was of another reference or set of series."""
        if raw["reference"] != self.reference.fingerprint or not self.bank.restore(raw["bank"]):
            return False
        self.first, self.last = int(raw["first"]), int(raw["last"])
        self.alarms = {int(at): Alarm(**alarm) for at, alarm in raw["alarms"].items()}
        return True


def bucket_of(t_ms: int) -> int:
    """The five minutes that hold a moment of the city's clock."""
    return t_ms // BUCKET_MS
