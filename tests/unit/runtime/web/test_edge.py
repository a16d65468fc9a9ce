import io
import re

import pytest

from wayfare.domain.errors import OutOfCity, Unavailable
from wayfare.runtime.web.problems import MEDIA_TYPE
from wayfare.runtime.web.routes import Answer, Route


def assert_problem(answer, status):
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == MEDIA_TYPE
    problem = answer.get_json(force=True)
    assert problem["status"] == status
    assert problem["type"].startswith("urn:problem-type:wayfare:")
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    return problem


def test_a_good_request_reaches_its_handler(world):
    answer = world.post(X_Request_Id="app-7")
    assert (answer.status_code, answer.get_json()) == (201, {"count": 1})
    assert answer.headers["X-Request-Id"] == "app-7"
    assert world.call.body.pickup.domain() == (1.0, 2.0)
    assert 0 < world.call.deadline.remaining() <= 5


def test_no_token_is_401_and_says_how(world):
    answer = world.post(token=None)
    assert_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="wayfare"'
    assert world.count == 0


@pytest.mark.parametrize(
    "header",
    ["Basic cjpy", "Bearer", "Bearer ", "rider:r-1", "Bearer bad", "Bearer old", "Bearer " + "x" * 9000, "Bearer ü"],
)
def test_a_bad_token_is_401(world, header):
    answer = world.client.post("/v1/orders", headers={"Authorization": header.encode().decode("latin-1")})
    assert_problem(answer, 401)
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_the_wrong_role_is_403_before_the_body_is_read(world):
    body = io.BytesIO(b"not json")
    answer = world.client.post(
        "/v1/orders", input_stream=body, headers={"Authorization": "Bearer driver:d-1"}, content_type="text/plain"
    )
    assert_problem(answer, 403)
    assert body.tell() == 0


def test_while_no_key_set_is_known_it_is_503_not_401(make_world):
    world = make_world()

    def unavailable(token):
        raise Unavailable("no key set has been read")

    world.app.extensions["wayfare"].verifier.verify = unavailable
    answer = world.post()
    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("role", ["rider", "service"])
def test_riders_are_limited_and_services_are_not(make_world, role):
    world = make_world(rate_per_second=0.01, rate_burst=3)
    statuses = [world.post(token=f"{role}:x").status_code for _ in range(5)]
    assert statuses == ([201] * 3 + [429] * 2 if role == "rider" else [201] * 5)
    if role == "rider":
        answer = world.post(token="rider:x")
        assert_problem(answer, 429)
        assert int(answer.headers["Retry-After"]) >= 1
        assert world.post(token="rider:y").status_code == 201


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""]
)
def test_another_media_type_is_415(world, media):
    assert_problem(world.post(media=media), 415)


def test_a_compressed_body_is_415(world):
    assert_problem(world.post(Content_Encoding="gzip"), 415)


def test_utf_8_may_be_named_as_the_charset(world):
    assert world.post(media="application/json; charset=UTF-8").status_code == 201


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": NaN}', b"\xff", b'{"pickup": 1, "pickup": 2}', b"[" * 2000, b"[1e999]"]
)
def test_a_body_that_is_not_strict_json_is_400(world, body):
    assert_problem(world.post(body), 400)


def test_more_than_a_mebibyte_is_413(world):
    assert_problem(world.post(b" " * (1024 * 1024 + 1)), 413)
    assert_problem(world.post(b" " * 1024 * 1024), 400)


def test_more_than_a_mebibyte_without_a_length_is_413_too(world):
    answer = world.client.post(
        "/v1/orders",
        input_stream=io.BytesIO(b" " * (1024 * 1024 + 1)),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
        headers={"Authorization": "Bearer rider:r-1"},
        content_type="application/json",
    )
    assert_problem(answer, 413)


def test_a_body_shorter_than_its_announced_length_is_400(world):
    answer = world.client.post(
        "/v1/orders",
        input_stream=io.BytesIO(b"{}"),
        environ_overrides={"CONTENT_LENGTH": "50"},
        headers={"Authorization": "Bearer rider:r-1"},
        content_type="application/json",
    )
    assert_problem(answer, 400)


def test_a_body_that_does_not_fit_is_422_with_every_trouble(world):
    problem = assert_problem(world.post({"pickup": {"lat": 123.4}, "tip": 1}), 422)
    assert problem["errors"] == [
        {"pointer": "/pickup/lat", "detail": "must be between -90 and 90, got 123.4"},
        {"pointer": "/pickup/lon", "detail": "is required, got nothing"},
        {"pointer": "/tip", "detail": "is not a known field, got 1"},
    ]
    assert world.count == 0


