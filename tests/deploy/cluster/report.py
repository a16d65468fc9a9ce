"""What the run measured: one table at its end and one JSON file."""

from __future__ import annotations

import json
import os
import pathlib
from dataclasses import dataclass, field
from typing import Any

FILE = pathlib.Path(os.environ.get("WAYFARE_CLUSTER_REPORT", "build/test-cluster.json"))


@dataclass
class Report:
    """Figures in the order in which they were measured."""

    rows: list[tuple[str, Any, str]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def add(self, what: str, value: Any, unit: str = "") -> None:
        self.rows.append((what, round(value, 1) if isinstance(value, float) else value, unit))
        self.write()

    def load(self, during: str, summary: dict[str, Any]) -> None:
        """The calls of a load generator that ran during something."""
        calls = sum(summary[kind]["calls"] for kind in ("quotes", "pings"))
        failed = sum(summary[kind]["failed"] for kind in ("quotes", "pings"))
        self.details[during] = summary
        self.add(f"failed requests during {during}", failed, f"of {calls}")

    def table(self) -> str:
        width = max((len(what) for what, _, _ in self.rows), default=0)
        return "\n".join(f"{what:<{width}}  {value!s:>8} {unit}" for what, value, unit in self.rows)

    def write(self) -> None:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        figures = [{"what": what, "value": value, "unit": unit} for what, value, unit in self.rows]
        FILE.write_text(json.dumps({"figures": figures, "loads": self.details}, indent=1) + "\n")
