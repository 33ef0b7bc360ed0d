"""A thousand rows with one statement, and with next to no Python for each.

SQLAlchemy writes out a parameter for each value and a dict for each row; of 1,000 that takes three to six times as long
as the statement itself (keyed hashes looked up: 6.8 ms against 2.5; events inserted: 16 ms against 5). So a few
statements are written as text here. Names come from the tables, values are parameters of the driver.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Table, Text, any_, func, literal, select


def insert_into(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, in the words of its database; the other one's need not be imported."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)
    from sqlalchemy.dialects.postgresql import insert

    return insert(table)


def among(connection: Connection, key: Column[str], values: Collection[str]) -> ColumnElement[bool]:
    """The condition that `key`, a text, is among `values`: one parameter, however many they are."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(json.dumps(list(values))).table_valued("value")
        return key.in_(select(each.c.value))
    return key == any_(literal(list(values), ARRAY(Text)))


def rows_where(  # noqa: PLR0913, PLR0917 - a statement's parts
    connection: Connection,
    columns: Sequence[Column[Any]],
    key: Column[Any],
    values: Collection[object],
    more: str = "",
    join: str = "",
) -> Sequence[Sequence[Any]]:
    """`columns` of the rows whose `key` is among `values`. `join`, `more`: SQL between and after, no parameters."""
    if not values:
        return ()
    condition, parameters = _among(connection, key, values)
    names = ", ".join(map(str, columns))
    statement = f"SELECT {names} FROM {key.table.name} {join} WHERE {condition} {more}"  # noqa: S608 - our own names
    return connection.exec_driver_sql(statement, parameters).all()


def update_where(
    connection: Connection, changes: Mapping[Column[Any], object], key: Column[Any], values: Collection[object]
) -> int:
    """Set `changes` in the rows whose `key` is among `values`, and in which the first changed column is NULL.

    Gives how many these were.
    """
    mark = _mark(connection)
    condition, parameters = _among(connection, key, values)
    sets = ", ".join(f"{column.name} = {mark}" for column in changes)
    unset = f"{next(iter(changes)).name} IS NULL"
    statement = f"UPDATE {key.table.name} SET {sets} WHERE {condition} AND {unset}"  # noqa: S608 - as above
    return connection.exec_driver_sql(statement, (*changes.values(), *parameters)).rowcount


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[object, ...]], more: str = ""
) -> int:
    """Insert rows of these columns, and give how many. `more`: SQL after that, such as what happens on a conflict."""
    if not rows:
        return 0
    names = ", ".join(table.c[column].name for column in columns)
    marks = ", ".join([_mark(connection)] * len(columns))
    statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {more}"  # noqa: S608 - as above
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def _among(connection: Connection, key: Column[Any], values: Collection[object]) -> tuple[str, tuple[object, ...]]:
    if connection.dialect.name == "sqlite":
        return f"{key} IN ({', '.join('?' * len(values))})", tuple(values)
    return f"{key} = ANY(%s)", (list(values),)


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "%s"
