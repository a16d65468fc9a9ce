"""Keys that others hold, too: those of tokens, and the one that names riders in the log. No caller is refused meanwhile."""

import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.deploy.cluster.installation import RELEASE, Installation
from tests.deploy.cluster.kube import until
from tests.deploy.cluster.operating import call, keys, store, wayfare
from wayfare.domain.pricing.records import pseudonym

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

READS_TOKENS = ("events-api", "pricing-api", "console", "drift-monitor")
NEW_KID = "issuer-next"
# A connection for each call, so that every pod behind a Service is asked.
TRIED = """
from datetime import UTC, datetime
here = {"lat": 37.7793, "lon": -122.4193}
body = {"pickup": here, "dropoff": {"lat": 37.7955, "lon": -122.3937}, "rider_id": "rotator"}
found = []
for _ in range(TIMES):
    headers = {"Authorization": "Bearer " + TOKEN}
    ping = {"driver_id": "rotator", "t": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "status": "available"} | here
    found.append(httpx.post(PRICING + "/v1/quotes", json=body, headers=headers, timeout=5).status_code)
    found.append(httpx.post(EVENTS + "/v1/driver-pings", json={"pings": [ping]}, headers=headers, timeout=5).status_code)
print(json.dumps(sorted(set(found))))
"""
TAKEN, REFUSED = [201, 202], [401]
# The names that the log gave the riders of some quotes.
NAMES = """
import json
from services.lander.settings import LanderSettings
from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.runtime import settings
found = {}
for record in read_partitions(settings.load(LanderSettings).kafka_options(), "predictions", 2000):
    told = json.loads(record.value)
    if told["quote_id"] in QUOTES:
        found[told["quote_id"]] = told["rider"]
print(json.dumps(found))
"""


def tried(installation: Installation, token: str, times: int = 1) -> list[int]:
    """The statuses of quotes and pings sent with a token."""
    found: list[int] = call(installation, f"TOKEN, TIMES = {token!r}, {times}\n{TRIED}")
    return found


def store_key_set(installation: Installation, rows: list[dict[str, str]]) -> None:
    (keys(installation) / "jwks" / "jwks.json").write_text(json.dumps({"keys": rows}))
    store(installation, "wayfare-jwks")


def key_ids(installation: Installation, service: str) -> set[tuple[str, ...]]:
    """The ids of the key set as each pod of a service has it."""
    files = [
        installation.kube("exec", pod, "--container", service, "--", "cat", "/etc/wayfare/keys/jwks/jwks.json")
        for pod in installation.kube.ready_pods(service)
    ]
    return {tuple(row["kid"] for row in json.loads(text)["keys"]) for text in files}


def arrived(installation: Installation, ids: tuple[str, ...]) -> None:
    for service in READS_TOKENS:
        until(
            lambda s=service: key_ids(installation, s) == {ids},
            180,
            f"the key set {ids} in every pod of {service}",
            every=2,
        )


def test_a_new_key_of_tokens_is_taken_beside_the_old_and_the_old_one_is_retired(installation: Installation):
    kube, folder = installation.kube, keys(installation)
    [old_row] = json.loads((folder / "jwks" / "jwks.json").read_text())["keys"]
    old = (folder / "tokens" / "service.token").read_text().strip()
    private = Ed25519PrivateKey.generate()
    x = base64.urlsafe_b64encode(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=")
    new_row = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": NEW_KID, "x": x.decode()}
    claims = jwt.decode(old, options={"verify_signature": False}) | {"exp": int(time.time()) + 86_400}
    new = jwt.encode(claims, private, algorithm="EdDSA", headers={"kid": NEW_KID})
    assert tried(installation, new) == REFUSED

    with installation.clients.load("tokens-old") as calls:
        began = time.monotonic()
        store_key_set(installation, [old_row, new_row])
        arrived(installation, (old_row["kid"], NEW_KID))
        until(lambda: tried(installation, new, 15) == TAKEN, 60, "tokens of the new key taken by every pod")
        installation.report.add("a key of tokens stored until every pod takes it", time.monotonic() - began, "s")
        assert tried(installation, old, 15) == TAKEN
    installation.report.load("a new key of tokens, by clients of the old", calls.summary)
    assert calls.failed == 0, calls.failures

    # Those who call get tokens of the new key; what holds the old one is started anew.
    (folder / "tokens" / "service.token").write_text(new)
    store(installation, "wayfare-service-token")
    installation.clients.prepare(new, {})
    installation.clients.kube("delete", "pod", "app", "--ignore-not-found", "--wait=true")
    with installation.clients.load("tokens-new") as calls:
        began = time.monotonic()
        store_key_set(installation, [new_row])
        arrived(installation, (NEW_KID,))
        until(lambda: tried(installation, old, 15) == REFUSED, 60, "tokens of the old key refused by every pod")
        installation.report.add("a key of tokens retired until every pod refuses it", time.monotonic() - began, "s")
        assert tried(installation, new, 15) == TAKEN
    installation.report.load("the old key of tokens retired, by clients of the new", calls.summary)
    assert calls.failed == 0, calls.failures
    assert "Phase:          Succeeded" in installation.run_helm("test", RELEASE, "--timeout", "5m")
    assert kube.ready_pods("console")


def test_a_new_key_of_pseudonyms_names_riders_anew_in_the_log(installation: Installation):
    kube, folder = installation.kube, keys(installation)
    file = folder / "pseudonym" / "pseudonym.key"
    old = bytes.fromhex(file.read_text())
    (folder / "pseudonym").rename(folder / "pseudonym-old")
    wayfare("keys", "init", str(folder))
    new = bytes.fromhex(file.read_text())
    assert new != old
    with installation.clients.load("pseudonyms") as calls:
        quotes = [installation.clients.quote("renamed")]
        store(installation, "wayfare-pseudonym-key")
        began = time.monotonic()
        kube("rollout", "restart", f"deployment/{RELEASE}-pricing-api")
        kube.rolled_out(f"deployment/{RELEASE}-pricing-api")
        installation.report.add("a new key of pseudonyms, pricing-api restarted", time.monotonic() - began, "s")
        quotes.append(installation.clients.quote("renamed"))
    installation.report.load("a change of the key of pseudonyms", calls.summary)
    assert calls.failed == 0, calls.failures
    ids = [quote["quote_id"] for quote in quotes]

    def named() -> dict[str, str]:
        found: dict[str, str] = json.loads(kube.python(kube.ready_pods("lander")[0], f"QUOTES = {ids!r}\n{NAMES}"))
        return found if len(found) == len(ids) else {}

    names = until(named, 60, "both quotes in the log")
    assert [names[quote_id] for quote_id in ids] == [pseudonym(key, "renamed") for key in (old, new)]
