"""Times as the pages say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tokenguard.server.dashboard.times import exact, relative

NOW = datetime(2030, 5, 6, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(seconds=-59), "just now"),
        (timedelta(seconds=-60), "1 minute ago"),
        (timedelta(minutes=-119), "2 hours ago"),
        (timedelta(days=-1), "1 day ago"),
        (timedelta(days=90, seconds=-1), "in 90 days"),
        (timedelta(days=200), "in 7 months"),
        (timedelta(days=365), "in 12 months"),
        (timedelta(days=3650), "in 10 years"),
    ],
)
def test_a_span_is_said_in_the_unit_that_says_most(span: timedelta, expected: str) -> None:
    assert relative(NOW + span, NOW) == expected


def test_the_exact_time_is_in_utc_wherever_one_is() -> None:
    assert exact(NOW.astimezone()) == "2030-05-06 12:00:00 UTC"
