"""Figures, alerts and the map: known, stale or unknown, and never somebody else's query."""

import pytest

from wayfare.runtime.figures import FIGURES


def figures(world, city="a"):
    answer = world.client.get(f"/v1/city-now?city={city}")
    assert answer.status_code == 200, answer.json
    return {row["name"]: row for row in answer.json["figures"]}


@pytest.fixture
def inside(world):
    world.sign_in()
    world.prometheus.values = {
        "wayfare_cabs_available": 40.0,
        "wayfare_requests_waiting": 0.0,
        "histogram_quantile": 0.034,
    }
    return world


def test_figures_are_what_prometheus_says(inside):
    rows = figures(inside)
    assert list(rows) == [figure.name for figure in FIGURES]
    assert rows["cabs_available"] | {"age_s": 0} == {
        "name": "cabs_available",
        "title": "Cabs available",
        "meaning": rows["cabs_available"]["meaning"],
        "unit": "count",
        "value": 40.0,
        "state": "known",
        "age_s": 0,
        "why": "",
    }
    assert rows["requests_waiting"]["value"] == 0.0
    assert rows["quote_p99"]["value"] == 0.034


def test_only_named_queries_reach_prometheus(inside):
    figures(inside)
    named = {figure.of("a") for figure in FIGURES}
    asked = {query["query"] for path, query, _ in inside.prometheus.asked if path == "/api/v1/query"}
    assert {query for query in asked if "timestamp(up" not in query} == named


@pytest.mark.parametrize(
    "query", ["city=a&query=up", "query=up", "city=a%22%7D%20or%20vector(1)", "city=a&city=b", "city="]
)
def test_a_query_of_the_callers_is_refused(inside, query):
    assert inside.client.get(f"/v1/city-now?{query}").status_code == 422
    assert not inside.prometheus.asked


def test_what_prometheus_has_no_value_for_is_unknown_and_says_why(inside):
    rows = figures(inside)
    assert (rows["window_age"]["state"], rows["window_age"]["value"]) == ("unknown", None)
    assert rows["window_age"]["why"] == "pricing_api does not tell it"
    assert "no quote" in rows["failed_share"]["why"]


@pytest.mark.parametrize("value", ["NaN", "+Inf"])
def test_what_is_no_number_is_unknown(inside, value):
    inside.prometheus.values = {"histogram_quantile": value}
    assert figures(inside)["quote_p99"]["state"] == "unknown"


@pytest.mark.parametrize(
    ("age", "state"), [(5, "known"), (29, "known"), (31, "stale"), (299, "stale"), (301, "unknown"), (None, "unknown")]
)
def test_a_figure_is_as_old_as_the_last_scrape_of_its_service(inside, age, state):
    inside.prometheus.scraped_s = age
    row = figures(inside)["cabs_available"]
    assert row["state"] == state
    assert (row["value"] is None) == (state == "unknown")
    assert bool(row["why"]) == (state != "known")


def test_without_prometheus_every_figure_and_every_alert_is_unknown(inside):
    inside.prometheus.stop()
    body = inside.client.get("/v1/city-now?city=a").json
    assert {row["state"] for row in body["figures"]} == {"unknown"}
    assert {row["value"] for row in body["figures"]} == {None}
    assert "Prometheus" in body["figures"][0]["why"]
    assert body["alerts"]["state"] == "unknown"


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}),
        (200, b"<html>"),
        (200, {"status": "error"}),
        (200, {"status": "success", "data": {}}),
        (302, {}),
        (200, []),
    ],
)
def test_nonsense_of_prometheus_is_unknown(inside, answer):
    inside.prometheus.answers = {"/api/v1/query": lambda _query: answer, "/api/v1/rules": lambda _query: answer}
    body = inside.client.get("/v1/city-now?city=a").json
    assert {row["state"] for row in body["figures"]} == {"unknown"}
    assert body["alerts"]["state"] == "unknown"


def firing(name, severity, since="2026-11-21T08:30:00.123456789Z"):
    return {
        "state": "firing",
        "labels": {"alertname": name, "severity": severity, "city": "a"},
        "annotations": {"summary": f"{name} fires", "runbook_url": f"https://runbooks.example/{name}.md"},
        "activeAt": since,
    }


