import threading
import time

import pytest

from wayfare.adapters.memory_idempotency import MemoryIdempotency
from wayfare.domain.callers import ROLES, Caller
from wayfare.domain.errors import Conflict, StoreUnavailable
from wayfare.runtime.deadline import Deadline
from wayfare.runtime.web.app import create_app
from wayfare.runtime.web.idempotency import fingerprint
from wayfare.runtime.web.routes import Answer, Route
from wayfare.runtime.web.types import Model

BODY = b'{"pickup": {"lat": 1, "lon": 2}}'


class Anything(Model):
    pass


class Known:
    def verify(self, token):
        return Caller("r-1", "rider", None)


class Broken:
    def claim(self, key, fingerprint, claim_seconds):
        raise StoreUnavailable("down")


class BreaksLater:
    def __init__(self, store):
        self._store = store

    def claim(self, *arguments):
        return self._store.claim(*arguments)

    def keep(self, *arguments):
        raise StoreUnavailable("down")

    release = keep


def test_the_same_key_and_body_get_the_same_answer(world):
    first = world.post(Idempotency_Key="k-1")
    again = world.post(b'{ "pickup" : {"lon": 2, "lat": 1} }', Idempotency_Key="k-1")
    assert first.data == again.data == b'{"count":1}'
    assert (again.status_code, again.content_type) == (201, "application/json")
    assert world.count == 1
    assert first.headers["X-Request-Id"] != again.headers["X-Request-Id"]


def test_another_body_under_the_key_is_409(world):
    world.post(Idempotency_Key="k-1")
    assert world.post({"pickup": {"lat": 5, "lon": 2}}, Idempotency_Key="k-1").status_code == 409
    assert world.count == 1


def test_without_a_key_each_request_counts(world):
    assert [world.post().get_json()["count"] for _ in range(2)] == [1, 2]


def test_a_key_is_scoped_to_its_subject(world):
    world.post(Idempotency_Key="k-1")
    world.post(Idempotency_Key="k-1", token="rider:r-2")
    world.post(Idempotency_Key="k-1", token="service:r-1")
    assert world.count == 3


def test_a_key_is_scoped_to_its_route():
    routes = [
        Route("POST", path, lambda call, path=path: Answer(201, {"path": path}), ROLES, "Do", {201: None},
              body=Anything, idempotent=True)
        for path in ("/v1/quotes", "/v1/bookings")
    ]  # fmt: skip
    app = create_app("test", routes, verifier=Known(), store=MemoryIdempotency())
    headers = {"Authorization": "Bearer any", "Idempotency-Key": "k-1"}
    found = [app.test_client().post(route.path, json={}, headers=headers).get_json() for route in routes]
    assert found == [{"path": "/v1/quotes"}, {"path": "/v1/bookings"}]


def test_an_answer_is_kept_for_24_hours(make_world):
    now = [0.0]
    world = make_world(store=MemoryIdempotency(clock=lambda: now[0]))
    world.post(Idempotency_Key="k-1")
    now[0] = 24 * 3600 - 1
    assert world.post(Idempotency_Key="k-1").get_json()["count"] == 1
    now[0] = 24 * 3600
    assert world.post(Idempotency_Key="k-1").get_json()["count"] == 2


@pytest.mark.parametrize("key", ["x" * 256, "a b", "é"])
def test_a_key_that_is_not_visible_ascii_is_422(world, key):
    assert world.post(Idempotency_Key=key.encode().decode("latin-1")).status_code == 422
    assert world.count == 0


def test_a_body_that_does_not_fit_does_not_spend_the_key(world):
    assert world.post({}, Idempotency_Key="k-1").status_code == 422
    assert world.post(Idempotency_Key="k-1").status_code == 201


def test_a_refusal_by_the_handler_is_kept(world):
    def refuse(call):
        raise Conflict("used")

    world.handler = refuse
    first = world.post(Idempotency_Key="k-1")
    world.handler = lambda call: Answer(201, {})
    again = world.post(Idempotency_Key="k-1")
    assert (first.status_code, again.status_code, again.data) == (409, 409, first.data)
    assert again.content_type == "application/problem+json"


@pytest.mark.parametrize("error", [StoreUnavailable("x"), KeyError("x")])
def test_a_failure_frees_the_key(world, error):
    def fail(call):
        raise error

    world.handler = fail
    assert world.post(Idempotency_Key="k-1").status_code in (500, 503)
    world.handler = lambda call: Answer(201, {})
    assert world.post(Idempotency_Key="k-1").status_code == 201


def test_concurrent_duplicates_wait_for_the_first(world):
    def slow(call):
        time.sleep(0.15)
        return Answer(201, {"count": world.count})

    world.handler = slow
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(world.post(Idempotency_Key="k-1").data)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b'{"count":1}'] * 6
    assert world.count == 1


def test_a_duplicate_that_waited_to_its_deadline_is_503_with_retry_after(make_world):
    world = make_world(deadline_seconds=0.1)
    release = threading.Event()

    def stuck(call):
        release.wait(5)
        return Answer(201, {})

    world.handler = stuck
    first = threading.Thread(target=lambda: world.post(Idempotency_Key="k-1"))
    first.start()
    while world.count == 0:
        time.sleep(0.001)
    answer = world.post(Idempotency_Key="k-1")
    release.set()
    first.join()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert world.post(Idempotency_Key="k-1").status_code == 201
    assert world.count == 1


def test_without_its_store_a_request_proceeds_unprotected(make_world):
    world = make_world(store=Broken())
    assert [world.post(Idempotency_Key="k-1").get_json()["count"] for _ in range(2)] == [1, 2]


def test_a_store_that_fails_after_the_work_does_not_spoil_the_answer(make_world, world):
    broken = make_world(store=BreaksLater(world.store))
    assert broken.post(Idempotency_Key="k-1").status_code == 201


def test_equal_json_has_one_fingerprint():
    assert fingerprint({"a": 1, "b": [1.5]}) == fingerprint({"b": [1.5], "a": 1}) != fingerprint({"a": 1, "b": [1.6]})


def test_a_deadline_never_goes_below_zero():
    now = [0.0]
    deadline = Deadline(0.25, lambda: now[0])
    now[0] = 9.0
    assert (deadline.remaining(), deadline.remaining(0.1), deadline.passed) == (0.0, 0.0, True)
