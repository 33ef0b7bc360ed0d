"""Hours of use: read from a line, and written as one that reads as the same hours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenguard.model.expected_hours import ExpectedHours, read_hours


@pytest.mark.parametrize(
    ("text", "hours", "written"),
    [
        ("8-18", ExpectedHours(8, 18), "08-18 UTC"),
        ("22-6", ExpectedHours(22, 6), "22-06 UTC"),
        (" Mon-Fri 8-18 +2 ", ExpectedHours(8, 18, frozenset(range(5)), 2), "mon-fri 08-18 UTC+2"),
        ("sat-mon 0-24 utc-5", ExpectedHours(0, 24, frozenset({5, 6, 0}), -5), "mon,sat-sun 00-24 UTC-5"),
        ("mon,wed 9-10 UTC", ExpectedHours(9, 10, frozenset({0, 2})), "mon,wed 09-10 UTC"),
    ],
)
def test_a_line(text: str, hours: ExpectedHours, written: str) -> None:
    assert read_hours(text) == hours
    assert str(hours) == written


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not hours"),
        ("8", "is not hours"),
        ("office hours", "is not hours"),
        ("8-18-20", "is not hours"),
        ("8-18 CET", "is not hours"),
        ("24-3", "an hour that no day has"),
        ("8-25", "an hour that no day has"),
        ("monday 8-18", "a day that is none of mon"),
        ("mon-friday 8-18", "a day that is none of mon"),
        ("mon- 8-18", "a day that is none of mon"),
        ("8-18 +15", "an offset from UTC"),
    ],
)
def test_what_is_no_line(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_hours(text)


@given(
    st.builds(
        ExpectedHours,
        st.integers(0, 23),
        st.integers(0, 24),
        st.frozensets(st.integers(0, 6), min_size=1),
        st.integers(-14, 14),
    )
)
def test_what_is_written_reads_as_the_same(hours: ExpectedHours) -> None:
    assert read_hours(str(hours)) == hours
