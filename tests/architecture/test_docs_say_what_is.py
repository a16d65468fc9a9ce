"""Commands, targets and links in the documentation exist."""

from __future__ import annotations

import pathlib
import re

import pytest

from wayfare.cli.main import group

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "services").rglob("README.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_named_in_the_docs_exists(page):
    known = set(group.list_commands(None))
    named = set(re.findall(r"(?:`|\.venv/bin/)wayfare ([a-z-]+)", page.read_text()))
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_named_in_the_docs_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), flags=re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_docs_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_a_process_is_not_told_the_settings_of_another_that_shares_its_folder():
    page = (ROOT / "docs/reference/settings.md").read_text()
    sections = {part.partition("\n")[0]: part for part in page.split("\n## ")}
    assert "WAYFARE_REPLAY_FILE" in sections["replayer"]
    assert "WAYFARE_SIMULATION_SEED" in sections["city_simulator"]
    assert "WAYFARE_REPLAY_FILE" not in sections["city_simulator"]
    assert "WAYFARE_SIMULATION_SEED" not in sections["replayer"]
