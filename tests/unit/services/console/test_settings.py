"""What console refuses to start with."""

import pytest
from pydantic import ValidationError

from services.console.settings import ConsoleSettings


def settings(folder, **change):
    given = {
        "state": folder,
        "jwks": "jwks.json",
        "cities_file": folder / "cities.json",
        "session_key_file": folder / "session.key",
        "prometheus_url": "http://prometheus:9090",
        "pricing_url": "http://pricing-api",
    }
    return ConsoleSettings(**(given | change))


def test_sessions_need_tls_unless_told_otherwise(tmp_path):
    assert settings(tmp_path).console_tls is True


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"prometheus_url": "ftp://prometheus"}, "prometheus_url"),
        ({"pricing_url": "pricing"}, "pricing_url"),
        ({"session_seconds": 1}, "session_seconds"),
        ({"stale_seconds": 60, "unknown_seconds": 30}, "WAYFARE_UNKNOWN_SECONDS"),
        ({"env": "production", "token_issuer": "us", "console_tls": False}, "WAYFARE_CONSOLE_TLS"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, change, told):
    with pytest.raises(ValidationError, match=told):
        settings(tmp_path, **change)
