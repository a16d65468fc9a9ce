"""JSON read strictly (RFC 8259 and the I-JSON profile, RFC 7493): what two readers could understand differently is refused.

Refused: bytes that are not UTF-8, NaN and infinities, a name twice in one object, nesting deeper than `MAX_DEPTH`,
numbers of more than `MAX_DIGITS` characters or too large for a double, lone surrogates.

Most bodies are read by orjson, which refuses all of these but names that stand twice: a body without a backslash has two
quotes for each name and text, so a name that was dropped shows in their number. What is unusual (a backslash, a long run of
digits, deep nesting) or refused goes to Python's own decoder, which can say where and why.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

import orjson

MAX_DEPTH = 32
MAX_DIGITS = 64


class NotJson(Exception):
    """The bytes are not JSON that can be understood in one way only."""


def loads(body: bytes) -> Any:
    """The value of `body`; NotJson, with a sentence to act on, when it is not strict JSON."""
    if b"\\" not in body and _LONG_NUMBER not in body.translate(_DIGITS_ALIKE):
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return read_slowly(body)
        if 2 * _texts(value) == body.count(b'"'):
            return value
    return read_slowly(body)


_LONG_NUMBER = b"0" * 18
"""Shorter ones fit 64 bits, and every number made of them has fewer than `MAX_DIGITS` characters."""
_DIGITS_ALIKE = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else 0 for byte in range(256))


def _texts(value: Any) -> int:
    """How many names and texts a value holds; -1 when it is nested deeper than `MAX_DEPTH`."""
    found = int(type(value) is str)
    level = [value]
    for _ in range(MAX_DEPTH):
        children: list[Any] = []
        for parent in level:
            if type(parent) is dict:
                found += len(parent)
                children += parent.values()
            elif type(parent) is list:
                children += parent
        kinds = list(map(type, children))
        found += kinds.count(str)
        if dict not in kinds and list not in kinds:
            return found
        level = [child for child in children if type(child) is dict or type(child) is list]
    return -1


def read_slowly(body: bytes) -> Any:
    """`loads` by Python's own decoder."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 at byte {error.start}, got {body[error.start : error.start + 4].hex()}") from error
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        got = repr(text[error.pos : error.pos + 20]) if error.pos < len(text) else "the end"
        raise NotJson(f"{error.msg} at line {error.lineno} column {error.colno}, got {got}") from error
    except RecursionError as error:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels, got more") from error
    _check_depth(value)
    if "\\u" in text:
        _check_surrogates(value)
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise NotJson(f"a name may stand once in an object, got {twice[:64]!r} twice")
    return found


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise NotJson(f"a number has at most {MAX_DIGITS} characters, got {len(text)}")
    return int(text)


def _fraction(text: str) -> float:
    if len(text) > MAX_DIGITS:
        raise NotJson(f"a number has at most {MAX_DIGITS} characters, got {len(text)}")
    value = float(text)
    if math.isinf(value):
        raise NotJson(f"a number must fit a double, got {text}")
    return value


def _constant(name: str) -> NoReturn:
    raise NotJson(f"a number must be finite, got {name}")


def _check_depth(value: Any) -> None:
    depth = 0
    level = [value] if isinstance(value, dict | list) else []
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise NotJson(f"nested deeper than {MAX_DEPTH} levels, got more")
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise NotJson(f"text must be Unicode, got the lone surrogate {error.object[error.start]!a}") from error


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_fraction, parse_constant=_constant
)
