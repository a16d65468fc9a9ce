"""Jars are used only when they are exactly those whose hashes were committed."""

from __future__ import annotations

import hashlib
import os
import stat

import pytest

from local import jars
from local.errors import JarsInvalid


@pytest.fixture
def small_server(tmp_path, monkeypatch):
    """A server of two jars, and a Maven that 'downloads' what `contents` says."""
    definitions = tmp_path / "servers" / "small"
    definitions.mkdir(parents=True)
    good = {"a.jar": b"first", "b.jar": b"second"}
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in good.items()]
    (definitions / "jars.sha256").write_text("".join(lines))
    (definitions / "pom.xml").write_text("<project/>")
    monkeypatch.setattr(jars, "SERVERS", tmp_path / "servers")

    def maven_brings(contents: dict[str, bytes], status: int = 0) -> None:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        for old in source.iterdir():
            old.unlink()
        for name, content in contents.items():
            (source / name).write_bytes(content)
        script = tmp_path / "bin" / "mvn"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            "#!/bin/sh\nfor argument; do case $argument in -DoutputDirectory=*) out=${argument#*=};; esac; done\n"
            f'cp {source}/* "$out"\necho called >> {tmp_path}/calls\necho no route to host; exit {status}\n'
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")

    return good, maven_brings


def test_verified_jars_are_fetched_once(small_server, tmp_path):
    good, maven_brings = small_server
    maven_brings(good)
    folder = jars.fetch("small", tmp_path / "cache")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == good
    assert jars.fetch("small", tmp_path / "cache") == folder
    assert (tmp_path / "calls").read_text().count("called") == 1


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ({"a.jar": b"first"}, "b.jar is missing"),
        ({"a.jar": b"first", "b.jar": b"altered"}, "b.jar has sha256"),
        ({"a.jar": b"first", "b.jar": b"second", "c.jar": b"extra"}, "c.jar is not in the list"),
    ],
)
def test_jars_that_differ_from_the_list_are_refused_and_leave_nothing(small_server, tmp_path, contents, reason):
    _good, maven_brings = small_server
    maven_brings(contents)
    with pytest.raises(JarsInvalid, match=reason):
        jars.fetch("small", tmp_path / "cache")
    assert list((tmp_path / "cache" / "jars").iterdir()) == []


def test_a_failing_maven_is_quoted(small_server, tmp_path):
    good, maven_brings = small_server
    maven_brings(good, status=1)
    with pytest.raises(JarsInvalid, match="no route to host"):
        jars.fetch("small", tmp_path / "cache")


@pytest.mark.parametrize(
    ("server", "jar"), [("kafka", "kafka_2.13-4.4.0.jar"), ("cassandra", "cassandra-all-5.0.9.jar")]
)
def test_the_committed_lists_hold_the_pinned_versions(server, jar):
    assert jar in jars.hashes(server)
    assert all(len(digest) == 64 for digest in jars.hashes(server).values())
