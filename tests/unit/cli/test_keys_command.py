"""`wayfare keys`: files for their owner alone, never written over, and named so that replicas change over together."""

from __future__ import annotations

import stat

import pytest
from click.testing import CliRunner

from wayfare.adapters.ed25519_signing import Signer, key_file, trusted_keys
from wayfare.adapters.jwt_quotes import signs_from_ms
from wayfare.cli.main import group
from wayfare.domain.errors import InvalidInput, SettingsInvalid
from wayfare.runtime.clock import wall_ms


def run(*arguments):
    return CliRunner().invoke(group, ["keys", *map(str, arguments)])


def test_init_makes_what_an_installation_needs_and_no_development_key_unasked(tmp_path):
    answer = run("init", tmp_path)
    assert answer.exit_code == 0, answer.output
    made = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {"quotes", "trainer", "publisher", "trusted", "pseudonym", "session"}
    private = [path for path in tmp_path.rglob("*") if path.is_file() and "trusted" not in path.parts]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_development_adds_what_verifies_and_makes_tokens(tmp_path):
    assert run("init", tmp_path, "--development").exit_code == 0
    assert (tmp_path / "jwks" / "jwks.json").is_file()
    assert (tmp_path / "tokens" / "service.token").is_file()


def test_development_keys_are_refused_in_production_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("WAYFARE_ENV", "production")
    answer = run("init", tmp_path / "keys", "--development")
    assert isinstance(answer.exception, SettingsInvalid)
    assert not (tmp_path / "keys").exists()


def test_a_new_key_of_quotes_signs_from_the_moment_asked_for(tmp_path):
    run("init", tmp_path)
    before = wall_ms()
    assert run("quote", tmp_path, "--in", "10").exit_code == 0
    newest = max(signs_from_ms(path.stem) for path in (tmp_path / "quotes").glob("*.pem"))
    assert before + 599_000 <= newest <= wall_ms() + 600_000
    assert len(list((tmp_path / "quotes").glob("*.pem"))) == 2


def test_a_new_signing_key_is_trusted_beside_the_one_in_use(tmp_path):
    run("init", tmp_path)
    assert run("signer", tmp_path, "publisher").exit_code == 0
    old, new = Signer(tmp_path / "publisher"), Signer(tmp_path / "publisher-new")
    assert old.kid != new.kid
    trusted = trusted_keys(tmp_path / "trusted")
    assert all(trusted[one.kid].verify(b"m", one.sign(b"m")) for one in (old, new))
    again = run("signer", tmp_path, "publisher")
    assert isinstance(again.exception, InvalidInput)


def test_a_folder_with_two_signing_keys_does_not_say_which_one_signs(tmp_path):
    run("init", tmp_path)
    (tmp_path / "trainer" / "trainer-other.pem").write_text("x")
    with pytest.raises(SettingsInvalid, match="got 2"):
        key_file(tmp_path / "trainer")