def alerts(world):
    return world.client.get("/v1/city-now?city=a").json["alerts"]


def test_what_fires_is_told_with_its_runbook(inside):
    pending = firing("Soon", "page") | {"state": "pending"}
    rules = [{"name": "QuotesSlow", "health": "ok", "alerts": [firing("QuotesSlow", "page"), pending]}]
    inside.prometheus.groups = [{"rules": rules}]
    told = alerts(inside)
    assert told["state"] == "known"
    (one,) = told["firing"]
    assert (one["name"], one["severity"], one["since"]) == ("QuotesSlow", "page", "2026-11-21T08:30:00.123Z")
    assert one["runbook"] == "https://runbooks.example/QuotesSlow.md"
    assert one["labels"] == {"city": "a"}


def test_nothing_fires_is_said_only_when_rules_were_looked_at(inside):
    assert alerts(inside) == {"state": "known", "firing": [], "why": ""}


def test_no_rules_is_unknown(inside):
    inside.prometheus.groups = []
    assert alerts(inside)["state"] == "unknown"


def test_rules_that_cannot_be_evaluated_are_unknown_and_what_fires_is_still_told(inside):
    rules = [
        {"name": "Broken", "health": "err", "alerts": []},
        {"name": "QuotesFail", "health": "ok", "alerts": [firing("QuotesFail", "page")]},
    ]
    inside.prometheus.groups = [{"rules": rules}]
    told = alerts(inside)
    assert told["state"] == "unknown"
    assert "Broken" in told["why"]
    assert len(told["firing"]) == 1


def test_the_map_is_pricing_apis_of_that_city_asked_with_the_operators_own_token(inside):
    shown = inside.client.get("/v1/city-now/map?city=a").json
    assert shown["state"] == "known"
    assert [row["properties"]["city"] for row in shown["map"]["features"]] == ["a"]
    path, query, headers = inside.pricing.asked[-1]
    assert (path, query) == ("/v1/surge/map", {"bbox": "9.5,9.5,10.5,10.5"})
    assert headers["Authorization"].startswith("Bearer ey")


@pytest.mark.parametrize(("age", "state"), [(1, "known"), (12, "stale"), (70, "unknown")])
def test_an_old_map_says_so(inside, age, state):
    inside.map_age_s = age
    shown = inside.client.get("/v1/city-now/map?city=a").json
    assert shown["state"] == state
    assert (shown["map"] is None) == (state == "unknown")


def test_no_map_is_unknown_and_the_figures_go_on(inside):
    inside.pricing.stop()
    shown = inside.client.get("/v1/city-now/map?city=a").json
    assert (shown["state"], shown["map"]) == ("unknown", None)
    assert "pricing_api" in shown["why"]
    assert figures(inside)["cabs_available"]["state"] == "known"


def test_a_map_that_lacks_the_city_is_unknown(inside):
    assert inside.client.get("/v1/city-now/map?city=b").json["why"] == "no map of 'b' is shared"


def test_many_viewers_ask_prometheus_once(make):
    world = make(console_tls=False, refresh_seconds=60)
    world.sign_in()
    for _ in range(5):
        figures(world)
        world.client.get("/v1/city-now/map?city=a")
    assert len(world.prometheus.asked) == len(FIGURES) + 2
    assert len(world.pricing.asked) == 1


def test_a_city_that_is_not_served_is_refused(inside):
    assert inside.client.get("/v1/city-now?city=c").status_code == 422


def test_a_token_of_one_city_shows_that_city_alone(world):
    world.sign_in(world.token(city="b"))
    assert [row["id"] for row in world.client.get("/v1/cities").json["cities"]] == ["b"]
    for path in ("/v1/city-now", "/v1/city-now/map"):
        assert world.client.get(f"{path}?city=a").status_code == 403


def test_cities_come_with_their_shape_and_clock(inside):
    rows = inside.client.get("/v1/cities").json["cities"]
    assert [row["id"] for row in rows] == ["a", "b"]
    ring = rows[0]["boundary"]["coordinates"][0]
    assert ring[0] == ring[-1] == [9.5, 9.5]
