import pytest

from services.pricing_api.bodies import CapAnswer, Cities
from wayfare.domain.times import format_rfc3339

CAP = "/v1/cities/sim/surge-cap"


def cap(world, highest=1.25, for_s=600, token="operator.ops-1", reason="a concert ends"):
    body = {"max_multiplier": highest, "until": format_rfc3339(world.now + for_s * 1000), "reason": reason}
    return world.put(CAP, body, token)


def test_a_cap_is_in_force_at_once_and_says_so(world):
    answer = cap(world)
    assert answer.status_code == 200
    CapAnswer.model_validate(answer.get_json())
    assert answer.get_json()["operator"] == "ops-1"
    quote = world.quote()
    assert quote["surge"]["multiplier"] == 1.25
    assert quote["lineage"]["cap"] == {"max_multiplier": 1.25, "uncapped_multiplier": 1.5, "by": "operator"}
    assert quote["degraded"] == []


def test_a_cap_of_one_freezes_surge(world):
    cap(world, highest=1.0)
    quote = world.quote()
    assert quote["surge"]["multiplier"] == 1.0
    assert quote["price"] == quote["base_fare"]


def test_a_cap_above_the_multiplier_is_not_told_because_it_did_nothing(world):
    cap(world, highest=2.0)
    assert "cap" not in world.quote()["lineage"]


def test_a_city_s_own_cap_counts_too(world):
    import dataclasses

    world.cities[0] = dataclasses.replace(world.cities[0], surge_cap=1.25)
    assert world.quote()["lineage"]["cap"]["by"] == "city"


def test_a_cap_ends_by_itself(world):
    cap(world, for_s=10)
    world.now += 10_000
    assert world.quote()["surge"]["multiplier"] == 1.5


def test_the_newest_cap_counts_and_when_it_ends_the_one_before_it(world):
    cap(world, highest=1.0, for_s=100)
    world.now += 1
    cap(world, highest=2.5, for_s=10)
    assert world.quote()["surge"]["multiplier"] == 1.5
    world.now += 10_000
    assert world.quote()["surge"]["multiplier"] == 1.0


def test_other_replicas_see_it_at_their_next_refresh(world):
    other = world.replica("two")
    other.refresh()
    cap(world)
    other.refresh()
    assert other.of(world.cities[0]).caps[0].max_multiplier == 1.25


def test_a_cap_survives_the_loss_of_redis(world):
    world.shared.unavailable = True
    assert cap(world).status_code == 200
    other = world.replica("two")
    other.read_truths()
    assert other.of(world.cities[0]).caps[0].max_multiplier == 1.25
    world.shared.unavailable = False
    other.read_truths()
    third = world.replica("three")
    third.refresh()
    assert third.of(world.cities[0]).caps[0].max_multiplier == 1.25


def test_a_cap_that_cannot_be_recorded_is_not_in_force(world):
    world.caps.unavailable = True
    assert cap(world).status_code == 503
    assert world.quote()["surge"]["multiplier"] == 1.5


def test_every_cap_is_kept_as_audit(world):
    for highest in (1.0, 1.5, 2.0):
        cap(world, highest=highest, reason=f"try {highest}")
    assert [row.reason for row in world.caps.recorded("sim")] == ["try 2.0", "try 1.5", "try 1.0"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"max_multiplier": 0.5}, "/max_multiplier"),
        ({"max_multiplier": 3}, "/max_multiplier"),
        ({"until": "2020-01-01T00:00:00Z"}, "/until"),
        ({"until": "2190-01-01T00:00:00Z"}, "/until"),
        ({"reason": ""}, "/reason"),
    ],
)
def test_a_cap_that_could_not_be_meant_is_refused(world, change, pointer):
    body = {"max_multiplier": 1.0, "until": format_rfc3339(world.now + 1000), "reason": "r", **change}
    answer = world.put(CAP, body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == pointer
    assert world.caps.recorded("sim") == []


@pytest.mark.parametrize("token", ["rider.r-1", "driver.d-1", "service.s"])
def test_only_operators_may_cap(world, token):
    assert cap(world, token=token).status_code == 403


def test_a_city_that_is_not_there_cannot_be_capped(world):
    body = {"max_multiplier": 1.0, "until": format_rfc3339(world.now + 1000), "reason": "r"}
    assert world.put("/v1/cities/atlantis/surge-cap", body).status_code == 404


def test_the_cities_show_their_public_part_and_the_cap_in_force(world):
    cap(world, highest=1.75)
    shown = world.get("/v1/cities").get_json()
    Cities.model_validate(shown)
    (city,) = shown["cities"]
    assert city["surge_cap"] == 1.75
    assert city["now"] == format_rfc3339(world.now)
    ring = city["boundary"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:], strict=False)) > 0
    assert "sources" not in city
