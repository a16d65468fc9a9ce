"""What an operator uses: Prometheus, and a headless Chromium on the console."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from monitoring.dashboards.written import Asked

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
VARIABLES = {"$city": ".*", "$core_hour": "0.04048", "$gib_hour": "0.004445"}


def values(prometheus_url: str, asked: Asked) -> int:
    """How many values that are numbers a query of a panel has now."""
    expr = asked.expr
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    answer = httpx.get(f"{prometheus_url}/api/v1/query", params={"query": expr}, timeout=30.0)
    assert answer.status_code == 200, f"{asked.panel}: {answer.text}"
    return sum(row["value"][1] != "NaN" for row in answer.json()["data"]["result"])


@contextlib.contextmanager
def browser(size: dict[str, int]) -> Iterator[tuple[Page, list[str]]]:
    """A page of a fresh browser of this size, and what its console complains about; skips where there is no Chromium."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = started.new_context(viewport=size, reduced_motion="reduce").new_page()
        page.set_default_timeout(60_000)
        expect.set_options(timeout=30_000)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if "//127.0.0.1" not in request.url else None)
        try:
            yield page, complaints
        finally:
            started.close()
