import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.runtime.web.strict_json import MAX_DEPTH, NotJson, loads, read_slowly

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_whatever_json_writes_is_read_back(value):
    assert loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) == value


def _written(value, repeat):
    """JSON text of a value made of (name, value) pairs and lists; with `repeat` as a name in some objects once more."""
    if isinstance(value, list):
        return "[" + ", ".join(_written(one, repeat) for one in value) + "]"
    if isinstance(value, tuple):
        pairs = [*value, (repeat, None)] if repeat is not None and value else value
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}: {_written(v, repeat)}" for k, v in pairs) + "}"
    return value if isinstance(value, str) else json.dumps(value)


numbers = st.from_regex(r"-?[0-9]{1,22}(\.[0-9]{1,22})?([eE][-+]?[0-9]{1,4})?", fullmatch=True)
texts = st.text(st.sampled_from('ab:,"\\0{}é'), max_size=3)
written = st.recursive(
    numbers | texts.map(lambda text: json.dumps(text, ensure_ascii=False)) | st.sampled_from(["null", "true", "NaN"]),
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(texts, inner), max_size=4).map(tuple),
    max_leaves=8,
)


def _answer(read, body):
    try:
        value = read(body)
    except NotJson as error:
        return str(error)
    return repr(value)


@given(written, st.none() | texts)
def test_the_quick_way_and_the_slow_one_agree(value, repeat):
    body = _written(value, repeat).encode()
    assert _answer(loads, body) == _answer(read_slowly, body)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_refused_with_a_sentence(body):
    sentence = ", got "
    try:
        loads(body)
    except NotJson as error:
        sentence = str(error)
    assert ", got " in sentence


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,]",
        b"{'a': 1}",
        b"\xff\xfe{}",
        '{"a": "\ufeff'.encode(),
        "\ufeff{}".encode(),
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[-1e999]",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": 1, "\\u0061": 2}',
        b"[" + b"1" * 65 + b"]",
        b"[0." + b"1" * 65 + b"]",
        b'["\\ud800"]',
        b'{"\\udfff": 1}',
        b'["\x01"]',
        b"[01]",
        b"[1] [2]",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(body):
    with pytest.raises(NotJson, match="got "):
        loads(body)


def test_nesting_is_read_to_the_limit_and_refused_one_deeper():
    assert loads(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(NotJson):
        loads(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


def test_brackets_inside_text_are_not_nesting():
    assert loads(json.dumps("[" * 1000).encode()) == "[" * 1000


def test_a_pair_of_surrogates_is_one_character():
    assert loads(b'"\\ud83d\\ude95"') == "\N{TAXI}"


def test_the_largest_number_of_characters_is_read():
    assert loads(b"1" * 64) == int("1" * 64)
    assert math.isclose(loads(b"0." + b"3" * 62), 1 / 3)


def test_a_thousand_pings_are_read_in_a_few_milliseconds():
    ping = {"driver_id": "d-1", "t": "2026-11-21T08:30:00Z", "lat": 37.7749, "lon": -122.4194, "status": "available"}
    body = json.dumps({"pings": [ping] * 1000}).encode()
    best = min(_seconds(body) for _ in range(5))
    assert best < 0.05


def _seconds(body):
    began = time.perf_counter()
    loads(body)
    return time.perf_counter() - began


def test_finding_the_name_that_stands_twice_takes_no_longer_than_reading():
    names = [f'"{number}": 0' for number in range(60_000)]
    began = time.perf_counter()
    with pytest.raises(NotJson, match="'59999' twice"):
        loads(("{" + ",".join([*names, names[-1]]) + "}").encode())
    assert time.perf_counter() - began < 2
