import json
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wayfare.adapters.jwks_keys import KeySet


def content(*kids, **more):
    keys = []
    for kid in kids:
        public = Ed25519PrivateKey.generate().public_key()
        keys.append({**jwt.get_algorithm_by_name("EdDSA").to_jwk(public, as_dict=True), "kid": kid, **more})
    return json.dumps({"keys": keys}).encode()


class Source:
    def __init__(self, answer):
        self.answer = answer
        self.before = lambda: None
        self.reads = 0

    def __call__(self, source, timeout):
        self.reads += 1
        self.before()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def until(condition, seconds=3.0):
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        time.sleep(0.005)
    assert condition()


@pytest.fixture
def started():
    running = []

    def start(source, **options):
        keys = KeySet("https://keys.example/jwks", production=False, read=source, **options)
        keys.start()
        running.append(keys)
        return keys

    yield start
    for keys in running:
        keys.stop()


def test_only_files_and_https_are_sources():
    for source in ("http://keys.example/jwks", "ftp://keys.example", "file:///etc/keys"):
        with pytest.raises(ValueError, match="https"):
            KeySet(source, production=False)


def test_an_unknown_kid_fetches_in_the_background_and_never_waits(started):
    source, may_answer = Source(content("old")), threading.Event()
    keys = started(source, refetch_seconds=0.05)
    until(lambda: keys.find("old"))
    source.answer, source.before = content("old", "new"), lambda: may_answer.wait(10)
    reads = source.reads
    until(lambda: keys.find("new") is None and source.reads > reads)
    assert keys.find("new") is None, "answered while the source has not"
    may_answer.set()
    until(lambda: keys.find("new"))


def test_unknown_kids_cannot_make_it_fetch_faster_than_its_limit(started):
    source = Source(content("old"))
    keys = started(source, refetch_seconds=0.2)
    until(lambda: keys.find("old"))
    ends = time.monotonic() + 0.7
    while time.monotonic() < ends:
        keys.find("nobody")
        time.sleep(0.001)
    assert 2 <= source.reads <= 5


@pytest.mark.parametrize(
    "bad",
    [OSError("down"), b"", b"[]", b'{"keys": []}', b'{"keys": [{"kty": "oct", "kid": "a", "k": "eA"}]}', b'{"keys": 1}',
     b'{"keys": [1, {"kid": 5}]}', b"\xff"],
    ids=repr,
)  # fmt: skip
def test_the_last_good_set_stays_when_its_source_fails(bad):
    source = Source(content("a"))
    keys = KeySet("x", production=False, read=source)
    assert keys.fetch()
    source.answer = bad
    assert not keys.fetch()
    assert keys.find("a")
    assert keys.problem
    assert not keys.empty


def test_a_cold_start_goes_on_trying(started):
    source = Source(OSError("down"))
    keys = started(source, refetch_seconds=0.02)
    until(lambda: source.reads >= 3)
    assert keys.empty
    assert "down" in keys.problem
    source.answer = content("a")
    until(lambda: keys.find("a"))
    assert keys.problem is None


def test_a_file_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_bytes(content("a"))
    keys = KeySet(str(path), production=False, refetch_seconds=0.01)
    keys.start()
    until(lambda: keys.find("a"))
    time.sleep(0.05)
    draft = tmp_path / "draft"
    draft.write_bytes(content("b"))
    draft.replace(path)
    until(lambda: keys._keys.keys() == {"b"})
    keys.stop()


def test_keys_for_encryption_private_halves_and_other_algorithms_are_ignored():
    for more in ({"use": "enc"}, {"d": "secret"}, {"alg": "ES256"}):
        keys = KeySet("x", production=False, read=Source(content("a", **more)))
        assert not keys.fetch(), more


def test_production_ignores_development_keys():
    keys = KeySet("x", production=True, read=Source(content("wayfare-development", "real")))
    assert keys.fetch()
    assert keys.find("wayfare-development") is None
    assert keys.find("real")


def test_the_generation_moves_only_when_a_key_does():
    source = Source(content("a"))
    keys = KeySet("x", production=False, read=source)
    keys.fetch()
    before = keys.generation
    keys.fetch()
    assert keys.generation == before
    source.answer = content("a")
    keys.fetch()
    assert keys.generation == before + 1


def test_threads_end_when_stopped():
    keys = KeySet("https://keys.example", production=False, read=Source(content("a")))
    keys.start()
    keys.stop()
    until(lambda: all(thread.name != "jwks" for thread in threading.enumerate()))
