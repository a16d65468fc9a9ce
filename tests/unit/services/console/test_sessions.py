"""Signing in, staying in and out: who gets a cookie, what it lets do, and when it ends."""

import base64
import re

import pytest

from wayfare.adapters.sealed_sessions import SealedSessions, session_key
from wayfare.domain.errors import Expired, Forged, SettingsInvalid


def cookie_of(answer):
    return re.match(r"([^=]+)=([^;]*); (.*)", answer.headers["Set-Cookie"]).groups()


def test_an_operators_token_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_can_use(world):
    answer = world.sign_in()
    assert answer.status_code == 201
    name, value, rules = cookie_of(answer)
    assert name == "wayfare-session"
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(rules.split("; "))
    assert "Secure" not in rules
    assert answer.json["subject"] == "op-1"
    assert world.client.get("/v1/session").json["csrf"] == answer.json["csrf"]


def test_with_tls_the_cookie_is_secure_and_of_this_host_alone(make):
    name, _, rules = cookie_of(make().sign_in())
    assert name.startswith("__Host-")
    assert "Secure" in rules.split("; ")
    assert "Domain" not in rules


@pytest.mark.parametrize("role", ["rider", "driver", "service"])
def test_nobody_else_may_sign_in(world, role):
    answer = world.sign_in(world.token(role))
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic b3A6b3A="])
def test_without_a_good_token_there_is_no_session(world, header):
    answer = world.client.post("/v1/session", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/v1/session", "/v1/cities", "/v1/city-now?city=a", "/v1/city-now/map?city=a", "/openapi.json"]
)
def test_nothing_is_told_without_a_session(world, path):
    assert world.client.get(path).status_code == 401


def test_a_session_ends_with_its_token(world):
    answer = world.sign_in(world.token(seconds=120))
    assert "Max-Age=120" in answer.headers["Set-Cookie"]
    world.now += 119
    assert world.client.get("/v1/session").status_code == 200
    # Other services give a token 60 s more for clocks that differ; a session has none.
    world.now += 2
    assert world.client.get("/v1/session").status_code == 401


def test_a_session_ends_after_its_longest_life_although_the_token_lives(make):
    world = make(console_tls=False, session_seconds=60)
    world.sign_in()
    world.now += 61
    assert world.client.get("/v1/cities").status_code == 401


def test_a_token_within_its_leeway_begins_no_session(world):
    assert world.sign_in(world.token(seconds=-10)).status_code == 401


def test_a_session_cannot_make_itself_last(world):
    csrf = world.sign_in().json["csrf"]
    answer = world.client.post("/v1/session", headers={"X-CSRF-Token": csrf})
    assert answer.status_code == 422
    assert "Set-Cookie" not in answer.headers


def test_the_cookie_does_not_show_the_token(world):
    token = world.token()
    _, value, _ = cookie_of(world.sign_in(token))
    assert token not in value
    assert token.split(".")[1].encode() not in base64.urlsafe_b64decode(value + "==")


def test_a_cookie_is_no_bearer_token(world):
    _, value, _ = cookie_of(world.sign_in())
    other = world.app.test_client()
    assert other.get("/v1/cities", headers={"Authorization": f"Bearer {value}"}).status_code == 401


def test_a_cookie_that_was_altered_or_sealed_by_another_key_is_refused(world):
    _, value, _ = cookie_of(world.sign_in())
    _, foreign = SealedSessions(bytes(32), world.wall_ms).begin(world.token(), world.wall_ms() + 60_000)
    for cookie in (value[:-6] + "AAAAAA", foreign, "", "é", "AAAA"):
        client = world.app.test_client()
        client.set_cookie("wayfare-session", cookie)
        assert client.get("/v1/cities").status_code == 401


def test_a_token_that_its_keys_no_longer_verify_ends_the_session(make):
    world = make(console_tls=False)
    session, cookie = SealedSessions(bytes(range(32)), world.wall_ms).begin("not.a.token", world.wall_ms() + 60_000)
    world.client.set_cookie("wayfare-session", cookie)
    assert world.client.get("/v1/cities").status_code == 401


def test_signing_out_needs_the_csrf_of_this_session(world):
    csrf = world.sign_in().json["csrf"]
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": csrf[:-1]}, {"X-CSRF-Token": csrf + "é"}):
        assert world.client.delete("/v1/session", headers=headers).status_code == 403, headers
    assert world.client.get("/v1/session").status_code == 200
    answer = world.client.delete("/v1/session", headers={"X-CSRF-Token": csrf})
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert world.client.get("/v1/session").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:1"},
    ],
)
def test_another_origin_changes_nothing_even_with_the_csrf(world, headers):
    csrf = world.sign_in().json["csrf"]
    answer = world.client.delete("/v1/session", headers={"X-CSRF-Token": csrf, **headers})
    assert answer.status_code == 403
    assert world.client.get("/v1/session").status_code == 200


def test_the_pages_own_origin_may(world):
    csrf = world.sign_in().json["csrf"]
    headers = {"X-CSRF-Token": csrf, "Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert world.client.delete("/v1/session", headers=headers).status_code == 204


def test_a_token_itself_needs_no_csrf_since_no_site_can_make_a_browser_send_it(world):
    headers = {"Authorization": f"Bearer {world.token()}"}
    assert world.client.get("/v1/cities", headers=headers).status_code == 200
    assert world.client.get("/v1/session", headers=headers).status_code == 404


def test_a_sealed_session_opens_until_its_end():
    now = [1_000]
    sessions = SealedSessions(bytes(32), lambda: now[0])
    session, cookie = sessions.begin("t", 2_000)
    assert sessions.open(cookie) == session
    assert sessions.begin("t", 2_000)[1] != cookie
    now[0] = 2_000
    with pytest.raises(Expired):
        sessions.open(cookie)
    with pytest.raises(Forged):
        sessions.open("x" * 40)


@pytest.mark.parametrize("text", [None, "zz", "00" * 31])
def test_a_key_of_sessions_that_cannot_be_used_is_told_at_start(tmp_path, text):
    path = tmp_path / "session.key"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsInvalid, match=r"session\.key"):
        session_key(path)
