"""Servers that these tests may freeze and fill with what no reader can use; the others' stay as they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.own_servers.installation import APPEND_SECONDS, Installation, installation


@pytest.fixture(scope="package")
def own() -> Iterator[Installation]:
    with installation(APPEND_SECONDS=str(APPEND_SECONDS)) as running:
        yield running
