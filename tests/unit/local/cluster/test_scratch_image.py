"""The image archive of one program, read back as a container engine would."""

import hashlib
import io
import json
import tarfile

from local.cluster.scratch_image import write_image


def image(name=b"x"):
    out = io.BytesIO()
    write_image("localhost/wayfare-cluster/pause:1", name, out)
    return out.getvalue()


def test_the_layer_is_the_one_that_manifest_and_configuration_name():
    with tarfile.open(fileobj=io.BytesIO(image(b"program's bytes"))) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))[0]
        config = json.load(outer.extractfile(manifest["Config"]))
        layer = outer.extractfile(manifest["Layers"][0]).read()
    assert manifest["RepoTags"] == ["localhost/wayfare-cluster/pause:1"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as inner:
        program = inner.getmember(config["config"]["Entrypoint"][0].lstrip("/"))
        assert program.mode == 0o755
        assert inner.extractfile(program).read() == b"program's bytes"
        assert inner.getmember("tmp").mode == 0o1777


def test_the_same_program_gives_the_same_bytes():
    assert image() == image()
