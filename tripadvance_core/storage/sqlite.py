"""The embedded database: JSON documents in one SQLite file."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any

from tripadvance_core.errors import AlreadyExists, Unavailable
from tripadvance_core.storage.database import Document, Order, Where
from tripadvance_core.storage.documents import (
    COMPARISONS,
    check_changes,
    check_collection,
    check_document,
    check_field,
    check_where,
    total_order,
)

BUSY_SECONDS = 15.0
"""How long a write waits for those of other threads and processes."""

Sql = tuple[str, list[Any]]
"""A piece of a statement and the values bound to its question marks."""


class SqliteDatabase:
    """One table a collection, one row a document; see ``Database``.

    Threads and processes may share the file, though not over a network file system,
    on which SQLite's write-ahead log does not work.

    Parameters
    ----------
    path
        The file; it and its folder are created, open to their owner alone.

    Raises
    ------
    Unavailable
        ``DATABASE_UNAVAILABLE`` when the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._collections: set[str] = set()
        self.ping()

    def insert(self, collection: str, document: Document) -> None:
        check_document(document)
        with self._writing(collection) as connection:
            connection.execute(
                f'INSERT INTO "{collection}" (body) VALUES (?)',  # noqa: S608
                [_to_json(document)],
            )

    def get(self, collection: str, document_id: str) -> Document | None:
        return next(iter(self.find(collection, {"_id": document_id}, limit=1)), None)

    def find(
        self,
        collection: str,
        where: Where | None = None,
        *,
        order: Order = (),
        skip: int = 0,
        limit: int | None = None,
    ) -> list[Document]:
        with self._reading(collection) as connection:
            rows = _select(connection, collection, where or {}, order, limit, skip)
        return [json.loads(body) for _, body in rows]

    def count(self, collection: str, where: Where | None = None) -> int:
        condition, values = _condition(where or {})
        with self._reading(collection) as connection:
            counted = connection.execute(
                f'SELECT count(*) FROM "{collection}" WHERE {condition}',  # noqa: S608
                values,
            ).fetchone()
        return int(counted[0])

    def total(self, collection: str, field: str, where: Where | None = None) -> int:
        check_field(field)
        condition, values = _condition(where or {})
        with self._reading(collection) as connection:
            summed = connection.execute(
                f"SELECT coalesce(sum({_value(field)}), 0) "  # noqa: S608
                f'FROM "{collection}" WHERE {condition}',
                values,
            ).fetchone()
        return int(summed[0])

    def update(self, collection: str, where: Where, changes: Mapping[str, Any]) -> int:
        return len(self._change(collection, where, changes))

    def update_first(
        self,
        collection: str,
        where: Where,
        changes: Mapping[str, Any],
        *,
        order: Order = (),
    ) -> Document | None:
        changed = self._change(collection, where, changes, order=order, limit=1)
        return next(iter(changed), None)

    def put(self, collection: str, document: Document) -> None:
        check_document(document)
        with self._writing(collection) as connection:
            connection.execute(
                f'INSERT INTO "{collection}" (body) VALUES (?) '  # noqa: S608
                f"ON CONFLICT ({_value('_id')}) DO UPDATE SET body = excluded.body",
                [_to_json(document)],
            )

    def delete(self, collection: str, where: Where) -> int:
        condition, values = _condition(where)
        with self._writing(collection) as connection:
            return connection.execute(
                f'DELETE FROM "{collection}" WHERE {condition}',  # noqa: S608
                values,
            ).rowcount

    def ensure_index(
        self, collection: str, fields: Sequence[str], *, unique: bool = False
    ) -> None:
        for field in fields:
            check_field(field)
        with self._writing(collection) as connection:
            _create_index(connection, collection, fields, unique=unique)

    def collections(self) -> list[str]:
        with self._translated(), self._connection() as connection:
            tables = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            )
            return [name for (name,) in tables]

    def ping(self) -> None:
        with self._translated(), self._connection() as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get().close()

    def _change(
        self,
        collection: str,
        where: Where,
        changes: Mapping[str, Any],
        *,
        order: Order = (),
        limit: int | None = None,
    ) -> list[Document]:
        check_changes(changes)
        changed = []
        with self._writing(collection) as connection:
            for row, body in _select(connection, collection, where, order, limit):
                document = _changed(json.loads(body), changes)
                connection.execute(
                    f'UPDATE "{collection}" SET body = ? WHERE rowid = ?',  # noqa: S608
                    [_to_json(document), row],
                )
                changed.append(document)
        return changed

    @contextmanager
    def _writing(self, collection: str) -> Iterator[sqlite3.Connection]:
        with self._reading(collection) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    @contextmanager
    def _reading(self, collection: str) -> Iterator[sqlite3.Connection]:
        check_collection(collection)
        with self._translated(collection), self._connection() as connection:
            if collection not in self._collections:
                _create_table(connection, collection)
                self._collections.add(collection)
            yield connection

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Lend an idle connection, or a new one; each serves one caller at a time."""
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._idle.put(connection)

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def _translated(self, collection: str = "") -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise AlreadyExists("DOCUMENT_EXISTS", collection=collection) from error
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(
                "DATABASE_UNAVAILABLE", address=str(self._path), problem=str(error)
            ) from error


def _create_table(connection: sqlite3.Connection, collection: str) -> None:
    # In one step: who saw the table before its index could not put into it.
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        connection.execute(f'CREATE TABLE IF NOT EXISTS "{collection}" (body TEXT)')
        _create_index(connection, collection, ["_id"], unique=True)


def _create_index(
    connection: sqlite3.Connection,
    collection: str,
    fields: Sequence[str],
    *,
    unique: bool,
) -> None:
    kind = "UNIQUE INDEX" if unique else "INDEX"
    columns = ", ".join(_value(field) for field in fields)
    connection.execute(
        f'CREATE {kind} IF NOT EXISTS "{collection} by {" and ".join(fields)}" '
        f'ON "{collection}" ({columns})'
    )


def _select(
    connection: sqlite3.Connection,
    collection: str,
    where: Where,
    order: Order,
    limit: int | None,
    skip: int = 0,
) -> list[tuple[int, str]]:
    condition, values = _condition(where)
    columns = ", ".join(
        f"{_value(field)} {'ASC' if direction == 1 else 'DESC'}"
        for field, direction in total_order(order)
    )
    without_limit = -1
    return connection.execute(
        f'SELECT rowid, body FROM "{collection}" WHERE {condition} '  # noqa: S608
        f"ORDER BY {columns} LIMIT ? OFFSET ?",
        [*values, without_limit if limit is None else limit, skip],
    ).fetchall()


def _to_json(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _changed(document: Document, changes: Mapping[str, Any]) -> Document:
    for field, value in changes.items():
        *parents, name = field.split(".")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ValueError(f"{field}: {parent} is not an object")
        place[name] = value
    return document


# Field names stand in the statement itself, for an index is used only where its
# expression is repeated word for word; check_where has let through plain names only.
def _value(field: str) -> str:
    return f"json_extract(body, '$.{field}')"


def _kind(field: str) -> str:
    return f"ifnull(json_type(body, '$.{field}'), 'null')"


def _condition(where: Where) -> Sql:
    check_where(where)
    return _all_of(where)


def _all_of(where: Where) -> Sql:
    pieces = [
        _any_of([_all_of(alternative) for alternative in wanted])
        if field == "$or"
        else _test(field, wanted)
        for field, wanted in where.items()
    ]
    return _joined(" AND ", pieces, if_none="1")


def _any_of(pieces: list[Sql]) -> Sql:
    return _joined(" OR ", pieces, if_none="0")


def _joined(word: str, pieces: list[Sql], *, if_none: str) -> Sql:
    text = word.join(piece for piece, _ in pieces) or if_none
    return f"({text})", [value for _, values in pieces for value in values]


def _test(field: str, wanted: Any) -> Sql:
    if not isinstance(wanted, Mapping):
        return _equals(field, wanted)
    pieces = [_operator(field, operator, value) for operator, value in wanted.items()]
    return _joined(" AND ", pieces, if_none="1")


def _operator(field: str, operator: str, value: Any) -> Sql:
    if operator == "$in":
        return _one_of(field, value)
    if operator == "$ne":
        text, values = _equals(field, value)
        return f"NOT {text}", values
    return _compares(field, COMPARISONS[operator], value)


def _equals(field: str, value: Any) -> Sql:
    if value is None:
        return f"({_kind(field)} = 'null')", []
    if isinstance(value, bool):
        return f"({_kind(field)} = '{'true' if value else 'false'}')", []
    return _compares(field, "=", value)


def _compares(field: str, comparison: str, value: Any) -> Sql:
    kinds = "('text')" if isinstance(value, str) else "('integer', 'real')"
    return f"({_kind(field)} IN {kinds} AND {_value(field)} {comparison} ?)", [value]


def _one_of(field: str, choices: list[Any]) -> Sql:
    apart = [choice for choice in choices if isinstance(choice, bool | None)]
    listed = [choice for choice in choices if not isinstance(choice, bool | None)]
    one_of_them = f"{_value(field)} IN (SELECT value FROM json_each(?))"  # noqa: S608
    in_list = f"({_kind(field)} IN ('text', 'integer', 'real') AND {one_of_them})"
    return _any_of(
        [
            *(_equals(field, choice) for choice in apart),
            (in_list, [json.dumps(listed)]),
        ]
    )
