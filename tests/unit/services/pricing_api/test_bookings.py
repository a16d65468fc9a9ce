import base64
import concurrent.futures
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.pricing_api.bodies import BookingAnswer
from wayfare.adapters.ed25519_signing import generate_key
from wayfare.adapters.jwt_quotes import quote_kid
from wayfare.domain.errors import LedgerUnavailable
from wayfare.domain.pricing.ledger import BOOKED, NOT_BOOKED, LedgerRow


def book(world, token, by="rider.r-1", **headers):
    return world.post("/v1/bookings", {"quote_token": token}, by, **headers)


def test_a_booking_has_the_quoted_price_to_the_cent(world):
    quote = world.quote()
    answer = book(world, quote["quote_token"])
    assert answer.status_code == 201
    booking = answer.get_json()
    BookingAnswer.model_validate(booking)
    assert booking["price"] == quote["price"]
    assert booking["quote_id"] == quote["quote_id"]
    assert booking["booking_id"] == "b-" + quote["quote_id"][2:]
    assert world.get(f"/v1/bookings/{booking['booking_id']}").get_json() == booking


def test_the_intent_to_tell_of_a_booking_is_written_before_it(world):
    quote = world.quote()
    booking = book(world, quote["quote_token"]).get_json()
    ((_, intent),) = world.ledger.announced.items()
    assert intent.quote_id == quote["quote_id"]
    assert intent.record["booking_id"] == booking["booking_id"]
    assert intent.record["price"] == quote["price"]
    assert intent.record["rider"].startswith("p-")
    assert intent.record["rider"] == world.log.records["predictions"][0][1]["rider"]


def test_a_second_booking_is_refused_names_the_first_and_announces_nothing(world):
    token = world.quote()["quote_token"]
    first = book(world, token).get_json()
    world.ledger.announced.clear()
    again = book(world, token)
    assert world.ledger.announced == {}
    assert again.status_code == 409
    assert again.get_json()["booking_id"] == first["booking_id"]


def test_a_repeat_under_the_same_key_gets_the_first_answer(world):
    token = world.quote()["quote_token"]
    first = book(world, token, Idempotency_Key="k")
    again = book(world, token, Idempotency_Key="k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()


def test_of_twenty_racing_bookings_exactly_one_wins(world):
    token = world.quote()["quote_token"]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: book(world, token).status_code, range(20)))
    assert sorted(statuses) == [201] + [409] * 19


def test_another_riders_quote_is_not_booked_and_nothing_is_said_of_it(world):
    quote = world.quote()
    answer = book(world, quote["quote_token"], "rider.r-2")
    assert answer.status_code == 403
    assert "booking_id" not in answer.get_json()
    assert world.ledger.rows == {}
    assert book(world, quote["quote_token"], "service.dispatch").status_code == 201


def test_another_rider_may_not_read_a_booking(world):
    booking = book(world, world.quote()["quote_token"]).get_json()
    assert world.get(f"/v1/bookings/{booking['booking_id']}", "rider.r-2").status_code == 403
    assert world.get(f"/v1/bookings/{booking['booking_id']}", "service.s").status_code == 200


def test_a_token_of_another_city_books_and_reads_nothing_here(world):
    token = world.quote()["quote_token"]
    refused = world.post("/v1/bookings", {"quote_token": token}, "rider.r-1.sf")
    assert refused.status_code == 403
    booking = book(world, token)
    assert booking.status_code == 201, "the refused try must not have used the quote"
    assert world.get(f"/v1/bookings/{booking.get_json()['booking_id']}", "rider.r-1.sf").status_code == 403


@pytest.mark.parametrize("booking_id", ["b-0000", "q-1", "nonsense"])
def test_a_booking_that_is_not_there_is_not_found(world, booking_id):
    assert world.get(f"/v1/bookings/{booking_id}").status_code == 404


def test_an_expired_quote_is_gone(world):
    token = world.quote()["quote_token"]
    world.now += 300_000
    assert book(world, token).status_code == 410
    assert world.ledger.rows == {}


def test_a_quote_can_be_booked_until_the_moment_it_ends(world):
    token = world.quote()["quote_token"]
    world.now += 299_999
    assert book(world, token).status_code == 201


def test_who_lost_the_answer_learns_of_the_booking_even_after_the_quote_ended(world):
    token = world.quote()["quote_token"]
    booking = book(world, token).get_json()
    world.now += 400_000
    again = book(world, token)
    assert again.status_code == 409
    assert again.get_json()["booking_id"] == booking["booking_id"]


def test_a_quote_that_was_settled_as_not_booked_is_gone(world):
    quote = world.quote()
    row = LedgerRow(quote["quote_id"], None, "sim", None, NOT_BOOKED, {}, "relay", world.now)
    assert world.ledger.decide(row, 1.0) is None
    assert book(world, quote["quote_token"]).status_code == 410


def altered(token, **claims):
    header, body, signature = token.split(".")
    held = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**held, **claims}).encode()).rstrip(b"=").decode()
    return f"{header}.{changed}.{signature}"


