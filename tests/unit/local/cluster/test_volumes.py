"""Which claims get a folder, which volumes are removed, against a hand-written API server."""

from pathlib import Path

import pytest

from local.cluster.api import ApiError
from local.cluster.volumes import STORAGE_CLASS, step


def claim(uid, storage_class=STORAGE_CLASS, **more):
    return {
        "metadata": {"name": f"claim-{uid}", "namespace": "shop", "uid": uid, **more.pop("metadata", {})},
        "spec": {
            "storageClassName": storage_class,
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Gi"}},
            **more,
        },
    }


class Server:
    def __init__(self, claims, refuse=None):
        self.claims, self.volumes, self.refuse = claims, [], refuse

    def items(self, path):
        return {"/api/v1/persistentvolumes": self.volumes, "/api/v1/persistentvolumeclaims": self.claims}[path]

    def call(self, method, path, body=None):
        if self.refuse:
            raise ApiError(self.refuse, "no")
        if method == "POST":
            self.volumes.append(body | {"status": {"phase": "Bound"}})
        else:
            self.volumes = [v for v in self.volumes if v["metadata"]["name"] != path.rpartition("/")[2]]


def test_a_claim_gets_one_folder_that_anybody_may_write_to(tmp_path):
    server = Server([claim("u1")])
    step(server, tmp_path)
    step(server, tmp_path)
    assert [v["spec"]["claimRef"]["uid"] for v in server.volumes] == ["u1"]
    folder = Path(server.volumes[0]["spec"]["hostPath"]["path"])
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o777
    assert server.volumes[0]["spec"]["accessModes"] == ["ReadWriteMany"]


def test_other_classes_bound_claims_and_claims_being_deleted_are_left_alone(tmp_path):
    others = [claim("a", "fast"), claim("b", volumeName="v"), claim("c", metadata={"deletionTimestamp": "now"})]
    server = Server(others)
    step(server, tmp_path)
    assert server.volumes == []


def test_a_released_volume_goes_with_its_folder(tmp_path):
    server = Server([claim("u1")])
    step(server, tmp_path)
    server.claims = []
    server.volumes[0]["status"]["phase"] = "Released"
    (tmp_path / "u1" / "data").write_text("x")
    step(server, tmp_path)
    assert server.volumes == []
    assert list(tmp_path.iterdir()) == []


def test_a_volume_made_a_moment_ago_is_no_error_but_any_other_refusal_is(tmp_path):
    step(Server([claim("u1")], refuse=409), tmp_path)
    with pytest.raises(ApiError, match="403"):
        step(Server([claim("u1")], refuse=403), tmp_path)
