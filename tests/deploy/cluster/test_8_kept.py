"""A city more while the others go on, and everything lost but what was saved: restored into an empty installation."""

import json
import time

import pytest

from tests.deploy.cluster.installation import CHART, RELEASE, ROOT, STORES, Installation
from tests.deploy.cluster.kube import run, until
from tests.deploy.cluster.operating import call

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]

RENO = {
    "name": "Reno",
    "boundary": [[39.60, -119.95], [39.60, -119.65], [39.43, -119.65], [39.43, -119.95]],
    "center": [39.5296, -119.8138],
    "time_zone": "America/Los_Angeles",
    "currency": "USD",
    "country": "US",
    "tariff": {"flag_minor": 300, "per_km_minor": 150, "per_minute_minor": 30, "minimum_minor": 600},
    "ride_types": ["standard"],
    "surge_cap": 2.0,
    "sources": ["driver_pings", "ride_requests", "weather"],
}
TRIED = """
from datetime import UTC, datetime
here = {"lat": 39.52, "lon": -119.81}
ping = {"driver_id": "reno-1", "t": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "status": "available"} | here
told = events.post("/v1/driver-pings", json={"pings": [ping]})
quote = pricing.post("/v1/quotes", json={"pickup": here, "dropoff": {"lat": 39.50, "lon": -119.78}, "rider_id": "r"})
print(json.dumps({"ping": [told.status_code, told.text], "status": quote.status_code, "quote": quote.json()}))
"""
BOOKED = """
body = {"pickup": {"lat": 37.7793, "lon": -122.4193}, "dropoff": {"lat": 37.7955, "lon": -122.3937}, "rider_id": "kept"}
quote = pricing.post("/v1/quotes", json=body).json()
booked = pricing.post("/v1/bookings", json={"quote_token": quote["quote_token"]}).json()
print(json.dumps({"booking": booked, "version": quote["lineage"]["version"]}))
"""


def test_a_city_is_added_while_the_others_go_on(installation: Installation):
    before = call(installation, TRIED)
    assert before["status"] == 422, before
    with installation.clients.load("city") as calls:
        took = installation.upgrade("--set-json", f"global.cities.reno={json.dumps(RENO)}")
        known = call(installation, TRIED)
    installation.report.add("`helm upgrade` that adds a city", took, "s")
    installation.report.load("the addition of a city", calls.summary)
    # Without a model there is no price, and the answer says so; the city's drivers are counted all the same.
    assert (known["ping"][0], known["status"]) == (202, 503), known
    assert "no verified model of this city is known yet" in known["quote"]["detail"]
    assert calls.failed == 0, calls.failures


def test_what_was_saved_is_restored_into_an_empty_installation(installation: Installation):
    before, kube = call(installation, BOOKED), installation.kube
    volumes = ["env", f"NS={kube.namespace}", f"RELEASE={RELEASE}", str(ROOT / "charts/datastores/volumes.sh")]
    began = time.monotonic()
    run(*volumes, "save", str(installation.work / "saved"), seconds=900)
    installation.report.add("all volumes saved", time.monotonic() - began, "s")

    for release in (RELEASE, STORES):
        installation.run_helm("uninstall", release, "--wait", "--timeout", "5m")
    until(lambda: not kube.items("pods"), 120, "the end of all pods")
    kube("delete", "persistentvolumeclaims", "--all", seconds=120)

    began = time.monotonic()
    chart = str(ROOT / "charts/datastores")
    installation.run_helm("install", STORES, chart, *installation.stores_values(), "--wait", "--timeout", "10m")
    run(*volumes, "restore", str(installation.work / "saved"), seconds=900)
    options = [*installation.values(), "--set", "bootstrap.enabled=false", "--wait", "--timeout", "10m"]
    installation.run_helm("install", RELEASE, str(CHART), *options)
    until(lambda: installation.clients.quote()["status"] == 201, 120, "a quote")
    installation.report.add("nothing to a quote by what was saved", time.monotonic() - began, "s")

    def by_the_model() -> dict | None:
        # The first ones may come from a pod whose model servers are not all there yet.
        answer = installation.clients.quote()
        return answer if answer["status"] == 201 and answer["lineage"]["price_source"] == "model" else None

    quote = until(by_the_model, 120, "a quote by the model")
    wanted = before["booking"]
    found = call(installation, f"print(json.dumps(pricing.get('/v1/bookings/{wanted['booking_id']}').json()))")
    assert found == wanted
    assert quote["lineage"]["version"] == before["version"]
    lander = kube.ready_pods("lander")[0]
    assert int(kube("exec", lander, "--", "sh", "-c", "find /lake -name '*.parquet' | wc -l")) > 0
