"""`make preview`: what it makes, what it refuses to touch, and that it may be repeated; kubectl and Helm are fakes."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[3]
OURS = "wayfare-preview/"

KUBECTL = """#!/usr/bin/env bash
echo "kubectl $*" >>"$RECORD/calls"
case "$*" in
  "get namespace"*) cat "$RECORD/owner" ;;
  *"get secret wayfare-service-token"*jsonpath*) printf token | base64 ;;
  *"get secret"*) cat "$RECORD/secrets" ;;
  *port-forward*) echo "Forwarding from 127.0.0.1:4321 -> 8080"; exec sleep 60 ;;
  *"--filename -"*) cat >>"$RECORD/applied" ;;
  *"create secret"*) echo "{}" ;;
esac
"""
# What is called beside kubectl, in a copy of the tree that holds nothing else.
STUBS = {
    "local/tools/build.sh": 'echo "$RECORD"',
    ".venv/bin/wayfare": 'echo "wayfare $*" >>"$RECORD/calls"; mkdir -p "$3/quotes"',
    "tests/deploy/smoke.sh": 'echo "smoke $PRICING_URL $EVENTS_URL $(cat "$TOKEN_FILE")" >>"$RECORD/calls"; exit "${SMOKE:-0}"',
}


@pytest.fixture
def preview(tmp_path):
    tree, record = tmp_path / "tree", tmp_path / "record"
    record.mkdir()
    scripts = {name: "#!/usr/bin/env bash\n" + body + "\n" for name, body in STUBS.items()}
    scripts["jenkins/preview.sh"] = (ROOT / "jenkins/preview.sh").read_text()
    scripts["kubectl"] = KUBECTL
    for name, text in scripts.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    helm = record / "helm"
    helm.write_text('#!/usr/bin/env bash\necho "helm $*" >>"$RECORD/calls"\n')
    helm.chmod(0o755)

    def run(action, owner="", secrets="", **variables):
        for name, text in (("owner", owner), ("secrets", secrets), ("calls", ""), ("applied", "")):
            (record / name).write_text(text)
        environment = {
            "PATH": f"{tree}:{os.environ['PATH']}",
            "RECORD": str(record),
            "NAMESPACE": "wayfare-pr-7",
            "TMPDIR": str(record),
        } | variables
        done = subprocess.run(
            [str(tree / "jenkins/preview.sh"), *action.split()],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done, (record / "calls").read_text(), (record / "applied").read_text()

    return run


def test_up_makes_a_marked_namespace_with_keys_and_stores(preview):
    done, calls, applied = preview("up")
    assert done.returncode == 0, done.stderr
    namespace = json.JSONDecoder().raw_decode(applied)[0]
    assert namespace["metadata"]["labels"] == {
        "app.kubernetes.io/part-of": "wayfare-preview",
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    for name in (
        "quote-keys",
        "publisher-key",
        "trainer-key",
        "trusted-keys",
        "pseudonym-key",
        "session-key",
        "jwks",
        "service-token",
    ):
        assert f"create secret generic wayfare-{name} " in calls
    assert "AWS_SECRET_ACCESS_KEY" in applied
    assert "helm upgrade --install stores charts/datastores --namespace wayfare-pr-7 --wait" in calls


def test_up_again_leaves_keys_as_they_are(preview):
    done, calls, _ = preview("up", owner=OURS, secrets="secret/there")
    assert done.returncode == 0, done.stderr
    assert "create" not in calls
    assert "wayfare keys" not in calls
    assert "helm upgrade --install stores" in calls


@pytest.mark.parametrize("action", ["up", "smoke", "down"])
@pytest.mark.parametrize("owner", ["/", "wayfare/"])
def test_a_namespace_of_somebody_else_is_never_touched(preview, action, owner):
    done, calls, _ = preview(action, owner=owner)
    assert done.returncode == 1
    assert f"got '{owner[:-1]}'" in done.stderr
    assert not {"create", "delete", "apply", "helm", "smoke"} & set(calls.split())


def test_smoke_asks_through_forwarded_ports_with_the_installations_token(preview):
    done, calls, _ = preview("smoke", owner=OURS)
    assert done.returncode == 0, done.stderr
    assert "smoke http://127.0.0.1:4321 http://127.0.0.1:4321 token" in calls
    assert "port-forward service/wayfare-pricing-api" in calls


def test_a_failing_smoke_test_fails(preview):
    assert preview("smoke", owner=OURS, SMOKE="3")[0].returncode == 3


def test_down_deletes_the_namespace_and_may_be_repeated(preview):
    done, calls, _ = preview("down", owner=OURS)
    assert done.returncode == 0, done.stderr
    assert "kubectl delete namespace wayfare-pr-7 --wait" in calls
    done, calls, _ = preview("down")
    assert done.returncode == 0, done.stderr
    assert "delete" not in calls


@pytest.mark.parametrize(
    ("action", "namespace", "message"),
    [("", "wayfare-pr-7", "one of up, smoke and down"), ("up", "", "got ''"), ("up", "a b", "got 'a b'")],
)
def test_what_is_asked_for_must_be_clear(preview, action, namespace, message):
    done, calls, _ = preview(action, NAMESPACE=namespace)
    assert done.returncode == 1
    assert message in done.stderr
    assert calls == ""
