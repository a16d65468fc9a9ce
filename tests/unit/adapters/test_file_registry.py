"""The file of cities is read again when it changes, and a file that breaks leaves what was good in force."""

import pytest

from local import cities
from wayfare.adapters.file_registry import FileRegistry, write_cities
from wayfare.domain.errors import SettingsInvalid


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "cities.json"
    write_cities(path, [cities.load("sim")])
    return path


def test_a_change_is_seen_at_the_next_look(file):
    often, seldom = FileRegistry(file, False, look_seconds=0.0), FileRegistry(file, False, look_seconds=3600.0)
    write_cities(file, [cities.load("sf"), cities.load("sim")])
    assert often.now().ids() == ["sf", "sim"]
    assert seldom.now().ids() == ["sim"]


def test_a_file_that_breaks_or_goes_is_told_and_what_was_good_stays(file):
    registry = FileRegistry(file, False, look_seconds=0.0)
    file.write_text("{")
    assert registry.now().ids() == ["sim"]
    assert registry.problem is not None
    file.unlink()
    assert registry.now().ids() == ["sim"]
    assert "No such file" in registry.problem
    write_cities(file, [cities.load("sf")])
    assert registry.now().ids() == ["sf"]
    assert registry.problem is None


def test_a_file_that_cannot_be_read_at_the_start_ends_it(tmp_path):
    with pytest.raises(SettingsInvalid, match="cities"):
        FileRegistry(tmp_path / "none.json", False)
