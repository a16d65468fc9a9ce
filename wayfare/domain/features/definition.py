"""A hash of what a function means: its code and all domain code and constants that it refers to.

Comments, docstrings, annotations, layout and the place of a file do not change it; any change of logic or of a
constant does, however deep. The form hashed is a normal form of the syntax tree that does not depend on the Python
version (3.11 to 3.13 differ in empty and added fields only), so that a trainer and a server of different patch
versions agree. Code outside the domain (NumPy, the standard library) enters by the names it is called by.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import json
import sys
import textwrap
import types
from collections.abc import Iterator, Mapping
from typing import Any

_WITHOUT_MEANING = frozenset({"ctx", "type_comment", "kind", "annotation", "returns", "type_params"})


def definition_hash(*definitions: Any, package: str = "wayfare.domain") -> str:
    """Hash of functions or classes together: 16 hexadecimal digits. Only code of `package` is followed.

    Raises OSError when the source of a definition cannot be read.
    """
    parts = [_hash(definition, package, ()) for definition in definitions]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _hash(value: Any, package: str, outer: tuple[str, ...]) -> str:
    """Hash of one definition or constant; a definition met again inside itself counts by its name."""
    value = inspect.unwrap(value) if callable(value) else value
    if not isinstance(value, types.FunctionType | type):
        return _constant(value)
    name = f"{value.__module__}.{value.__qualname__}"
    if name in outer:
        return f"again {value.__qualname__}"
    if not name.startswith(package + "."):
        return f"outside {value.__qualname__}"
    tree = _source(value)
    scope = vars(sys.modules[value.__module__])
    refers = {
        text: _hash(found, package, (*outer, name)) for text, found in sorted(_references(tree, scope, package).items())
    }
    described = json.dumps([_normal(tree), refers])
    return hashlib.sha256(described.encode()).hexdigest()


@functools.cache
def _source(value: Any) -> ast.AST:
    tree = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    assert isinstance(tree, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
    # The caller's code holds the name that it refers by.
    tree.name = ""
    return tree


def _references(tree: ast.AST, scope: Mapping[str, Any], package: str) -> dict[str, Any]:
    """Names, and attributes of the package's modules, that the code reads and the module's scope defines."""
    found: dict[str, Any] = {}
    for node in _meaningful(tree):
        if isinstance(node, ast.Name) and node.id in scope:
            value = scope[node.id]
            if not isinstance(value, types.ModuleType):
                found[node.id] = value
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = scope.get(node.value.id)
            if isinstance(module, types.ModuleType) and module.__name__.startswith(package + "."):
                found[f"{node.value.id}.{node.attr}"] = getattr(module, node.attr)
    return found


def _children(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """The fields of a node that carry meaning, docstrings left out."""
    for field, value in ast.iter_fields(node):
        if field in _WITHOUT_MEANING or value is None or value == []:
            continue
        if field == "body" and isinstance(value, list):
            value = [
                part for part in value if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
        yield field, value


def _meaningful(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for _, value in _children(node):
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _meaningful(part)


def _normal(value: Any) -> Any:
    if isinstance(value, ast.AST):
        return [type(value).__name__, [[field, _normal(part)] for field, part in _children(value)]]
    if isinstance(value, list):
        return [_normal(part) for part in value]
    return repr(value)


def _constant(value: Any) -> str:
    """Text of a constant that is equal in every process."""
    if isinstance(value, tuple | list):
        return f"({','.join(_constant(part) for part in value)})"
    if isinstance(value, frozenset | set):
        return f"{{{','.join(sorted(_constant(part) for part in value))}}}"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_constant(key)}:{_constant(part)}' for key, part in value.items())}}}"
    if isinstance(value, str | bytes | int | float | bool | type(None)):
        return repr(value)
    return f"a {type(value).__name__}"
