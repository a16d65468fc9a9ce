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
    layers, tags = [], []
    try:
        for _ in range(2):
            tags.append(f"test-{uuid.uuid4().hex[:8]}")
            environment = os.environ | {"TAG": tags[-1], "SOURCE_DATE_EPOCH": "1700000000"}
            command = [ROOT / "docker/build.sh", "--no-cache", "front"]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-3000:]
            image = json.loads(engine("image", "inspect", f"{engine.registry}/wayfare/front:{tags[-1]}").stdout)[0]
            assert image["Config"]["Labels"]["org.opencontainers.image.created"] == "2023-11-14T22:13:20Z"
            layers.append(image["RootFS"]["Layers"])
        assert layers[0] == layers[1]
    finally:
        for tag in tags:
            for name in ("front", "tools", "project", "runtime"):
                engine("image", "rm", f"localhost/wayfare/{name}:{tag}", check=False)
