import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys
import textwrap
import uuid
from types import ModuleType

import pytest

from wayfare.domain.features import definition
from wayfare.domain.features.definition import definition_hash
from wayfare.domain.features.sets import SURGE

CODE = '''
"""Words about the file."""
import math

LIMIT = 5_000.0
KINDS = ("home", "pub")


class Scale:
    """A class."""

    unit: int = 3

    def times(self, value):
        return value * self.unit


def _halved(value: float) -> float:
    """Words."""
    return value / 2 if value < LIMIT else math.floor(LIMIT)


def feature(inputs):
    """Words."""
    # A remark.
    return f"{_halved(inputs.a):.2f}" if KINDS.index("pub") else Scale().times(-1)


def unrelated():
    return 1


def loops(n):
    return loops(n - 1) if n else None
'''


def module(code: str, folder: pathlib.Path) -> ModuleType:
    name = f"m{uuid.uuid4().hex}"
    path = folder / f"{name}.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location(f"fixture.{name}", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[f"fixture.{name}"] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def hashed(code: str, folder: pathlib.Path, name: str = "feature") -> str:
    return definition_hash(getattr(module(code, folder), name), package="fixture")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# A remark.", "# Another, longer remark."),
        ('"""Words."""', '"""Other words."""'),
        ("value: float) -> float", "value)"),
        ("value / 2 if value < LIMIT", "(value / 2) if (value < LIMIT)"),
        ("return 1\n", "return 2\n"),
        ("5_000.0", "5000.0"),
    ],
)
def test_words_annotations_layout_and_unrelated_code_leave_a_definition_as_it_is(
    old: str, new: str, tmp_path: pathlib.Path
) -> None:
    assert old in CODE
    assert hashed(CODE.replace(old, new), tmp_path) == hashed(CODE, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("value / 2", "value / 3"),
        ("value < LIMIT", "value <= LIMIT"),
        ("5_000.0", "5_001.0"),
        ('("home", "pub")', '("pub", "home")'),
        ("unit: int = 3", "unit: int = 4"),
        ("math.floor", "math.ceil"),
        ("inputs.a", "inputs.b"),
        (":.2f", ":.3f"),
        ("times(-1)", "times(1)"),
    ],
)
def test_any_change_of_logic_or_of_a_constant_however_deep_is_another_definition(
    old: str, new: str, tmp_path: pathlib.Path
) -> None:
    assert old in CODE
    assert hashed(CODE.replace(old, new), tmp_path) != hashed(CODE, tmp_path)


def test_a_function_that_refers_to_itself_has_a_hash(tmp_path: pathlib.Path) -> None:
    assert hashed(CODE, tmp_path, "loops") == hashed(CODE, tmp_path, "loops")


def test_the_hash_is_the_same_in_another_process() -> None:
    ask = "import json; from wayfare.domain.features.sets import SURGE; print(json.dumps([f.hash() for f in SURGE]))"
    answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(answer.stdout) == [feature.hash() for feature in SURGE]


GOLDEN = "32cfc4b68274bddf"


def test_the_hash_of_the_sample_is_golden(tmp_path: pathlib.Path) -> None:
    assert hashed(CODE, tmp_path) == GOLDEN


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_hash_does_not_depend_on_the_python_version(version: str, tmp_path: pathlib.Path) -> None:
    found = interpreter(version)
    if found is None:
        pytest.skip(f"there is no python{version} here")
    (tmp_path / "fixture").mkdir()
    (tmp_path / "fixture" / "sample.py").write_text(CODE)
    shutil.copy(definition.__file__, tmp_path / "definition.py")
    ask = textwrap.dedent("""
        import definition, fixture.sample
        print(definition.definition_hash(fixture.sample.feature, package="fixture"))
    """)
    answer = subprocess.run([found, "-c", ask], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path)
    assert answer.stdout.strip() == GOLDEN


def interpreter(version: str) -> str | None:
    """A Python of this version: on the path, or among pyenv's, whose shims answer only for the chosen version."""
    candidates = [shutil.which(f"python{version}")]
    candidates += map(str, pathlib.Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in filter(None, candidates):
        try:
            said = subprocess.run([candidate, "--version"], capture_output=True, text=True, timeout=20)
        except OSError:
            continue
        if said.returncode == 0 and said.stdout.startswith(f"Python {version}."):
            return candidate
    return None
