import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from wayfare.adapters.jwks_keys import KeySet
from wayfare.adapters.jwt_development import ISSUER, development_token, make_development_key
from wayfare.adapters.jwt_tokens import LEEWAY_SECONDS, REMEMBER_SECONDS, JwtTokens
from wayfare.domain.callers import Caller
from wayfare.domain.errors import Expired, Forged, InvalidInput, Unavailable

NOW = 1_800_000_000.0
EDWARDS = Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
SMALL_RSA = rsa.generate_private_key(65537, 1024)
CURVE = ec.generate_private_key(ec.SECP256R1())


def jwk(private, kid, **more):
    algorithms = {Ed25519PrivateKey: "EdDSA", rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
    name = next(name for kind, name in algorithms.items() if isinstance(private, kind))
    public = jwt.get_algorithm_by_name(name).to_jwk(private.public_key(), as_dict=True)
    return {**public, "kid": kid, **more}


def key_set(*keys, production=False, **options):
    found = KeySet("x", production=production, read=lambda *_: json.dumps({"keys": list(keys)}).encode(), **options)
    found.fetch()
    return found


KEYS = [jwk(EDWARDS, "ed"), jwk(RSA, "rsa"), jwk(SMALL_RSA, "small"), jwk(CURVE, "curve")]
CLAIMS = {"iss": "us", "aud": "wayfare", "sub": "r-1", "role": "rider", "exp": NOW + 600, "iat": NOW}


def signed(private=EDWARDS, algorithm="EdDSA", kid="ed", **change):
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not ...}
    return jwt.encode(claims, private, algorithm=algorithm, headers={"kid": kid} if kid else None)


class World:
    def __init__(self):
        self.now = NOW
        self.keys = key_set(*KEYS)
        self.tokens = JwtTokens(self.keys, "us", clock=lambda: self.now)


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize(("private", "algorithm", "kid"), [(EDWARDS, "EdDSA", "ed"), (RSA, "RS256", "rsa")])
def test_a_good_token_names_its_caller(world, private, algorithm, kid):
    assert world.tokens.verify(signed(private, algorithm, kid)) == Caller("r-1", "rider")
    assert world.tokens.verify(signed(private, algorithm, kid, city="sf")) == Caller("r-1", "rider", "sf")


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "them"}, {"iss": ...}, {"aud": "other"}, {"aud": ...}, {"exp": ...}, {"exp": "soon"}, {"exp": True},
        {"sub": ...}, {"sub": "a b"}, {"sub": ""}, {"role": "admin"}, {"role": ...}, {"role": ["rider"]}, {"city": 5},
        {"city": "a b"}, {"nbf": NOW + 61}, {"iat": NOW + 61}, {"nbf": "x"}, {"exp": 1e400},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_with_a_wrong_claim_is_forged(world, change):
    with pytest.raises(Forged):
        world.tokens.verify(signed(**change))


def test_the_leeway_is_a_minute_and_no_more(world):
    token = signed(exp=NOW)
    world.now = NOW + LEEWAY_SECONDS - 1
    world.tokens.verify(token)
    world.now = NOW + LEEWAY_SECONDS
    with pytest.raises(Expired):
        world.tokens.verify(token)


def test_a_remembered_token_ends_with_its_life(world):
    token = signed(exp=NOW + 30)
    world.tokens.verify(token)
    world.now = NOW + 30 + LEEWAY_SECONDS
    with pytest.raises(Expired):
        world.tokens.verify(token)


def test_a_remembered_token_is_not_verified_again_for_a_while(world, monkeypatch):
    token = signed()
    world.tokens.verify(token)
    asked = []
    monkeypatch.setattr(world.keys, "find", lambda kid: asked.append(kid))
    world.now += REMEMBER_SECONDS - 1
    assert world.tokens.verify(token) == Caller("r-1", "rider")
    world.now += 1
    with pytest.raises(Forged):
        world.tokens.verify(token)
    assert asked == ["ed"]


def test_a_withdrawn_key_takes_its_remembered_tokens_along(world):
    content = json.dumps({"keys": [jwk(RSA, "rsa")]}).encode()
    token = signed()
    world.tokens.verify(token)
    world.keys._read = lambda *_: content
    world.keys.fetch()
    with pytest.raises(Forged, match="kid"):
        world.tokens.verify(token)


def test_a_short_rsa_key_and_another_curve_are_not_used(world):
    assert [kid for kid in ("ed", "rsa", "small", "curve") if world.keys.find(kid)] == ["ed", "rsa"]


def test_memory_of_tokens_is_bounded():
    tokens = JwtTokens(key_set(*KEYS), "us", remembered=5, clock=lambda: NOW)
    for number in range(20):
        tokens.verify(signed(sub=f"r-{number}"))
    assert len(tokens._good) == 5


@pytest.mark.parametrize(
    "token",
    [
        "", "x", "a.b.c", "..", "é", signed(kid=None), signed(kid="nobody"), signed(CURVE, "ES256", "curve"), signed(RSA, "RS256", "ed"), signed(EDWARDS, "EdDSA", "rsa"),
        signed(RSA, "RS512", "rsa"), signed(Ed25519PrivateKey.generate()), signed() + "x", signed()[:-4] + "AAAA",
        jwt.encode(CLAIMS, None, algorithm="none", headers={"kid": "ed"}),
        jwt.encode(CLAIMS, "k" * 64, algorithm="HS256", headers={"kid": "ed"}),
    ],
)  # fmt: skip
def test_a_token_that_no_key_of_its_algorithm_signed_is_forged(world, token):
    with pytest.raises(Forged):
        world.tokens.verify(token)


def test_the_public_key_is_no_shared_secret(world):
    public = EDWARDS.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    signing = f"{part({'alg': 'HS256', 'kid': 'ed'})}.{part(CLAIMS)}"
    mac = hmac.new(public, signing.encode(), hashlib.sha256).digest()
    with pytest.raises(Forged):
        world.tokens.verify(f"{signing}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")


@given(st.text(max_size=200))
def test_no_text_is_accepted_or_crashes(text):
    with pytest.raises(Forged):
        JwtTokens(key_set(*KEYS), "us").verify(text)


def test_without_any_keys_tokens_are_unavailable_not_bad():
    keys = KeySet("/nowhere", production=False)
    tokens = JwtTokens(keys, "us")
    with pytest.raises(Unavailable):
        tokens.verify(signed())
    assert "no key set" in tokens.ready()
    keys.fetch()
    assert "/nowhere" in tokens.ready()


def test_the_development_key_is_made_once_and_refused_in_production(tmp_path):
    private, public = tmp_path / "keys" / "wayfare-development.pem", tmp_path / "jwks.json"
    make_development_key(private, public)
    before = private.read_bytes()
    make_development_key(private, public)
    assert private.read_bytes() == before
    assert private.stat().st_mode & 0o777 == 0o600
    token = development_token(private, "r-1", "rider", city="sf", now=time.time())
    keys = KeySet(str(public), production=False)
    assert keys.fetch()
    assert JwtTokens(keys, ISSUER).verify(token) == Caller("r-1", "rider", "sf")
    closed = KeySet(str(public), production=True)
    assert not closed.fetch()
    with pytest.raises(Unavailable):
        JwtTokens(closed, ISSUER).verify(token)


@pytest.mark.parametrize(("subject", "role"), [("a b", "rider"), ("", "rider"), ("r-1", "admin")])
def test_a_development_token_is_for_an_id_and_a_role(tmp_path, subject, role):
    with pytest.raises(InvalidInput):
        development_token(tmp_path / "none.pem", subject, role)
