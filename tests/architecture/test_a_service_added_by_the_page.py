"""docs/howto/add-a-service.md, followed to the letter in a copy of the tree; and what is missed when a step is left out."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PARTS = (
    *("wayfare", "services", "pipelines", "local", "locks", "tests/architecture", "docs", "docker/compose"),
    *("pyproject.toml", "README.md", "docker-compose.yml", "charts/wayfare/Chart.yaml", "charts/wayfare/values.yaml"),
    "charts/wayfare/values.schema.json",
)

FILES = {
    "__init__.py": '"""Tips: what an app proposes."""\n',
    "settings.py": '''"""Settings of tipping."""

from __future__ import annotations

from pydantic import Field

from wayfare.runtime.web.settings import WebSettings


class TippingSettings(WebSettings):
    """What tipping is told."""

    most_percent: int = Field(30, ge=0, description="Highest tip proposed, in percent of the price.")
''',
    "routes.py": '''"""The routes of tipping."""

from __future__ import annotations

from wayfare.domain.callers import ROLES
from wayfare.runtime.web.routes import Answer, Call, Route
from wayfare.runtime.web.types import Model


class Tips(Model):
    """Tips to propose."""

    percents: list[int]


def routes(most_percent: int) -> list[Route]:
    """Every route of this service."""

    def tips(_call: Call) -> Answer:
        return Answer(200, Tips(percents=[percent for percent in (5, 10, 20, 30) if percent <= most_percent]))

    return [
        Route(method="GET", path="/v1/tips", handler=tips, roles=ROLES, summary="Tips to propose", answers={200: Tips})
    ]
''',
    "main.py": '''"""tipping: which tips an app proposes."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from services.tipping.routes import routes
from services.tipping.settings import TippingSettings
from wayfare.adapters.jwks_keys import KeySet
from wayfare.adapters.jwt_tokens import JwtTokens
from wayfare.runtime.health import Health
from wayfare.runtime.settings import load
from wayfare.runtime.web.app import create_app
from wayfare.runtime.web.gunicorn_runner import serve


def build(settings: TippingSettings, health: Health) -> tuple[Flask, Callable[[], None]]:
    """Everything of this process, in the worker."""
    keys = KeySet(settings.jwks, production=settings.env == "production")
    keys.start()
    tokens = JwtTokens(keys, settings.token_issuer)
    health.add("tokens", tokens.ready)
    return create_app("tipping", routes(settings.most_percent), verifier=tokens), keys.stop


def main() -> None:
    """Serve until SIGTERM."""
    settings = load(TippingSettings)
    serve("tipping", settings, lambda health: build(settings, health))


if __name__ == "__main__":
    main()
