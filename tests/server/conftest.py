"""Servers for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import postgres
from server.serving import Api, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for a file's tests, without rate limits. Each test makes what it changes."""
    folder: Path = tmp_path_factory.mktemp("server")
    with serving(folder / "store.db", folder) as running:
        yield running


@pytest.fixture(scope="session")
def new_postgres() -> Callable[[], str]:
    """Gives the URL of a new, empty database each time."""
    cluster = postgres.shared_cluster()
    if cluster is None:
        pytest.skip("PostgreSQL is not installed")
    return lambda: cluster.url(cluster.database())
