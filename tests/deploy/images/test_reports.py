"""What the reports of scan and audit say; above all that what could not be checked never passes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import tomllib

import pytest

from tests.deploy.images.conftest import ROOT


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docker" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit_report, licences = load("audit_report"), load("licences")
POLICY = tomllib.loads((ROOT / "docker/licences.toml").read_text())


def package(name="thing", kind="pypi", licenses=()):
    return {"name": name, "version": "1.0", "purl": f"pkg:{kind}/{name}@1.0", "licenses": list(licenses)}


def verdict(*components):
    return [row[2] for row in licences.judge({"components": components}, POLICY)]


@pytest.mark.parametrize(
    "licence",
    [
        {"license": {"id": "MIT"}},
        {"license": {"name": "Apache Software License"}},
        {"expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"},
        {"expression": "GPL-3.0-only OR MIT"},
    ],
)
def test_an_allowed_licence_passes(licence):
    assert verdict(package(licenses=[licence])) == [""]


@pytest.mark.parametrize(
    "licence",
    [
        {"license": {"id": "AGPL-3.0-only"}},
        {"expression": "MIT AND GPL-3.0-only"},
        {"license": {"name": "ask our lawyers"}},
    ],
)
def test_another_is_refused(licence):
    assert verdict(package(licenses=[licence])) == ["not allowed"]


def test_two_licences_of_which_one_is_not_allowed_are_refused():
    assert verdict(package(licenses=[{"license": {"id": "MIT"}}, {"license": {"id": "GPL-2.0-only"}}])) == [
        "not allowed"
    ]


def test_silence_and_unknown_kinds_are_refused():
    assert verdict(package()) == ["says nothing of its licence"]
    assert "kind npm" in verdict(package(kind="npm", licenses=[{"license": {"id": "MIT"}}]))[0]


def test_an_sbom_without_packages_does_not_pass(tmp_path, capsys):
    (tmp_path / "sbom.json").write_text('{"components": []}')
    assert licences.main("front", tmp_path / "sbom.json") == 1
    assert "NOT CHECKED" in capsys.readouterr().out


def test_every_exception_of_the_policy_has_its_reason():
    assert all(row["why"] and row["licence"] for row in POLICY["packages"].values())


def audited(tmp_path, *dependencies):
    (tmp_path / "result.json").write_text(json.dumps({"dependencies": dependencies}))
    return audit_report.main("front", tmp_path / "result.json", tmp_path / "log")


FINE = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "1", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2"]}]}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found"}


def test_an_audit_passes_only_when_every_package_was_looked_up(tmp_path, capsys):
    assert audited(tmp_path, FINE) == 0
    assert audited(tmp_path, FINE, UNKNOWN) == 3
    assert "NOT CHECKED: no advisories for 1 of 2 packages: c" in capsys.readouterr().out
    assert audited(tmp_path) == 3


def test_a_known_vulnerability_outweighs_what_is_not_known(tmp_path, capsys):
    assert audited(tmp_path, BAD, UNKNOWN) == 1
    assert "b 1: PYSEC-1 CVE-1, fixed in 2" in capsys.readouterr().out


def test_an_audit_without_an_answer_is_not_checked(tmp_path, capsys):
    (tmp_path / "log").write_text("ERROR: Name or service not known\n")
    assert audit_report.main("front", tmp_path / "none.json", tmp_path / "log") == 3
    assert "Name or service not known" in capsys.readouterr().out


def script(name, *arguments, **environment):
    return subprocess.run(
        [ROOT / "docker" / name, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("status", "setting", "left", "noted"),
    [(3, "record", 0, True), (3, "fail", 3, False), (1, "record", 1, False), (0, "record", 0, False)],
)
def test_what_was_not_checked_is_recorded_only_where_that_is_asked_for(tmp_path, status, setting, left, noted):
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/engine.sh").write_text((ROOT / "docker/engine.sh").read_text())
    note = tmp_path / "build/not-checked/scan"
    note.parent.mkdir(parents=True)
    note.write_text("of an earlier run")
    command = f". docker/engine.sh; leave scan {status}"
    options = {
        "cwd": tmp_path,
        "env": os.environ | {"NOT_CHECKED": setting, "TAG": "1"},
        "capture_output": True,
        "check": False,
    }
    assert subprocess.run(["bash", "-c", command], **options).returncode == left
    assert note.exists() == noted


def test_a_kind_of_image_that_is_none_is_refused_by_name():
    done = script("build.sh", "frnt")
    assert done.returncode == 1
    assert "got frnt" in done.stderr


def test_nothing_is_published_without_a_registry():
    done = script("publish.sh")
    assert done.returncode == 1
    assert "REGISTRY=host/path" in done.stderr


def test_dockerfiles_are_clean():
    files = sorted((ROOT / "docker").rglob("*Dockerfile"))
    assert len(files) == 7
    done = subprocess.run(
        [ROOT / ".venv/bin/hadolint", "--no-color", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
