"""The last plugin of a pod's network: run as the container runtime runs it, beside an enforcer that answers or does not."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest

from local.cluster import isolate

PLUGIN = pathlib.Path(isolate.__file__)
RESULT = {"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.0.0.7/24"}]}
PODS = {"10.0.0.7": ("shop", "web-1")}


def settings(folder):
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "addresses": str(folder), "prevResult": RESULT})


def called(command, folder):
    told = {"CNI_COMMAND": command, "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1"}
    return subprocess.run(
        [sys.executable, PLUGIN],
        input=settings(folder),
        text=True,
        capture_output=True,
        env=os.environ | told,
        timeout=60,
    )


def test_a_pod_waits_for_its_rules_and_then_has_what_the_plugins_before_gave_it(tmp_path):
    isolate.in_force(tmp_path, "10.0.0.7").touch()  # left by a pod that had the address before
    done = []
    adding = threading.Thread(target=lambda: done.append(called("ADD", tmp_path)))
    adding.start()
    while isolate.announced(tmp_path) != PODS:
        assert adding.is_alive()
        time.sleep(0.01)
    assert not isolate.in_force(tmp_path, "10.0.0.7").exists()
    assert adding.is_alive()
    isolate.in_force(tmp_path, "10.0.0.7").touch()
    adding.join(30)
    assert (done[0].returncode, json.loads(done[0].stdout)) == (0, RESULT)
    assert isolate.announced(tmp_path) == PODS
    assert called("DEL", tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert called("DEL", tmp_path).returncode == 0, "a runtime may ask for it again"


def test_a_pod_that_nobody_makes_rules_for_does_not_start(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(isolate, "WAIT_SECONDS", 0.05)
    monkeypatch.setenv("CNI_COMMAND", "ADD")
    monkeypatch.setenv("CNI_ARGS", "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1")
    given = tmp_path / "settings.json"
    given.write_text(settings(tmp_path))
    with given.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert isolate.main() == 1
    told = json.loads(capsys.readouterr().out)
    assert told["code"] == isolate.TRY_AGAIN
    assert told["msg"].endswith("got addresses ['10.0.0.7']")


@pytest.mark.parametrize("written", ["", "shop", "a/b/c"])
def test_an_announcement_that_is_being_written_is_no_announcement(tmp_path, written):
    (tmp_path / "10.0.0.7.pod").write_text(written)
    assert isolate.announced(tmp_path) == {}


def test_it_says_which_versions_of_the_interface_it_speaks(tmp_path):
    assert "0.4.0" in json.loads(called("VERSION", tmp_path).stdout)["supportedVersions"]
