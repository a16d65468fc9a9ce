"""Keys of an installation: made once, private, refused in production."""

from __future__ import annotations

import json
import stat

import jwt
import pytest

from local import keys
from local.layout import Layout
from wayfare.adapters.ed25519_signing import Signer, trusted_keys
from wayfare.domain.errors import SettingsInvalid

NOW_MS = 1_795_250_000_000


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path / "state")
    made.make()
    keys.make_development(made.keys)
    keys.make(made.keys, NOW_MS)
    return made


def claims_of(token, layout):
    key_set = json.loads((layout.keys / "jwks" / "jwks.json").read_text())
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(row for row in key_set["keys"] if row["kid"] == kid)
    return jwt.decode(token, jwt.PyJWK(key), algorithms=["EdDSA"], audience="wayfare", issuer="wayfare-development")


def test_a_token_verifies_against_the_key_set_and_carries_its_claims(layout):
    claims = claims_of(keys.token(layout, "rider", "r-1", city="sim", hours=0.5), layout)
    assert (claims["sub"], claims["role"], claims["city"]) == ("r-1", "rider", "sim")
    assert claims["exp"] - claims["iat"] == 1800


def test_the_simulators_token_is_of_the_service_role(layout):
    claims = claims_of((layout.keys / "tokens" / "service.token").read_text(), layout)
    assert claims["role"] == "service"
    assert "city" not in claims


def test_private_keys_are_readable_by_their_owner_alone(layout):
    private = [path for path in layout.keys.rglob("*") if path.is_file() and "trusted" not in path.parts]
    assert len(private) >= 5
    for path in private:
        if path.name != "jwks.json":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_trainer_and_publisher_are_trusted_by_their_public_halves(layout):
    trusted = trusted_keys(layout.keys / "trusted")
    for purpose in ("trainer", "publisher"):
        signer = Signer(next((layout.keys / purpose).glob("*.pem")))
        assert signer.kid.startswith(purpose)
        assert trusted[signer.kid].verify(b"message", signer.sign(b"message"))
    assert len(trusted) == 2


def test_making_keys_again_keeps_them(layout):
    before = {path: path.read_bytes() for path in layout.keys.rglob("*.pem")}
    keys.make(layout.keys, NOW_MS)
    assert {path: path.read_bytes() for path in layout.keys.rglob("*.pem")} == before


def test_two_installations_share_no_key(layout, tmp_path):
    other = Layout(tmp_path / "other")
    other.make()
    keys.make_development(other.keys)
    with pytest.raises(jwt.InvalidSignatureError):
        claims_of(keys.token(other, "rider", "r-1"), layout)


def test_production_refuses_development_keys_and_tokens(layout, monkeypatch):
    monkeypatch.setenv("WAYFARE_ENV", "production")
    with pytest.raises(SettingsInvalid, match="production"):
        keys.make_development(layout.keys)
    with pytest.raises(SettingsInvalid, match="production"):
        keys.token(layout, "operator", "o-1")


def test_a_token_before_the_first_start_says_what_to_do(tmp_path):
    with pytest.raises(SettingsInvalid, match="wayfare up"):
        keys.token(Layout(tmp_path), "rider", "r-1")
