"""What is known of drift now, from the newest judgements that anybody wrote: for the API, the report and metrics.

Every replica tells the same. What is old is unknown, whatever it said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.drift_monitor.references import ArtifactReferences
from wayfare.adapters.kafka_registers import Held
from wayfare.domain.city import City, Registry
from wayfare.domain.drift.register import BUCKET_MS
from wayfare.domain.drift.series import CHECKS
from wayfare.domain.errors import ArtifactRefused, StoreUnavailable
from wayfare.runtime import metrics

CODES = {"ok": 0, "drifted": 1, "unknown": 2}
STATISTICS = ("kl", "kl_p", "psi", "g_p", "missing", "unseen")
NEVER = "no prediction was judged yet"


@dataclass(frozen=True, slots=True)
class Told:
    """One city's model as it is told: its newest judgement, with what is too old made unknown."""

    city: str
    model: str
    version: int | None
    state: str
    checks: Mapping[str, Mapping[str, Any]]
    judgement: Mapping[str, Any] | None


class Telling:
    """Reads `held`, which another thread fills."""

    def __init__(
        self,
        held: Held,
        registry: Callable[[], Registry],
        references: ArtifactReferences,
        wall_ms: Callable[[], int],
        grace_seconds: float,
        late_seconds: float,
    ) -> None:
        self._held, self._registry, self._references, self._wall_ms = held, registry, references, wall_ms
        self._grace, self._late = grace_seconds, late_seconds
        self._shown: set[tuple[str, ...]] = set()

    def models(self) -> list[Told]:
        """One entry for each model and city: of the version that was served most in its last hour."""
        found: dict[tuple[str, str], dict[str, Any] | None] = {}
        for city in self._registry():
            found[city.id, f"surge-{city.id}"] = None
        for (city_id, model, _version), judgement in list(self._held.judgements.items()):
            if city_id not in self._registry().ids():
                continue
            before = found.get((city_id, model))
            if before is None or _order(judgement) > _order(before):
                found[city_id, model] = judgement
        return [self._told(*at, judgement) for at, judgement in sorted(found.items())]

    def model(self, name: str) -> list[Told]:
        """The entries of one model."""
        return [told for told in self.models() if told.model == name]

    def cells(self, told: Told) -> dict[str, str]:
        """From the numbers of leaves to quadkeys; empty where the artifact cannot be read now."""
        if told.version is None:
            return {}
        try:
            return self._references.cells(told.model, told.version)
        except StoreUnavailable:
            return {}

    def _told(self, city_id: str, model: str, judgement: dict[str, Any] | None) -> Told:
        blind = self._blind(self._registry().get(city_id), judgement)
        checks: dict[str, dict[str, Any]] = {}
        for check in CHECKS:
            one = dict((judgement or {}).get("checks", {}).get(check) or {"state": "unknown", "reason": NEVER})
            one = {"since": None, "alarms": [], "evidence": None} | one
            if blind:
                one |= {"state": "unknown", "reason": blind}
            checks[check] = one
        states = {one["state"] for one in checks.values()}
        state = "drifted" if "drifted" in states else "unknown" if "unknown" in states else "ok"
        version = judgement["version"] if judgement else self._labelled(model)
        return Told(city_id, model, version, state, checks, judgement)

    def _blind(self, city: City, judgement: Mapping[str, Any] | None) -> str:
        if judgement is None:
            return NEVER
        now = city.clock.at(self._wall_ms())
        ended = (judgement["last"] + 1) * BUCKET_MS
        # Five minutes pass before the next ones can be closed at all.
        allowed = BUCKET_MS + (self._grace + self._late) * 1000 * city.clock.speed
        if now - ended <= allowed:
            return ""
        return f"the newest judgement is too old, got {(now - ended) / 60_000:.0f} minutes of the city's clock"

    def _labelled(self, model: str) -> int | None:
        try:
            return self._references.labelled(model)
        except (StoreUnavailable, ArtifactRefused):
            return None

    def measure(self, judges: bool) -> None:
        """Set the gauges; only who judges shows them, so that one state is told once."""
        shown: set[tuple[str, ...]] = set()
        for told in self.models() if judges else []:
            for check, one in told.checks.items():
                metrics.DRIFT_STATE.labels(told.city, told.model, check).set(CODES[one["state"]])
                shown.add(("state", told.city, told.model, check))
            if told.judgement is None:
                continue
            for column in told.judgement["hour"]:
                for name in STATISTICS:
                    if column[name] is not None:
                        at = (told.city, told.model, column["name"], name)
                        metrics.DRIFT_STATISTIC.labels(*at).set(column[name])
                        shown.add(("statistic", *at))
        for kind, *at in self._shown - shown:
            (metrics.DRIFT_STATE if kind == "state" else metrics.DRIFT_STATISTIC).remove(*at)
        self._shown = shown
        times = [told.judgement["evaluated_at_ms"] for told in self.models() if told.judgement] if judges else []
        metrics.DRIFT_EVALUATED.set(max(times) / 1000 if times else 0.0)


def _order(judgement: Mapping[str, Any]) -> tuple[int, int, int]:
    """Newer five minutes first, give or take an hour; then what is served more; then the higher version."""
    return int(judgement["last"]) // 12, int(judgement["rows_hour"]), int(judgement["version"])
