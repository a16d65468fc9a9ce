import jwt
import pytest

from services.pricing_api.bodies import QuoteAnswer
from wayfare.domain.city import SOURCES
from wayfare.domain.pricing.fare import base_fare_minor, price_minor
from wayfare.domain.times import format_rfc3339

TRIP = {"pickup": {"lat": 37.7897, "lon": -122.4011}, "dropoff": {"lat": 37.7599, "lon": -122.4148}}


def test_a_quote_is_answered_as_the_interface_promises(world):
    quote = world.quote()
    QuoteAnswer.model_validate(quote)
    assert quote["degraded"] == []
    assert quote["surge"] == {
        "multiplier": 1.5,
        "at_least": {"1.25": 0.91, "1.5": 0.62, "1.75": 0.31, "2.0": 0.12, "2.25": 0.05, "2.5": 0.01},
    }
    assert quote["lineage"]["price_source"] == "model"
    assert quote["lineage"]["version"] == 20261121001
    assert quote["lineage"]["arm"] == "stable"
    assert quote["lineage"]["window_until"] == format_rfc3339(world.now)
    assert quote["lineage"]["defaults"] == []
    assert quote["expires_at"] == format_rfc3339(world.now + 300_000)


def test_anyone_can_recompute_the_price_to_the_cent(world):
    quote = world.quote()
    base = base_fare_minor(world.cities[0].tariff, quote["distance_m"], quote["duration_s"])
    assert quote["base_fare"] == {"amount_minor": base, "currency": "USD"}
    assert quote["price"] == {"amount_minor": price_minor(base, quote["surge"]["multiplier"]), "currency": "USD"}


def test_the_token_holds_what_was_quoted_and_names_its_key(world):
    quote = world.quote()
    claims = jwt.decode(quote["quote_token"], options={"verify_signature": False})
    assert jwt.get_unverified_header(quote["quote_token"]) == {"alg": "EdDSA", "kid": "q1", "typ": "JWT"}
    assert claims["jti"] == quote["quote_id"]
    assert claims["sub"] == "r-1"
    assert claims["minor"] == quote["price"]["amount_minor"]
    assert claims["exp"] * 1000 == world.now + 300_000


def test_every_served_prediction_is_offered_to_the_log_under_a_pseudonym(world):
    quote = world.quote()
    ((identity, record),) = world.log.records["predictions"]
    assert identity == record["quote_id"] == quote["quote_id"]
    assert record["rider"].startswith("p-")
    assert "r-1" not in str(record)
    assert record["feature_names"] == world.bundle.feature_names
    assert len(record["features"]) == len(record["feature_names"])
    assert dict(zip(record["feature_names"], record["features"], strict=True))["rider_bookings_30d"] == 7
    assert record["at_least"] == pytest.approx([1.0, 0.91, 0.62, 0.31, 0.12, 0.05, 0.01], rel=1e-6)
    assert (record["arm"], record["propensity"], record["price_source"]) == ("stable", 1.0, "model")
    assert record["expires_at"] == quote["expires_at"]


def test_a_log_that_is_away_fails_no_quote_and_loses_are_counted(world):
    world.log.unavailable = True
    world.quote()
    assert world.log.lost == 1


def test_a_rider_who_never_booked_is_priced_without_degradation(world):
    assert world.quote("rider.new-rider")["degraded"] == []
    features = world.log.records["predictions"][-1][1]
    assert dict(zip(features["feature_names"], features["features"], strict=True))["rider_bookings_30d"] == 0


def test_a_place_never_seen_in_training_is_priced_without_degradation(world):
    far = {"lat": 37.71, "lon": -122.51}
    assert world.quote(pickup=far)["degraded"] == []


def test_a_service_may_ask_for_nobody_and_the_rider_is_missing(world):
    quote = world.quote("service.dispatch")
    assert quote["degraded"] == []
    record = world.log.records["predictions"][-1][1]
    assert record["rider"] is None
    assert dict(zip(record["feature_names"], record["features"], strict=True))["rider_bookings_30d"] is None


