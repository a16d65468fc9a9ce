"""What is in each image, and above all what is not."""

from __future__ import annotations

import json
import re

import pytest
from packaging.requirements import Requirement

from tests.deploy.images.conftest import ROOT, Engine, built

LOCKS = {"front": "front", "stream": "stream", "spark": "spark", "trainer": "train", "model-server": "model-server"}
# Megabytes as `podman images` counts them: what was measured and a tenth, so that growth is a decision.
MOST_MB = {"front": 425, "stream": 620, "spark": 1_450, "trainer": 3_100, "model-server": 1_900}
HEAVY = ("tensorflow", "tensorflow-cpu", "keras", "pyspark", "scikit-learn", "pandas")

_LOOK = r"""
import importlib.metadata, json, os, pathlib, re, stat
seen = {"setuid": [], "writable": [], "secret": [], "cache": [], "stale": [], "uncompiled": [], "tools": []}
TOOLS = {"gcc", "cc", "g++", "clang", "ld", "as", "make", "javac", "pip", "pip3", "uv", "git", "curl", "wget"}
CACHES = ("/root/.cache", "/var/lib/wayfare/.cache", "/var/cache/apt/archives", "/var/lib/apt/lists", "/var/log", "/build", "/opt/installer")
for folder, folders, files in os.walk("/", followlinks=False):
    if folder.startswith(("/proc", "/sys", "/dev")):
        folders[:] = []
        continue
    if os.stat(folder).st_mode & stat.S_IWOTH or os.stat(folder).st_uid == 10001:
        seen["writable"].append(folder)
    for name in files:
        path = os.path.join(folder, name)
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mode & 0o6000:
            seen["setuid"].append(path)
        if name in TOOLS and status.st_mode & 0o111 and ("bin" in folder):
            seen["tools"].append(path)
        if folder.startswith(CACHES) and not folder.startswith("/var/log/journal"):
            seen["cache"].append(path)
        if name.endswith((".pem", ".key")) and stat.S_ISREG(status.st_mode) and b"PRIVATE KEY" in open(path, "rb").read(4096):
            seen["secret"].append(path)
        if name == "pip.conf" or name.startswith((".netrc", ".pypirc", ".npmrc", ".git-credentials")):
            seen["secret"].append(path)
site = next(pathlib.Path("/opt/wayfare/lib").glob("python3*/site-packages"))
for source in [*site.glob("wayfare/**/*.py"), *site.glob("services/**/*.py"), *site.glob("pipelines/**/*.py"), *site.glob("local/**/*.py"), *site.glob("numpy/*.py")]:
    compiled = source.parent / "__pycache__" / (source.stem + ".cpython-3%d.pyc" % __import__("sys").version_info[1])
    if not compiled.exists():
        seen["uncompiled"].append(str(source))
    elif int.from_bytes(compiled.read_bytes()[4:8], "little") != 1:
        seen["stale"].append(str(compiled))
seen["distributions"] = {re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(): d.version for d in importlib.metadata.distributions()}
seen["python"] = ".".join(map(str, __import__("sys").version_info[:2]))
print(json.dumps(seen))
"""


def look(engine: Engine, kind: str) -> dict:
    """One look at the whole file system, as root, so that nothing is hidden from it; taken once."""
    built(engine, kind)
    if kind not in engine.looked:
        image = engine.image(kind)
        done = engine("run", "--rm", "--network=none", "--user=0", "--entrypoint=python", image, "-c", _LOOK)
        engine.looked[kind] = json.loads(done.stdout)
    return engine.looked[kind]


@pytest.fixture
def seen(engine: Engine, kind: str) -> dict:
    return look(engine, kind)


def locked(lock: str, python: str) -> dict[str, str]:
    """Names and versions that a lock asks for on this Python."""
    environment = {"python_full_version": f"{python}.0", "python_version": python, "platform_machine": "x86_64"}
    found = {}
    for line in (ROOT / "locks" / f"{lock}.txt").read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            asked = Requirement(line.rstrip("\\ "))
            if asked.marker is None or asked.marker.evaluate(environment | {"sys_platform": "linux"}):
                found[re.sub(r"[-_.]+", "-", asked.name).lower()] = str(asked.specifier).removeprefix("==")
    return found


def test_an_image_holds_what_its_lock_names_and_the_project_and_nothing_else(seen, kind):
    expected = locked(LOCKS[kind], seen["python"])
    found = dict(seen["distributions"])
    assert found.pop("wayfare")
    assert found == expected


def test_the_front_end_has_neither_tensorflow_nor_spark(engine):
    assert not set(look(engine, "front")["distributions"]) & set(HEAVY)


def test_nothing_in_an_image_can_gain_rights(seen):
    assert seen["setuid"] == []


def test_an_image_has_no_compiler_and_no_installer(seen):
    assert seen["tools"] == []


def test_an_image_carries_no_cache_and_no_log(seen):
    assert seen["cache"] == []


def test_an_image_carries_no_secret(seen):
    assert seen["secret"] == []


def test_only_the_folders_to_mount_belong_to_the_user(seen):
    mounts = ("/tmp", "/var/tmp", "/run/lock", "/var/lib/wayfare", "/models", "/lake", "/artifacts", "/etc/wayfare")
    assert [folder for folder in seen["writable"] if not folder.startswith(mounts)] == []


def test_python_is_compiled_to_files_that_are_never_compared_with_their_sources(seen):
    assert seen["uncompiled"] == []
    assert seen["stale"] == []


def test_an_image_is_within_its_size(engine, kind):
    size = built(engine, kind)["Size"] / 1e6
    assert size <= MOST_MB[kind], f"{kind}: {size:.0f} MB"


def test_an_image_says_what_it_is(engine, kind):
    labels = built(engine, kind)["Config"]["Labels"]
    of = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    assert of["title"] == f"wayfare/{kind}"
    assert of["version"] == engine.tag
    assert re.fullmatch(r"[0-9a-f]{40}(-changed)?", of["revision"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", of["created"])
    assert of["licenses"] == "Apache-2.0"
    assert "source" in of


def test_the_user_is_a_number(engine, kind):
    assert built(engine, kind)["Config"]["User"] == "10001:10001"


def test_no_secret_was_ever_in_a_layer_or_a_variable(engine, kind):
    told = json.dumps(
        [built(engine, kind)["Config"]["Env"], engine("history", "--no-trunc", engine.image(kind)).stdout]
    )
    assert not re.search(r"(?i)password|BEGIN [A-Z ]*PRIVATE|token=|secret", told)