def resigned(token, world, **header):
    """Signed again by a key of somebody else's, under our key's name."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": "q1", **header})


@pytest.mark.parametrize(
    "change",
    [
        lambda token, world: altered(token, minor=1),
        lambda token, world: altered(token, sub="r-2"),
        lambda token, world: altered(token, exp=9e9),
        lambda token, world: token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
        lambda token, world: token.rsplit(".", 1)[0] + ".",
        lambda token, world: jwt.encode(jwt.decode(token, options={"verify_signature": False}), None, "none"),
        lambda token, world: jwt.encode({"jti": "q-1"}, "x" * 40, "HS256", headers={"kid": "q1"}),
        resigned,
        lambda token, world: resigned(token, world, kid="other"),
        lambda token, world: resigned(token, world, kid="../../etc/passwd"),
        lambda token, world: "no.token.atall",
        lambda token, world: "x",
        lambda token, world: "é" * 10,
    ],
)
def test_an_altered_or_forged_token_is_refused(world, change):
    answer = book(world, change(world.quote()["quote_token"], world))
    assert answer.status_code == 422
    assert world.ledger.rows == {}
    assert world.ledger.announced == {}


def test_a_bearer_token_s_key_cannot_sign_quotes_of_another_audience(world):
    key = load_pem_private_key((world.settings.quote_keys_dir / "q1.pem").read_bytes(), None)
    claims = jwt.decode(world.quote()["quote_token"], options={"verify_signature": False})
    token = jwt.encode({**claims, "aud": "wayfare"}, key, "EdDSA", headers={"kid": "q1"})
    assert book(world, token).status_code == 422


def signed_by(world, kid, token, **claims):
    """The claims of a token, changed and signed by one of our own keys."""
    key = load_pem_private_key((world.settings.quote_keys_dir / f"{kid}.pem").read_bytes(), None)
    changed = {**jwt.decode(token, options={"verify_signature": False}), **claims}
    return jwt.encode(changed, key, "EdDSA", headers={"kid": kid})


def test_a_key_signs_from_the_moment_in_its_name_and_the_previous_one_counts_for_one_quote_life(world):
    changeover = world.now + 60_000
    new = generate_key(world.settings.quote_keys_dir / f"{quote_kid(changeover)}.pem").kid
    world.app = world.application(world.copies)
    token = world.quote()["quote_token"]
    assert jwt.get_unverified_header(token)["kid"] == "q1"
    # A replica whose clock is ahead signs with the new key already.
    assert book(world, signed_by(world, new, token)).status_code == 201
    world.now = changeover
    assert jwt.get_unverified_header(world.quote()["quote_token"])["kid"] == new
    late = changeover / 1000 + 1000
    world.now = changeover + 300_000
    assert book(world, signed_by(world, "q1", token, exp=late, jti="q-2")).status_code == 201
    world.now += 1
    assert book(world, signed_by(world, "q1", token, exp=late, jti="q-3")).status_code == 422


def test_with_keys_of_later_only_there_is_no_quote(world):
    folder = world.settings.quote_keys_dir
    (folder / "q1.pem").rename(folder / f"{quote_kid(world.now + 1000)}.pem")
    world.app = world.application(world.copies)
    trip = {"pickup": {"lat": 37.7897, "lon": -122.4011}, "dropoff": {"lat": 37.7599, "lon": -122.4148}}
    answer = world.post("/v1/quotes", trip)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_without_the_ledger_a_booking_is_refused_and_nothing_is_recorded(world):
    token = world.quote()["quote_token"]
    world.ledger.unavailable = True
    answer = book(world, token)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    world.ledger.unavailable = False
    assert world.ledger.rows == {}
    assert book(world, token).status_code == 201


def test_a_booking_whose_outcome_was_lost_on_the_way_is_found_by_reading_again(world):
    decide = world.ledger.decide

    def lost(row, timeout_s):
        decide(row, timeout_s)
        raise LedgerUnavailable("the write timed out")

    world.ledger.decide = lost
    assert book(world, world.quote()["quote_token"]).status_code == 201


def test_a_lost_outcome_that_turns_out_to_be_anothers_is_a_conflict(world):
    quote = world.quote()
    theirs = LedgerRow(quote["quote_id"], "b-theirs", "sim", "r-1", BOOKED, {}, "theirs", world.now)

    def lost(row, timeout_s):
        world.ledger.rows[row.quote_id] = theirs
        raise LedgerUnavailable("the write timed out")

    world.ledger.decide = lost
    answer = book(world, quote["quote_token"])
    assert (answer.status_code, answer.get_json()["booking_id"]) == (409, "b-theirs")


def test_an_outcome_that_stays_unknown_is_503(world):
    def lost(row, timeout_s):
        raise LedgerUnavailable("the write timed out")

    world.ledger.decide = lost
    assert book(world, world.quote()["quote_token"]).status_code == 503


def test_quotes_go_on_without_the_ledger(world):
    world.ledger.unavailable = True
    assert world.quote()["degraded"] == []
