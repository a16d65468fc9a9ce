"""Two builds of one tree, nothing of the first reused by the second, are the same layers."""

from __future__ import annotations

import json
import os
import subprocess
import uuid

import pytest

from tests.deploy.images.conftest import ROOT


@pytest.mark.timeout(3600)
def test_two_builds_of_one_tree_have_the_same_layers(engine):
    """The first may be the one that made the images, from the engine's cache; the second makes every step again."""
    built, tags = [], []
    try:
        for options in ((), ("--no-cache",)):
            tags.append(f"test-{uuid.uuid4().hex[:8]}")
            command = [ROOT / "docker/build.sh", *options, "front"]
            environment = os.environ | {"TAG": tags[-1]}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-3000:]
            image = json.loads(engine("image", "inspect", f"{engine.registry}/wayfare/front:{tags[-1]}").stdout)[0]
            built.append((image["Config"]["Labels"]["org.opencontainers.image.created"], image["RootFS"]["Layers"]))
        assert built[0] == built[1]
    finally:
        for tag in tags:
            for name in ("front", "tools", "project", "runtime"):
                engine("image", "rm", f"localhost/wayfare/{name}:{tag}", check=False)
