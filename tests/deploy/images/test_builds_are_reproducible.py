"""Two builds of one tree, nothing of the first reused by the second, are the same layers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid

import pytest

from tests.deploy.images.conftest import KINDS, ROOT

BASES = ("tools", "project", "runtime", "jvm")


def build(tag: str, *options: str) -> None:
    command = [ROOT / "docker/build.sh", *options]
    done = subprocess.run(command, env=os.environ | {"TAG": tag}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def dangling(engine) -> set[str]:
    """Images without a name and without children: what a build leaves of its stages."""
    return set(engine("image", "ls", "--filter", "dangling=true", "--quiet", "--no-trunc").stdout.split())


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("kinds", "needed_gb"), [(("front",), 6), (KINDS, 16)], ids=["front", "every"])
def test_two_builds_of_one_tree_have_the_same_layers(engine, kinds, needed_gb):
    """The first is the one that made the images, from the engine's cache; the second makes every step again.

    needed_gb: what a second build holds at its end, images and stages.
    """
    place = "{{.DockerRootDir}}" if engine.name == "docker" else "{{.Store.GraphRoot}}"
    room = shutil.disk_usage(engine("info", "--format", place).stdout.strip()).free / 1e9
    if room < needed_gb:
        pytest.skip(f"a second build of {' '.join(kinds)} needs {needed_gb} GB of disk, got {room:.0f} GB free")
    stages = dangling(engine)
    tags = [f"test-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    try:
        build(tags[0], *kinds)
        stages |= dangling(engine)  # what the images in use were made of: the next build from the cache needs it
        build(tags[1], "--no-cache", *kinds)
        made: list[dict[str, tuple[str, list[str]]]] = []
        for tag in tags:
            named = {kind: f"{engine.registry}/wayfare/{kind}:{tag}" for kind in kinds}
            images = {kind: json.loads(engine("image", "inspect", name).stdout)[0] for kind, name in named.items()}
            made.append(
                {
                    kind: (image["Config"]["Labels"]["org.opencontainers.image.created"], image["RootFS"]["Layers"])
                    for kind, image in images.items()
                }
            )
        assert made[0] == made[1]
    finally:
        for tag in tags:
            for name in kinds:
                engine("image", "rm", f"{engine.registry}/wayfare/{name}:{tag}", check=False)
            for name in BASES:
                engine("image", "rm", f"localhost/wayfare/{name}:{tag}", check=False)
        # Gigabytes of stages; taking one away uncovers the one below it.
        while left := sorted(dangling(engine) - stages):
            if engine("image", "rm", *left, check=False).returncode:
                break
