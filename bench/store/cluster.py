"""A throw-away PostgreSQL, where its programs are installed: that of the tests."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from typing import Any

from bench.tools import CHECKOUT


def started(closing: ExitStack) -> str | None:
    """The URL of an empty database of a server that ends with `closing`; None: PostgreSQL is not installed here."""
    postgres = _tests_postgres()
    if postgres is None or postgres.program("postgres") is None:
        return None
    cluster = closing.enter_context(postgres.cluster())
    return str(cluster.url(cluster.database()))


def _tests_postgres() -> Any:
    """The module of the tests, by its place: their folder is on no path here. None: without psycopg."""
    spec = importlib.util.spec_from_file_location("postgres", CHECKOUT / "tests" / "postgres.py")
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError:
        return None
    return module
