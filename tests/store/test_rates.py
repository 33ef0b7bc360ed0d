"""How often somebody may ask: counted in a process, and by all processes on PostgreSQL."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from stores import Place, TestClock
from tokenguard.model.policy import RateLimit
from tokenguard.store import rates as module
from tokenguard.store.clock import SECOND
from tokenguard.store.rates import ProcessRates, Rates, SharedRates, seconds_to_wait
from tokenguard.store.tables import rate_counts

MINUTE = RateLimit(3, 60)
START = 1_800_000_000 * SECOND


@pytest.fixture(params=["process", "shared"])
def rates(request: pytest.FixtureRequest, clock: TestClock) -> Rates:
    clock.now = START
    if request.param == "process":
        return ProcessRates(clock)
    place: Place = request.getfixturevalue("postgres_place")
    return SharedRates(place.open().database, clock)


def taken(rates: Rates, *limits: RateLimit, bucket: str = "a", times: int = 10) -> int:
    """How many of so many requests are let through."""
    return sum(rates.take(bucket, limits) == 0 for _ in range(times))


def test_so_many_and_no_more(rates: Rates, clock: TestClock) -> None:
    assert START // SECOND % 60 == 0
    clock.turn(seconds=20)
    assert taken(rates, MINUTE) == 3
    assert rates.take("a", [MINUTE]) == pytest.approx(40)
    assert taken(rates, MINUTE, bucket="b") == 3
    clock.turn(seconds=39.9)
    assert taken(rates, MINUTE) == 0
    clock.turn(seconds=0.2)
    assert taken(rates, MINUTE) == 3


def test_no_limit(rates: Rates) -> None:
    assert taken(rates, times=50) == 50


def test_several_limits_hold_at_once_and_a_refusal_counts_in_none(rates: Rates, clock: TestClock) -> None:
    hour = RateLimit(5, 3600)
    assert taken(rates, MINUTE, hour) == 3
    clock.turn(seconds=60)
    assert taken(rates, MINUTE, hour) == 2
    assert rates.take("a", [MINUTE, hour]) == pytest.approx(3540)
    clock.turn(seconds=3540)
    assert taken(rates, MINUTE, hour) == 3


def test_a_sliding_window_does_not_open_at_its_edge(rates: Rates, clock: TestClock) -> None:
    sliding = RateLimit(10, 60, sliding=True)
    clock.turn(seconds=50)
    assert taken(rates, sliding, times=20) == 10
    wait = rates.take("a", [sliding])
    assert 10 < wait < 20
    clock.turn(seconds=10)
    assert taken(rates, sliding) == 0
    clock.turn(seconds=30)
    assert taken(rates, sliding) == 5
    # A window with nothing in it, and one more.
    clock.turn(seconds=120)
    assert taken(rates, sliding, times=20) == 10


def test_a_long_name_of_a_bucket(rates: Rates) -> None:
    names = ["x" * 1000, "x" * 999 + "\ud800"]
    assert [taken(rates, MINUTE, bucket=name) for name in names] == [3, 3]


def test_a_clock_that_is_set_back_opens_nothing(clock: TestClock) -> None:
    rates = ProcessRates(clock)
    assert taken(rates, MINUTE) == 3
    clock.turn(seconds=-120)
    assert taken(rates, MINUTE) == 0


@given(gaps=st.lists(st.floats(0, 30), max_size=60), requests=st.integers(1, 6), sliding=st.booleans())
def test_who_waits_as_long_as_told_gets_through(*, gaps: list[float], requests: int, sliding: bool) -> None:
    clock = TestClock(START)
    rates = ProcessRates(clock)
    limit = RateLimit(requests, 60, sliding=sliding)
    for gap in gaps:
        clock.turn(seconds=gap)
        wait = rates.take("a", [limit])
        assert 0 <= wait <= 120
        if wait:
            clock.turn(seconds=wait + 0.001)
            assert rates.take("a", [limit]) == 0


@given(st.integers(1, 100), st.integers(0, 200), st.integers(0, 200), st.floats(0, 59.99))
def test_a_wait_is_never_negative(requests: int, current: int, previous: int, now: float) -> None:
    for sliding in (False, True):
        assert 0 <= seconds_to_wait(RateLimit(requests, 60, sliding=sliding), now, current, previous) <= 120


def test_a_flood_of_addresses_does_not_fill_the_memory(clock: TestClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 10)
    rates = ProcessRates(clock)
    for number in range(1000):
        rates.take(str(number), [MINUTE])
    assert len(rates._counts) == 10


def test_processes_share_their_counts_exactly(postgres_place: Place) -> None:
    """Two engines, as two server processes have; 100 requests at once, room for 30."""
    shared = [SharedRates(postgres_place.open().database, TestClock(START)) for _ in range(2)]
    limit = RateLimit(30, 60)
    with ThreadPoolExecutor(10) as pool:
        waits = list(pool.map(lambda rates: rates.take("a", [limit]), itertools.islice(itertools.cycle(shared), 100)))
    assert waits.count(0.0) == 30
    database = shared[0]._database
    with database.reading() as connection:
        assert connection.execute(select(func.max(rate_counts.c.count))).scalar() == 30


def test_windows_of_long_ago_are_swept(postgres_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SWEEP_EVERY", 2)
    clock = TestClock(START)
    rates = SharedRates(postgres_place.open().database, clock)
    for _ in range(5):
        assert taken(rates, MINUTE) == 3
        clock.turn(days=3)
    with rates._database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(rate_counts)).scalar() in {1, 2}
