"""Where an installation keeps its files."""

from __future__ import annotations

import pathlib
import stat

import pytest

from local.layout import LONGEST_SOCKET_PATH, Layout, default_cache, default_state
from wayfare.domain.errors import SettingsInvalid


def test_the_state_folder_is_the_variable_or_in_the_home_folder():
    assert default_state({"WAYFARE_STATE": "/var/wayfare/../w"}) == pathlib.Path("/var/w")
    assert default_state({"XDG_STATE_HOME": "/s"}) == pathlib.Path("/s/wayfare")
    assert default_state({}).parts[-3:] == (".local", "state", "wayfare")
    assert default_cache({"WAYFARE_CACHE": "/c"}) == pathlib.Path("/c")


@pytest.mark.parametrize("path", ["relative", '/with"quote', "/with$dollar", "/with\nline"])
def test_a_state_folder_that_configurations_cannot_carry_is_refused(path):
    with pytest.raises(SettingsInvalid, match="WAYFARE_STATE"):
        Layout(pathlib.Path(path))


def test_the_control_socket_fits_into_what_the_kernel_takes_however_deep_the_state_folder(tmp_path):
    short, deep = Layout(pathlib.Path("/tmp/w")), Layout(tmp_path / ("d" * 80) / ("e" * 80))
    assert short.supervisor_socket == pathlib.Path("/tmp/w/run/supervisor.sock")
    assert len(str(deep.supervisor_socket)) < LONGEST_SOCKET_PATH
    assert deep.supervisor_socket != Layout(tmp_path / ("d" * 80) / "other" / ("e" * 80)).supervisor_socket


def test_folders_are_readable_by_their_owner_alone(tmp_path):
    layout = Layout(tmp_path / "state")
    layout.make()
    for folder in (layout.state, layout.run, layout.keys, layout.logs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
