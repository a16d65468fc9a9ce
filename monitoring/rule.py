"""What a rule is: a recorded figure or an alert, and how both are written for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MINUTE, HOUR, DAY = 60, 3_600, 86_400
RUNBOOKS = "docs/runbooks"
"""Where the runbooks are, as this checkout knows it; the chart's `global.monitoring.runbooks` says where they are published."""

KEPT_S = 40
Severity = Literal["page", "ticket"]


@dataclass(frozen=True, slots=True)
class Windows:
    """Durations of all rules, divided by `scale`: 1 in production, 60 where a day is played in 24 minutes."""

    scale: float = 1.0

    def of(self, seconds: float) -> str:
        """The PromQL duration of so many seconds of the day that is watched.

        >>> Windows().of(5 * MINUTE), Windows().of(3 * DAY), Windows(60).of(5 * MINUTE), Windows(7).of(MINUTE)
        ('5m', '3d', '5s', '8571ms')
        """
        millis = round(seconds * 1000 / self.scale)
        for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1)):
            if millis and millis % (size * 1000) == 0:
                return f"{millis // (size * 1000)}{unit}"
        return f"{max(1, millis)}ms"


@dataclass(frozen=True, slots=True)
class Recording:
    """A figure that is computed once and asked for often. meaning: a sentence for people."""

    record: str
    expr: str
    meaning: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def written(self, _windows: Windows, _runbooks: str) -> dict[str, Any]:
        """As Prometheus reads it."""
        made: dict[str, Any] = {"record": self.record, "expr": self.expr}
        return made | ({"labels": dict(self.labels)} if self.labels else {})


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody must do something about; its page in docs/runbooks has its name.

    page: riders, drivers or prices feel it now, or nobody can tell. ticket: a cause, or what can wait until the morning.
    pending_s: how long it must hold before it fires, of the day that is watched; never less than least_s of the clock on
    the wall, by which the live window ages. keeps_s: how long it goes on once it holds no more, so that what follows from
    it, and is silent while it pages, is over first; never less than KEPT_S of the clock on the wall, by which processes start.
    """

    name: str
    expr: str
    severity: Severity
    summary: str
    description: str
    pending_s: float = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    least_s: float = 0
    keeps_s: float = 0

    def written(self, windows: Windows, runbooks: str) -> dict[str, Any]:
        """As Prometheus reads it."""
        made: dict[str, Any] = {"alert": self.name, "expr": self.expr}
        if self.pending_s:
            made["for"] = windows.of(max(self.pending_s, self.least_s * windows.scale))
        if self.keeps_s:
            made["keep_firing_for"] = windows.of(max(self.keeps_s, KEPT_S * windows.scale))
        made["labels"] = {"severity": self.severity, **self.labels}
        made["annotations"] = {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{runbooks}/{self.name}.md",
        }
        return made


def group(name: str, rules: Iterable[Recording | Alert], windows: Windows, runbooks: str) -> dict[str, Any]:
    """A group of rules: evaluated one after the other, so that a rule sees what those before it recorded."""
    return {"name": f"wayfare.{name}", "rules": [rule.written(windows, runbooks) for rule in rules]}


def increase(selector: str, window: str) -> str:
    """How often something was counted in a window, also when its series only began with its first count.

    `increase` sees the difference between samples, so a counter that appears at 1 would be no increase. What appeared is
    taken whole, where its process was watched before, so that neither a new process nor a Prometheus that was away
    turns the counts of long ago into news.
    """
    began = f"({selector} unless {selector} offset {window}) and on (service, instance) (up offset {window} == 1)"
    return f"({began} or increase({selector}[{window}]))"