''',
    "README.md": """# tipping

## Does
Proposes tips.

## Reads
The key set of tokens.

## Writes
Nothing.

## Knobs
`WAYFARE_MOST_PERCENT` (30).

## How it fails
Without a key set it is not ready.
""",
}
ROW = '    Service("tipping", "services.tipping.main", "front", talks_to=(), public=True),\n'
COMPOSE = """
  tipping:
    <<: *service
    image: ${REGISTRY:-localhost}/wayfare/front:${TAG:-0.1.0}
    command: [python, -m, services.tipping.main]
    volumes: ["keys-jwks:/etc/wayfare/keys/jwks:ro"]
"""
ALIAS = (
    '  - {name: service, version: 0.1.0, repository: "file://../service", alias: tipping, condition: tipping.enabled}\n'
)
VALUES = """
# -- Which tips an app proposes.
tipping:
  enabled: true
  image: {name: front}
  module: services.tipping.main
  talksTo: []
  keys: [jwks]
  ports: {http: 8080, admin: 9090}
  service: {enabled: true}
  route: {paths: [/v1/tips]}
"""


def replaced(path: pathlib.Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.DOTALL)
    assert count == 1, f"{path} has no {pattern!r}"
    path.write_text(text)


def added(tree: pathlib.Path, without: Sequence[str] = ()) -> None:
    """Follow the page in a copy of the tree, but leave some steps out."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tree / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / part, tree / part)
    folder = tree / "services" / "tipping"
    folder.mkdir()
    for name, text in FILES.items():
        if name not in without:
            (folder / name).write_text(text.replace("## How it fails", "") if "heading" in without else text)
    if "row" not in without:
        replaced(tree / "wayfare/inventory.py", r"(SERVICES = \(.*?\n)\)\n", rf"\1{ROW})\n")
    for contract, list_of in (
        ("independence", r"\nmodules = \["),
        ("forbidden", r'\nsource_modules = \[(?="services)'),
    ):
        if contract not in without:
            replaced(tree / "pyproject.toml", list_of, r'\g<0>"services.tipping", ')
    if "picture" not in without:
        replaced(
            tree / "docs/generate.py",
            r"    shapes = \[\n",
            r'\g<0>        _box(20, 230, 150, "tipping\\ntips", "service"),\n',
        )
    if "compose" not in without:
        replaced(tree / "docker-compose.yml", r"\n  ingest:\n", COMPOSE + r"\g<0>")
    if "prometheus" not in without:
        replaced(tree / "docker/compose/prometheus.yml", r"( *- )ingest:9090\n", r"\g<0>\1tipping:9090\n")
    if "alias" not in without:
        replaced(tree / "charts/wayfare/Chart.yaml", r"\Z", ALIAS)
        replaced(tree / "charts/wayfare/values.yaml", r"\n# -- Streams into", VALUES + r"\g<0>")
        schema = r'\g<0>  "tipping": {"description": "Checked by the chart service.", "type": "object"},\n'
        replaced(tree / "charts/wayfare/values.schema.json", r'(?<=\n)(?=  "ingest": )', schema)
    if not without:
        assert run(tree, "docs/generate.py").returncode == 0


def run(tree: pathlib.Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(tree)}
    return subprocess.run(
        [sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )


CHECKS = {
    "tests": (
        *("-m", "pytest", "-p", "no:cacheprovider", "tests/architecture/test_inventory_is_kept.py"),
        "tests/architecture/test_the_deployment_follows_the_inventory.py",
    ),
    "imports": ("-c", "from importlinter.cli import lint_imports_command as check; check()", "--no-cache"),
    "docs": ("docs/generate.py", "--check"),
}
"""The checks that the page names, as far as they can find a service that is incomplete."""


def test_a_service_added_as_the_page_says_is_accepted_and_serves(tmp_path, monkeypatch):
    added(tmp_path)
    for command in CHECKS.values():
        done = run(tmp_path, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.setenv("WAYFARE_STATE", str(tmp_path))
    monkeypatch.setenv("WAYFARE_JWKS", str(tmp_path / "jwks.json"))
    built = "from services.tipping.main import *; print(build(load(TippingSettings), Health())[0].url_map)"
    assert "/v1/tips" in run(tmp_path, "-c", built).stdout


@pytest.mark.parametrize(
    ("without", "check", "told"),
    [
        (
            ("__init__.py", "settings.py", "heading", "independence", "forbidden", "compose", "prometheus", "alias"),
            "tests",
            (
                "test_every_folder_of_services_is_in_the_table",
                "test_every_service_has_its_folder_settings_and_main[tipping]",
                "test_every_service_readme_says_what_it_does_reads_writes_and_how_it_fails[tipping]",
                "test_every_service_is_named_in_the_import_contracts",
                "test_compose_runs_it_from_its_image_with_its_module[tipping]",
                "test_prometheus_of_compose_watches_every_service",
                "test_the_chart_runs_it_from_its_image_with_its_module_and_lets_it_talk_to_whom_it_says[tipping]",
            ),
        ),
        (("row",), "tests", ("test_every_folder_of_services_is_in_the_table",)),
        (("picture",), "docs", ("does not draw the service tipping",)),
        (("make docs",), "docs", ("settings.md is out of date: run make docs",)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else value,
)
def test_a_step_of_the_page_left_out_is_told(tmp_path, without, check, told):
    added(tmp_path, without)
    done = run(tmp_path, *CHECKS[check])
    assert done.returncode != 0
    for what in told:
        assert what in done.stdout + done.stderr
