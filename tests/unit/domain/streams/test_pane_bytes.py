"""Registers as bytes: what goes in comes out, golden bytes, and nothing else is taken for a register."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams import distinct, pane_bytes, sketch
from wayfare.domain.streams.panes import PaneRegister

GOLDEN_FULL = "22b2adefee5491d29f02ba3470f4239f0ee2f750d52f3479ca0285159682aab4"


def _register(counts: dict[int, int], full: bool, offset: int = 258) -> PaneRegister:
    cells = np.array(sorted(counts), np.int64)
    numbers = np.array([counts[c] for c in sorted(counts)], np.uint32)
    table = registers = None
    if full:
        table, registers = sketch.empty(), distinct.empty()
        sketch.add(table, cells, numbers)
        distinct.add(registers, sketch.mix(cells))
    return PaneRegister(
        "sf", "cabs_available", "driver-pings", 3, 77, offset, 4_620_500, full, int(numbers.sum()),
        cells, numbers, table, registers,
    )  # fmt: skip


def _equal(a: PaneRegister, b: PaneRegister) -> bool:
    def plain(register: PaneRegister) -> dict[str, object]:
        values = {f.name: getattr(register, f.name) for f in dataclasses.fields(register)}
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}

    return plain(a) == plain(b)


@given(st.dictionaries(st.integers(0, 2**32 - 1), st.integers(1, 2**20), max_size=40), st.booleans())
def test_a_register_is_what_its_bytes_say(counts, full):
    register = _register(counts, full)
    data = pane_bytes.encode(register)
    assert _equal(pane_bytes.decode(register.key, data), register)
    assert pane_bytes.offset_of(data) == register.covers_offset


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_bytes_order_by_the_offset_they_begin_with(a, b):
    first, second = (pane_bytes.encode(_register({5: 1}, False, offset))[:8] for offset in (a, b))
    assert (first < second) == (a < b)


def test_the_exact_form_has_the_bytes_of_every_release():
    data = pane_bytes.encode(pane_bytes.exact(_register({9: 2, 300: 1}, True)))
    assert data.hex() == (
        "0000000000000102" "01" "01" "00000000004680d4" "0000000000000003" "00000002"
        "0900000000000000" "2c01000000000000" "02000000" "01000000"
    )  # fmt: skip


def test_the_full_form_has_the_bytes_of_every_release():
    data = pane_bytes.encode(_register({9: 2, 300: 1}, True))
    assert hashlib.sha256(data).hexdigest() == GOLDEN_FULL


def test_past_the_exact_cells_the_live_form_keeps_the_sketch():
    register = dataclasses.replace(
        _register({9: 2, 300: 1}, True), cells=np.zeros(0, np.int64), counts=np.zeros(0, np.uint32)
    )
    assert pane_bytes.exact(register).sketch is not None


@given(st.binary(max_size=120))
def test_other_bytes_are_refused_with_a_reason(data):
    with pytest.raises(InvalidInput, match="got"):
        pane_bytes.decode("sf|cabs_available|driver-pings|3|77", data)


@given(st.data())
def test_a_register_cut_anywhere_is_refused(data):
    whole = pane_bytes.encode(_register({9: 2, 300: 1}, True))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(InvalidInput, match="got"):
        pane_bytes.decode("sf|cabs_available|driver-pings|3|77", whole[:cut])


def test_a_key_that_names_no_register_is_refused():
    with pytest.raises(InvalidInput, match="got"):
        pane_bytes.decode("sf|cabs_available", pane_bytes.encode(_register({}, False)))