def test_a_query_string_is_checked_like_a_body(world):
    assert world.get("/v1/here?lat=1.5").status_code == 201
    problem = assert_problem(world.get("/v1/here?lat=91&zoom=x&more=1"), 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/lat", "/zoom", "/more"]
    assert_problem(world.get("/v1/orders/o-1?x=1"), 422)


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/v1/orders/", "/v1//orders", "/v1/orders/a%20b", "/v1/orders/" + "x" * 65, "/static/x"]
)
def test_an_unknown_path_is_a_404_problem(world, path):
    assert_problem(world.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("DELETE", "/v1/orders", "POST"), ("OPTIONS", "/v1/here", "GET"), ("TRACE", "/v1/orders/a", "GET")],
)
def test_an_unserved_method_is_a_405_problem_with_allow(world, method, path, allow):
    answer = world.client.open(path, method=method)
    assert_problem(answer, 405)
    assert answer.headers["Allow"] == allow


def test_every_error_of_the_tree_has_one_status_and_nothing_leaks(world, error_and_status):
    error, status = error_and_status

    def fail(call):
        raise error

    world.handler = fail
    answer = world.post()
    problem = assert_problem(answer, status)
    if status == 503:
        assert answer.headers["Retry-After"] == "1"
    if status == 500:
        assert "secret" not in answer.get_data(as_text=True)
        assert "internal matter" not in answer.get_data(as_text=True)
    assert problem.get("booking_id") == getattr(error, "booking_id", None)


def test_a_rule_that_refuses_a_place_points_at_it(world, pointing):
    def fail(call):
        with pointing("/pickup"):
            raise OutOfCity("no registered city holds this place, got 1,2")

    world.handler = fail
    problem = assert_problem(world.post(), 422)
    assert problem["errors"] == [{"pointer": "/pickup", "detail": "no registered city holds this place, got 1,2"}]


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é", "a;b"])
def test_an_insane_request_id_is_replaced(world, given):
    answer = world.post(X_Request_Id=given.encode().decode("latin-1"))
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_traceparent_is_continued(world):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = world.post(traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    version, of, span, _ = answer.headers["traceparent"].split("-")
    assert (version, of) == ("00", trace)
    assert span != "00f067aa0ba902b7"
    assert trace not in world.post(traceparent="nonsense").headers["traceparent"]


def test_an_answer_may_carry_bytes_headers_and_no_body(world):
    world.handler = lambda call: Answer(200, b"<x/>", {"ETag": '"1"'}, "application/geo+json")
    answer = world.post()
    assert (answer.content_type, answer.headers["ETag"], answer.data) == ("application/geo+json", '"1"', b"<x/>")
    world.handler = lambda call: Answer(304, None, {"ETag": '"1"'})
    assert (world.post().status_code, world.post().data) == (304, b"")


def test_no_route_answers_without_a_token(world):
    for rule in world.app.url_map.iter_rules():
        for method in rule.methods - {"HEAD"}:
            path = re.sub("<[^>]+>", "x-1", rule.rule)
            assert_problem(world.client.open(path, method=method), 401)


def test_every_route_of_the_map_is_a_declared_one_with_roles(world):
    declared = {(route.method, route.path) for route in world.app.extensions["wayfare"].routes}
    mapped = {tuple(rule.endpoint.split(" ")) for rule in world.app.url_map.iter_rules()}
    assert declared == mapped
    with pytest.raises(ValueError, match="roles"):
        Route("GET", "/x", lambda call: Answer(200), frozenset(), "x", {200: None})


def test_a_caller_of_one_role_names_only_itself(world):
    def handler(call):
        call.own("rider", call.body.rider_id, "orders, as")
        return Answer(200, {})

    world.handler = handler
    body = {"rider_id": "r-2", "pickup": {"lat": 1, "lon": 2}}
    assert_problem(world.post(body), 403)
    assert world.post(body, token="rider:r-2").status_code == 200
    assert world.post(body, token="service:s").status_code == 200


def test_a_token_of_one_city_is_good_there_only(world):
    def handler(call):
        call.in_city("sf")
        return Answer(200, {})

    world.handler = handler
    assert world.post(token="rider:r-1").status_code == 200
    assert world.post(token="rider:r-1:sf").status_code == 200
    assert_problem(world.post(token="rider:r-1:nyc"), 403)
