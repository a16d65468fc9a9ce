"""Finds a Java 17: Cassandra 5 runs on 11 and 17 only, Kafka 4 on 17 and later."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator

WANTED = "17"


def _candidates() -> Iterator[str]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield str(pathlib.Path(home) / "bin" / "java")
    on_path = shutil.which("java")
    if on_path:
        yield on_path
    yield from sorted(str(path) for path in pathlib.Path("/usr/lib/jvm").glob("*17*/bin/java"))


@functools.cache
def find() -> str | None:
    """The `java` of $JAVA_HOME, of the path or of /usr/lib/jvm that is a Java 17; None when there is none."""
    for candidate in _candidates():
        try:
            done = subprocess.run([candidate, "-version"], capture_output=True, text=True, check=False)
        except OSError:
            continue
        version = re.search(r'version "(\d+)', done.stderr)
        if version and version.group(1) == WANTED:
            return candidate
    return None


if __name__ == "__main__":
    print(find() or "")
