import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.errors import InvalidInput
from wayfare.domain.times import format_rfc3339, parse_rfc3339


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_time_is_the_same_after_the_wire(ms):
    assert parse_rfc3339(format_rfc3339(ms)) == ms


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-21", "2026-11-21T08:30:00", "2026-11-21T08:30:00+00:00", "2026-02-30T00:00:00Z", "2026-11-21T24:30:00Z",
     "2026-11-21T08:30:60Z", "2026-11-21t08:30:00z", "2026-11-21T08:30:00.Z", "2026-11-21T08:30:00Z\n", "0000-01-01T00:00:00Z"],
)  # fmt: skip
def test_anything_but_rfc_3339_in_z_is_refused(text):
    with pytest.raises(InvalidInput, match="got"):
        parse_rfc3339(text)


def test_digits_finer_than_a_millisecond_are_cut():
    assert parse_rfc3339("1970-01-01T00:00:00.999999999Z") == 999