def test_a_city_without_sources_lists_the_features_it_cannot_have(make_world):
    world = make_world(sources=SOURCES - {"riders", "weather", "place_kinds"})
    quote = world.quote()
    assert quote["degraded"] == []
    assert {"rider_bookings_30d", "rain_mm", "pickup_place_kind"} <= set(quote["lineage"]["defaults"])
    assert "cabs_available_5km" not in quote["lineage"]["defaults"]


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        ({"pickup": {"lat": 0.0, "lon": 0.0}}, "/pickup", "0.0,0.0"),
        ({"dropoff": {"lat": 40.7, "lon": -74.0}}, "/dropoff", "40.7,-74.0"),
        ({"ride_type": "boat"}, "/ride_type", "'boat'"),
        ({"pickup": {"lat": 91, "lon": 0}}, "/pickup/lat", "91"),
        ({"pickup": "here"}, "/pickup", '"here"'),
        ({"surge": 1.0}, "/surge", "1.0"),
    ],
)
def test_a_trip_that_cannot_be_priced_is_refused_at_its_place(world, change, pointer, says):
    answer = world.post("/v1/quotes", {**TRIP, **change})
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["pointer"] == pointer
    assert error["detail"].endswith(says)
    assert "predictions" not in world.log.records


def test_all_that_is_wrong_with_a_trip_is_told_at_once(world):
    answer = world.post("/v1/quotes", {**TRIP, "dropoff": {"lat": 40.7, "lon": -74.0}, "ride_type": "boat"})
    assert [error["pointer"] for error in answer.get_json()["errors"]] == ["/dropoff", "/ride_type"]


@pytest.mark.parametrize(
    ("ahead_s", "source"),
    [(-60, "model"), (0, "model"), (600, "model"), (601, "prior:cell"), (7 * 86_400, "prior:cell")],
)
def test_a_departure_is_now_up_to_ten_minutes_ahead_and_then_priors_speak(world, ahead_s, source):
    quote = world.quote(departure_time=format_rfc3339(world.now + ahead_s * 1000))
    assert quote["lineage"]["price_source"] == source
    assert quote["degraded"] == []


@pytest.mark.parametrize("ahead_s", [-61, 7 * 86_400 + 1])
def test_a_departure_in_the_past_or_beyond_a_week_is_refused(world, ahead_s):
    answer = world.post("/v1/quotes", {**TRIP, "departure_time": format_rfc3339(world.now + ahead_s * 1000)})
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/departure_time"


def test_a_rider_may_not_ask_for_another(world):
    assert world.post("/v1/quotes", {**TRIP, "rider_id": "r-2"}).status_code == 403
    assert world.post("/v1/quotes", {**TRIP, "rider_id": "r-1"}).status_code == 201
    assert world.post("/v1/quotes", {**TRIP, "rider_id": "r-2"}, "service.dispatch").status_code == 201


@pytest.mark.parametrize(("token", "status"), [("driver.d-1", 403), ("operator.o-1", 403), ("nonsense", 401)])
def test_only_riders_and_services_may_ask(world, token, status):
    assert world.post("/v1/quotes", TRIP, token).status_code == status


def test_a_token_of_another_city_is_refused(world):
    assert world.post("/v1/quotes", TRIP, "rider.r-1.sf").status_code == 403
    assert world.post("/v1/quotes", TRIP, "rider.r-1.sim").status_code == 201


def test_without_any_verified_model_there_is_no_quote(world):
    world.copies.of(world.cities[0]).model = None
    answer = world.post("/v1/quotes", TRIP)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_the_same_idempotency_key_gives_the_same_quote(world):
    first = world.post("/v1/quotes", TRIP, Idempotency_Key="k1")
    again = world.post("/v1/quotes", TRIP, Idempotency_Key="k1")
    other = world.post("/v1/quotes", {**TRIP, "ride_type": "large"}, Idempotency_Key="k1")
    assert first.get_json() == again.get_json()
    assert other.status_code == 409


def test_a_rider_s_history_is_remembered_for_a_while(world):
    for _ in range(3):
        world.quote()
    assert world.redis.asked == 1
