"""The jars of Kafka and Cassandra: fetched by Maven from pinned poms, checked against committed sha256 lists."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable

from local.errors import JarsInvalid
from local.layout import default_cache

SERVERS = pathlib.Path(__file__).parent / "servers"


def hashes(server: str) -> dict[str, str]:
    """File name to sha256 of every jar of a server, as committed."""
    lines = (SERVERS / server / "jars.sha256").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def folder(server: str, cache: pathlib.Path) -> pathlib.Path:
    """Where a server's jars are; named after the list of hashes, so that two pinned versions never share one."""
    listing = (SERVERS / server / "jars.sha256").read_bytes()
    return cache / "jars" / f"{server}-{hashlib.sha256(listing).hexdigest()[:12]}"


def verify(server: str, at: pathlib.Path) -> None:
    """JarsInvalid names every jar in `at` that is missing, unknown or not the one that was committed."""
    expected = hashes(server)
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in at.glob("*.jar")}
    problems = [f"{name} is missing" for name in expected if name not in found]
    problems += [f"{name} is not in the list" for name in found if name not in expected]
    problems += [
        f"{name} has sha256 {digest}" for name, digest in found.items() if expected.get(name, digest) != digest
    ]
    if problems:
        raise JarsInvalid(f"the jars of {server} are not those of local/servers/{server}/jars.sha256: {problems}")


def fetch(server: str, cache: pathlib.Path, say: Callable[[str], None] = lambda line: None) -> pathlib.Path:
    """The folder of a server's verified jars, fetched unless it is there.

    A folder appears under its name only after all its jars were verified, so one that exists is complete.
    """
    final = folder(server, cache)
    if final.is_dir():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    draft = pathlib.Path(tempfile.mkdtemp(prefix=f".{server}-", dir=final.parent))
    say(f"fetching {len(hashes(server))} jars of {server}")
    command = [
        "mvn",
        "--batch-mode",
        "--quiet",
        "--file",
        str(SERVERS / server / "pom.xml"),
        "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies",
        f"-DoutputDirectory={draft}",
        "-DincludeScope=runtime",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=draft)
        if done.returncode:
            raise JarsInvalid(f"Maven could not fetch the jars of {server}, got {(done.stdout + done.stderr)[-2000:]}")
        verify(server, draft)
        try:
            os.rename(draft, final)
        except OSError:
            if not final.is_dir():  # another set-up was faster: its folder is as good as ours
                raise
        say(f"the jars of {server} match their sha256 list")
    except FileNotFoundError as error:
        raise JarsInvalid("Maven is needed to fetch the servers: install it, got no `mvn` on the path") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return final


def main() -> int:
    """Fetch the jars of every server that runs on Java, as set-up does."""
    try:
        for server in ("kafka", "cassandra"):
            fetch(server, default_cache(), lambda line: print(f"set-up: {line}", flush=True))
    except JarsInvalid as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
