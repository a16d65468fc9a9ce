"""What Prometheus says of a city now, with the age of each figure; what it does not say is unknown.

A rate goes on for minutes after its source fell silent, so a figure is as old as the last successful scrape of the service that
it stands on, whatever value Prometheus computes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal

from wayfare.adapters.prometheus_queries import Alert, Alerts, PrometheusQueries
from wayfare.domain.errors import StoreUnavailable
from wayfare.runtime.figures import FIGURES, Figure, one_of

State = Literal["known", "stale", "unknown"]
SCRAPED = 'max(max_over_time(timestamp(up{service="%s"} == 1)[15m:5s]))'
"""When a service was last scraped with success, in seconds since the epoch; read at steps of 5 s."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One figure as it is shown. why: what is behind a state that is not `known`."""

    figure: Figure
    value: float | None
    state: State
    age_s: float | None
    why: str


@dataclass(frozen=True, slots=True)
class AlertsShown:
    """What fires; unknown when nobody can tell."""

    state: State
    firing: tuple[Alert, ...]
    why: str


@dataclass(frozen=True, slots=True)
class CityNow:
    """All of it, read at `read_at_ms` (wall time)."""

    city: str
    read_at_ms: int
    figures: tuple[Shown, ...]
    alerts: AlertsShown


class Reader:
    """Reads the figures of a city. stale_s, unknown_s: from which age on a figure is called so."""

    def __init__(
        self,
        prometheus: PrometheusQueries,
        pool: Executor,
        wall_ms: Callable[[], int],
        *,
        stale_s: float,
        unknown_s: float,
    ) -> None:
        self._prometheus, self._pool, self._wall_ms = prometheus, pool, wall_ms
        self._stale_s, self._unknown_s = stale_s, unknown_s

    def read(self, city: str) -> CityNow:
        """Everything, asked at the same time; never fails."""
        services = sorted({row.service for row in FIGURES})
        scraped = {name: self._pool.submit(self._value, SCRAPED % name) for name in services}
        values = {row.name: self._pool.submit(self._value, row.of(one_of([city]))) for row in FIGURES}
        alerts = self._pool.submit(self._alerts)
        now = self._wall_ms()
        ages = {name: _age(now, found.result()) for name, found in scraped.items()}
        shown = tuple(self._shown(row, values[row.name].result(), ages[row.service]) for row in FIGURES)
        return CityNow(city, now, shown, alerts.result())

    def _value(self, query: str) -> float | str | None:
        """The value; a sentence when Prometheus could not be asked."""
        try:
            return self._prometheus.value(query)
        except StoreUnavailable as error:
            return str(error)

    def _shown(self, row: Figure, value: float | str | None, age: float | str | None) -> Shown:
        for found in (value, age):
            if isinstance(found, str):
                return Shown(row, None, "unknown", None, found)
        assert not isinstance(value, str)
        assert not isinstance(age, str)
        if age is None or age > self._unknown_s:
            return Shown(row, None, "unknown", age, f"{row.service} has not told Prometheus anything for minutes")
        if value is None:
            return Shown(row, None, "unknown", age, row.empty or f"{row.service} does not tell it")
        if age > self._stale_s:
            return Shown(row, value, "stale", age, f"{row.service} last told Prometheus {age:.0f} s ago")
        return Shown(row, value, "known", age, "")

    def _alerts(self) -> AlertsShown:
        try:
            found: Alerts = self._prometheus.alerts()
        except StoreUnavailable as error:
            return AlertsShown("unknown", (), str(error))
        if not found.rules:
            return AlertsShown("unknown", (), "Prometheus has no alerting rules: nothing would fire")
        if found.failing:
            return AlertsShown("unknown", found.firing, f"Prometheus cannot evaluate {', '.join(found.failing)[:200]}")
        return AlertsShown("known", found.firing, "")


def _age(now_ms: int, scraped_s: float | str | None) -> float | str | None:
    return max(0.0, now_ms / 1000 - scraped_s) if isinstance(scraped_s, float) else scraped_s
