"""A stage for each test; servers of this folder's own where a test restarts them or empties them."""

from __future__ import annotations

import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.integration.streams.drawn import Stage


@pytest.fixture
def stage(servers, tmp_path) -> Stage:
    return Stage(servers, tmp_path)


@pytest.fixture(scope="package")
def own_stack() -> Iterator[Stack]:
    stack = Stack(pathlib.Path(tempfile.mkdtemp(prefix="wayfare-streams-")))
    try:
        stack.start(["kafka", "redis"])
        yield stack
    finally:
        stack.stop()
    shutil.rmtree(stack.layout.state)


@pytest.fixture
def own_stage(own_stack, tmp_path) -> Stage:
    return Stage(own_stack.addresses(), tmp_path)
