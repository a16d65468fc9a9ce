"""Set-up says what is missing and how to get it, and changes nothing, where it may not install."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[3]
TOOLS = ("bash", "dirname", "tr", "cat", "sha256sum", "env")


@pytest.fixture
def machine(tmp_path):
    """Runs the script with a path that holds only these tools, as somebody who is not root."""

    def run(*present: str) -> subprocess.CompletedProcess[str]:
        tools = tmp_path / "bin"
        tools.mkdir()
        for name in (*TOOLS, *present):
            found = sys.executable if name == "python3" else shutil.which(name)
            assert found is not None, name
            (tools / name).symlink_to(found)
        (tools / "id").write_text("#!/bin/bash\necho 1000\n")
        (tools / "id").chmod(0o755)
        return subprocess.run(
            [str(tools / "bash"), str(ROOT / "local" / "setup.sh")],
            env={"PATH": str(tools), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_what_is_missing_is_one_command_to_type(machine):
    answer = machine("python3", "java")
    assert answer.returncode == 1
    assert (
        "Type:  sudo apt-get install -y --no-install-recommends maven redis-server prometheus prometheus-alertmanager prometheus-node-exporter"
        in answer.stderr
    )


def test_without_python_it_is_python_that_is_asked_for_first(machine):
    answer = machine("mvn", "redis-server")
    assert answer.returncode == 1
    assert "python3 python3-venv" in answer.stderr


def test_scripts_are_well_formed():
    for script in ("local/setup.sh", "local/lock.sh", ".ci/run"):
        subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


def test_a_front_end_is_installed_without_tensorflow_and_spark():
    for group in ("front", "stream"):
        names = {
            line.split("==")[0] for line in (ROOT / "locks" / f"{group}.txt").read_text().splitlines() if "==" in line
        }
        assert {"flask", "kafka-python", "grpcio"} <= names
        assert not names & {
            "tensorflow",
            "tensorflow-cpu",
            "tensorflow-serving-api",
            "keras",
            "pyspark",
            "scikit-learn",
        }


def test_every_locked_package_has_a_hash_and_none_an_address():
    for lock in (ROOT / "locks").glob("*.txt"):
        text = lock.read_text()
        assert "://" not in text
        entries = text.replace("\\\n", " ").splitlines()
        assert entries
        assert all("--hash=sha256:" in entry for entry in entries), lock
