"""What Alertmanager would tell somebody now."""

from __future__ import annotations

from typing import Any, Literal

import httpx


def told(url: str, severity: Literal["page", "ticket"]) -> list[dict[str, Any]]:
    """Alerts that are neither inhibited nor silenced. httpx.HTTPError when Alertmanager does not answer."""
    asked = {"active": "true", "inhibited": "false", "silenced": "false", "filter": f'severity="{severity}"'}
    answer = httpx.get(f"{url}/api/v2/alerts", params=asked, timeout=5.0, trust_env=False)
    answer.raise_for_status()
    return list(answer.json())


def name_of(alert: dict[str, Any]) -> str:
    """Its name, by which its runbook is called too."""
    return str(alert["labels"]["alertname"])
