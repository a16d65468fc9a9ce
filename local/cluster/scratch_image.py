"""Writes an image that holds one static program and nothing else, as `docker save` would: no container engine is needed.

scratch_image.py NAME PROGRAM >image.tar
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tarfile
from pathlib import Path
from typing import BinaryIO

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def archive(files: list[tuple[str, bytes, int]]) -> bytes:
    """A tar of (path, content, mode) without owners and times: the same files give the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, content, mode in files:
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            entry.type = tarfile.DIRTYPE if path.endswith("/") else tarfile.REGTYPE
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def write_image(name: str, program: bytes, out: BinaryIO) -> None:
    """The image `name`, whose entry point is the program; it has a folder /tmp that anybody may write to."""
    layer = archive([("tmp/", b"", 0o1777), ("program", program, 0o755)])
    digest = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {"Entrypoint": ["/program"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": [f"{digest}.tar"]}]
    parts = [("config.json", config), ("manifest.json", manifest)]
    files = [(path, json.dumps(content).encode(), 0o644) for path, content in parts]
    out.write(archive([*files, (f"{digest}.tar", layer, 0o644)]))


if __name__ == "__main__":
    write_image(sys.argv[1], Path(sys.argv[2]).read_bytes(), sys.stdout.buffer)
