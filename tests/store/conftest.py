"""Each test of the store runs twice: on SQLite, and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from stores import POSTGRES, SQLITE, People, Place, PostgresPlaces, SqlitePlaces, TestClock
from tokenguard.store.store import Store


@pytest.fixture(scope="session")
def sqlite_places(tmp_path_factory: pytest.TempPathFactory) -> SqlitePlaces:
    return SqlitePlaces(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def cluster() -> postgres.Cluster:
    found = postgres.shared_cluster()
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    return found


@pytest.fixture
def sqlite_place(sqlite_places: SqlitePlaces, tmp_path: Path) -> Iterator[Place]:
    place = sqlite_places.place(tmp_path)
    yield place
    place.close()


@pytest.fixture
def postgres_place(cluster: postgres.Cluster) -> Iterator[Place]:
    places = PostgresPlaces(cluster)
    place = places.place()
    yield place
    place.close()
    places.drop(place)


@pytest.fixture(params=[SQLITE, POSTGRES])
def place(request: pytest.FixtureRequest) -> Place:
    """A store that was just made, on either database; not opened yet."""
    found: Place = request.getfixturevalue("sqlite_place" if request.param == SQLITE else "postgres_place")
    return found


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def store(place: Place, clock: TestClock) -> Store:
    """The same, open, on the test's clock."""
    return place.open(clock=clock)


@pytest.fixture
def people(store: Store) -> People:
    return People(store)
