"""Keys in files: made once, readable by their owner, of the right kind."""

from __future__ import annotations

import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from wayfare.adapters.ed25519_signing import Signer, generate_key, trust, trusted_keys
from wayfare.domain.errors import SettingsInvalid


def test_a_signature_holds_for_its_key_and_message_alone(tmp_path):
    first, second = (generate_key(tmp_path / f"trainer-{n}.pem") for n in "ab")
    for signer in (first, second):
        trust(signer, tmp_path / "trusted")
    keys = trusted_keys(tmp_path / "trusted")
    signature = first.sign(b"message")
    assert keys["trainer-a"].verify(b"message", signature)
    assert not keys["trainer-b"].verify(b"message", signature)
    assert not keys["trainer-a"].verify(b"massage", signature)
    assert not keys["trainer-a"].verify(b"message", b"short")


def test_a_private_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "keys" / "trainer-a.pem"
    generate_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        generate_key(path)


def test_a_key_added_or_removed_later_counts_from_then(tmp_path):
    folder = tmp_path / "trusted"
    keys = trusted_keys(folder)
    assert list(keys) == []
    path = trust(generate_key(tmp_path / "trainer-a.pem"), folder)
    assert list(keys) == ["trainer-a"]
    path.unlink()
    assert "trainer-a" not in keys


@pytest.mark.parametrize("kid", ["../trainer-a", "a/b", "", "x" * 65])
def test_a_kid_cannot_name_a_file_elsewhere(tmp_path, kid):
    trust(generate_key(tmp_path / "trainer-a.pem"), tmp_path)
    assert kid not in trusted_keys(tmp_path / "trusted")


def test_what_is_not_an_ed25519_key_is_refused_with_its_path(tmp_path):
    other = generate_private_key(SECP256R1())
    wrong = tmp_path / "trainer-b.pem"
    wrong.write_bytes(
        other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(SettingsInvalid, match="trainer-b"):
        Signer(wrong)
    for path in (tmp_path / "missing.pem", tmp_path / "trainer-a.key"):
        with pytest.raises(SettingsInvalid):
            Signer(path)
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "trainer-c.pem").write_text("no key")
    with pytest.raises(SettingsInvalid, match="trainer-c"):
        trusted_keys(tmp_path / "trusted")
