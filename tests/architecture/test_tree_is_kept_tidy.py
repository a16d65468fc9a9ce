"""Sizes, cycles, leftovers: what a reader of the tree relies on."""

from __future__ import annotations

import pathlib
import re
import statistics
import subprocess

import grimp

ROOT = pathlib.Path(__file__).parents[2]
PACKAGES = ("wayfare", "services", "pipelines", "local", "monitoring")


def tracked(*patterns: str) -> list[pathlib.Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.split("\n")[:-1] if listed.returncode == 0 else []
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def lines_of(path: pathlib.Path) -> int:
    return len(path.read_text().splitlines())


def test_files_are_short_enough_to_read():
    sizes = {path: lines_of(path) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    real = sorted(size for size in sizes.values() if size > 2)
    assert max(real) <= 500, [str(path) for path, size in sizes.items() if size > 500]
    assert real[int(len(real) * 0.9)] <= 350
    assert statistics.median(real) <= 150


def test_no_module_imports_itself_through_others():
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            assert not graph.chain_exists(importer=imported, imported=module), (
                f"{module} and {imported} import each other"
            )


def test_no_silenced_check_goes_without_a_reason():
    silenced = re.compile(r"#\s*(type:\s*ignore|noqa)(?P<rest>.*)$")
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := silenced.search(line)) and not re.search(r"(#|--|:).*\w{3,}.*\s\w+", found["rest"])
    ]
    assert not bare, f"say why on the same line: {bare}"


def test_nothing_unfinished_is_left_in_the_code():
    words = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b|raise NotImplemented" + r"Error")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked("*.py", "*.sh", "Makefile")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert not found


def test_locks_and_scripts_name_no_download_host():
    host = re.compile(r"https?://[\w.-]*(pypi|pythonhosted|maven|debian|npmjs|golang|crates)[\w.-]*")
    found = [
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path in tracked()
        if path.suffix not in {".binpb", ".svg", ".png"}
        for match in host.finditer(path.read_text(errors="ignore"))
        if "maven.apache.org/POM" not in path.read_text(errors="ignore")[match.start() : match.start() + 40]
    ]
    assert not found


def test_decision_records_have_status_context_decision_and_consequences():
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert records
    for record in records:
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", record.name)
        text = record.read_text()
        for word in ("Status:", "## Context", "## Decision", "## Consequences"):
            assert word in text, f"{record.name} lacks {word!r}"
        assert len(text.splitlines()) <= 80, f"{record.name} is longer than a page"
    numbers = [record.name[:4] for record in records]
    assert len(numbers) == len(set(numbers)), "two decision records share a number"
