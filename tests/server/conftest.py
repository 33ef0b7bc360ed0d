"""Servers for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def postgres_database() -> Iterator[str]:
    """The URL of a new, empty database."""
    cluster = postgres.shared_cluster()
    if cluster is None:
        pytest.skip("PostgreSQL is not installed")
    name = cluster.database()
    yield cluster.url(name)
    cluster.drop(name)
