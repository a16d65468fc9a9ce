"""Bodies and query strings against their models: all troubles at once, as pointers and sentences.

Sentences are made from the model's own JSON schema, so that what is said and what `/openapi.json` promises agree.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from wayfare.runtime.web.problems import Trouble, invalid

MAX_TROUBLES = 100
MAX_SHOWN = 64

M = TypeVar("M", bound=BaseModel)


def read_body(model: type[M], value: Any) -> M:
    """The model of a parsed body; Refusal 422 with every trouble."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(_troubles(model, error, "field")) from error


def read_query(model: type[M], arguments: Mapping[str, Sequence[str]]) -> M:
    """The model of a query string, as name -> values given; Refusal 422 with every trouble."""
    twice = [
        Trouble(pointer([name]), f"must be given once, got {len(values)} values")
        for name, values in arguments.items()
        if len(values) > 1
    ]
    if twice:
        raise invalid(twice[:MAX_TROUBLES])
    try:
        return model.model_validate_strings({name: values[0] for name, values in arguments.items()})
    except ValidationError as error:
        raise invalid(_troubles(model, error, "parameter")) from error


def pointer(path: Sequence[str | int]) -> str:
    """RFC 6901.

    >>> pointer(["pings", 3, "a/b~c"])
    '/pings/3/a~1b~0c'
    """
    return "".join("/" + _short(str(part)).replace("~", "~0").replace("/", "~1") for part in path)


def shown(value: Any) -> str:
    """A received value in a sentence, shortened when huge.

    >>> shown("x" * 100)[-4:], shown(None), shown(1.5)
    ('xxx…', 'null', '1.5')
    """
    if isinstance(value, dict):
        return f"an object of {len(value)} fields" if len(value) > 3 else _dumped(value)
    if isinstance(value, list):
        return f"a list of {len(value)} items" if len(value) > 3 else _dumped(value)
    return _dumped(value)


def _dumped(value: Any) -> str:
    try:
        return _short(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError):
        return _short(repr(value))


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _troubles(model: type[BaseModel], error: ValidationError, kind: str) -> list[Trouble]:
    found = [
        Trouble(pointer(problem["loc"]), _sentence(problem, _schema_at(model, problem["loc"]), kind))
        for problem in error.errors(include_url=False)[:MAX_TROUBLES]
    ]
    if error.error_count() > MAX_TROUBLES:
        found.append(Trouble("", f"more problems are not listed, got {error.error_count()} in all"))
    return found


@functools.cache
def _json_schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _schema_at(model: type[BaseModel], path: Sequence[str | int]) -> Mapping[str, Any]:
    """The part of the model's JSON schema that describes the value at `path`; empty when there is none."""
    whole = _json_schema(model)
    at: Mapping[str, Any] = whole
    for part in [None, *path]:
        if isinstance(part, int):
            at = at.get("items", {})
        elif part is not None:
            at = at.get("properties", {}).get(part, {})
        at = next((choice for choice in at.get("anyOf", ()) if choice.get("type") != "null"), at)
        if "$ref" in at:
            at = whole.get("$defs", {}).get(at["$ref"].rsplit("/", 1)[-1], {})
    return at


_TYPES = {
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "string_type": "must be text",
    "string_unicode": "must be Unicode text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "finite_number": "must be a finite number",
    "int_parsing_size": "must be a whole number of reasonable size",
}
_SIZES = {"too_short": "items", "too_long": "items", "string_too_short": "characters", "string_too_long": "characters"}
_BOUNDS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


def _sentence(problem: ErrorDetails, schema: Mapping[str, Any], kind: str) -> str:
    code = problem["type"]
    got = shown(problem["input"])
    if code == "missing":
        return "is required, got nothing"
    if code == "extra_forbidden":
        return f"is not a known {kind}, got {got}"
    if code in _BOUNDS:
        return f"must be {_range(schema, 'imum', problem['msg'])}, got {got}"
    if code in _SIZES:
        bounds = _range(schema, "Items" if _SIZES[code] == "items" else "Length", problem["msg"])
        return f"must have {bounds} {_SIZES[code]}, got {_count(problem)}"
    if code == "string_pattern_mismatch":
        return f"must match {problem['ctx']['pattern']}, got {got}"
    if code in ("literal_error", "enum"):
        return f"must be one of {', '.join(map(str, schema.get('enum', [problem['ctx']['expected']])))}, got {got}"
    if code == "value_error":
        text = str(problem["ctx"]["error"])
        return text if ", got " in text else f"{text}, got {got}"
    if code in _TYPES:
        return f"{_TYPES[code]}, got {got}"
    return f"{problem['msg'][:1].lower()}{problem['msg'][1:]}, got {got}"


def _range(schema: Mapping[str, Any], suffix: str, otherwise: str) -> str:
    low, high = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"between {_number(low)} and {_number(high)}"
    parts = [
        f"{word} {_number(bound)}"
        for word, bound in (("at least", low), ("more than", above), ("at most", high), ("less than", below))
        if bound is not None
    ]
    return " and ".join(parts) or otherwise


def _number(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() else str(bound)


def _count(problem: ErrorDetails) -> str:
    return str(problem["ctx"].get("actual_length") or len(problem["input"]))
