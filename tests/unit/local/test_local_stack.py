"""A state folder that an older version has left: it is gone on with, not refused."""

from __future__ import annotations

import json

import pytest

from local.errors import StackFailed
from local.stack import Stack, port_names


def test_what_an_older_version_left_stands_still_until_it_is_started_again(tmp_path):
    stack = Stack(tmp_path)
    assert stack.status() == []
    stack.layout.make()
    older = {name: 20_000 + at for at, name in enumerate(port_names()) if not name.startswith("console")}
    stack.layout.ports_file.write_text(json.dumps(older))
    assert stack.status() == []
    with pytest.raises(StackFailed, match=r"`wayfare up`, got none for \['console"):
        stack.environment()
