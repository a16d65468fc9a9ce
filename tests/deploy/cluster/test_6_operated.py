"""What docs/operate.md promises an operator of a running installation: an upgrade does not train again, and keys change."""

import json
import time

import pytest

from tests.deploy.cluster.installation import RELEASE, Installation
from tests.deploy.cluster.kube import until
from tests.deploy.cluster.operating import call, keys, kid, mounted, store, wayfare

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]


def test_an_upgrade_that_asks_for_the_bootstrap_again_does_not_train_again(installation: Installation):
    before = installation.clients.quote()["lineage"]["version"]
    installation.upgrade("--set", "bootstrap.enabled=true")
    revision = json.loads(installation.run_helm("status", RELEASE, "--output", "json"))["version"]
    job = f"job/{RELEASE}-bootstrap-{revision}"
    began = time.monotonic()
    installation.kube("wait", "--for=condition=complete", job, "--timeout=240s", seconds=250)
    installation.report.add("a second bootstrap, of a city that has a model", time.monotonic() - began, "s")
    printed = installation.kube("logs", job, "--all-containers")
    assert "generating the history" not in printed
    assert "trained" not in printed
    assert installation.clients.quote()["lineage"]["version"] == before


def test_the_key_of_quotes_changes_under_load_and_a_quote_of_the_old_key_can_be_booked(installation: Installation):
    with installation.clients.load("keys") as calls:
        old = installation.clients.quote("changer")
        wayfare("keys", "quote", str(keys(installation)), "--in", "2")
        store(installation, "wayfare-quote-keys")
        # The key before the change signs to the end of its time, and its newest quote outlives it.
        new = ""
        end = time.monotonic() + 240
        while time.monotonic() < end and not new:
            quote = installation.clients.quote("changer")
            assert quote["status"] == 201, quote
            if kid(quote["quote_token"]) == kid(old["quote_token"]):
                old = quote
                time.sleep(1)
            else:
                new = quote["quote_token"]
        assert new, "no quote was signed by the new key"
        code = "print(json.dumps([pricing.post('/v1/bookings', json={'quote_token': t}).status_code for t in TOKENS]))"
        booked = call(installation, f"TOKENS = {[old['quote_token'], new]!r}\n{code}")
    installation.report.load("a change of the key of quotes", calls.summary)
    assert booked == [201, 201]
    assert calls.failed == 0, calls.failures


def test_a_new_publisher_and_a_new_trainer_sign_what_is_published_next(installation: Installation):
    kube, folder = installation.kube, keys(installation)
    for purpose in ("publisher", "trainer"):
        wayfare("keys", "signer", str(folder), purpose)
        (folder / purpose).rename(folder / f"{purpose}-old")
        (folder / f"{purpose}-new").rename(folder / purpose)
    newest = {purpose: next((folder / purpose).glob("*.pem")).name for purpose in ("publisher", "trainer")}
    store(installation, "wayfare-trusted-keys")
    for public in newest.values():
        for service, container in (("pricing-api", "pricing-api"), ("model-server", "publisher")):
            until(
                lambda s=service, c=container, p=public: mounted(installation, s, c, "/etc/wayfare/keys/trusted", p),
                180,
                f"the key {public} in every pod of {service}",
                every=3,
            )
    with installation.clients.load("signers", quotes=5, pings=2) as calls:
        for secret in ("wayfare-publisher-key", "wayfare-trainer-key"):
            kube("delete", "secret", secret)
            store(installation, secret)
        kube("rollout", "restart", f"deployment/{RELEASE}-model-server")
        kube.rolled_out(f"deployment/{RELEASE}-model-server")
        job = kube.json("create", "job", "republish", f"--from=cronjob/{RELEASE}-train-sim", "--dry-run=client")
        job["spec"]["template"]["spec"]["initContainers"] = []  # what is trained already is published anew
        kube.apply(job)
        kube("wait", "--for=condition=complete", "job/republish", "--timeout=240s", seconds=250)
        printed = kube("logs", "job/republish")
    assert f"signed by {newest['trainer'].removesuffix('.pem')}" in printed
    assert printed.rstrip().endswith("ok")
    installation.report.load("a change of the keys of trainer and publisher", calls.summary)
    assert calls.failed == 0, calls.failures
