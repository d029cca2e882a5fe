"""The database on a server: MongoDB 6 or later."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient, ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import (
    DuplicateKeyError,
    InvalidName,
    OperationFailure,
    PyMongoError,
)

from tripadvance_core.errors import AlreadyExists, SettingRefused, Unavailable
from tripadvance_core.storage.database import Document, Order, Where
from tripadvance_core.storage.documents import (
    check_changes,
    check_collection,
    check_document,
    check_field,
    check_where,
    total_order,
)

CONNECT_MILLISECONDS = 5_000
"""How long to look for the server before saying that it does not answer."""
ANSWER_MILLISECONDS = 20_000
"""How long to wait for one answer of a server that is there."""

# Unauthorized, AuthenticationFailed, AtlasError: see MongoDB's error_codes.yml.
_UNAUTHORIZED = {13, 18, 8000}
_PATH_NOT_VIABLE = 28


class MongoDatabase:
    """Collections of one MongoDB database; see ``Database``.

    A write returns when a majority of the servers has it in its journal. The driver
    repeats reads and single writes once by itself where the server can tell that a
    write is a repetition; nothing is repeated here.

    Parameters
    ----------
    uri
        Address with user and password, which no message ever shows.
    name
        Name of the database.

    Raises
    ------
    SettingRefused
        ``MONGODB_URI_INVALID``, or ``SETTING_INVALID`` for the name.
    """

    def __init__(self, uri: str, name: str) -> None:
        self._client = _client(uri)
        # The last @, for what stands before it is the user and the password.
        self._address = urlsplit(uri).netloc.rpartition("@")[2]
        try:
            self._database = self._client[name]
        except InvalidName as error:
            self._client.close()
            raise SettingRefused(
                "SETTING_INVALID",
                variable="TRIPADVANCE_MONGODB_DATABASE",
                problem=str(error),
            ) from error

    def insert(self, collection: str, document: Document) -> None:
        check_document(document)
        with self._collection(collection) as documents:
            documents.insert_one(document)

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
        where = where or {}
        check_where(where)
        if limit == 0:  # which would be no limit to MongoDB
            return []
        with self._collection(collection) as documents:
            found = documents.find(where, sort=total_order(order))
            return list(found.skip(skip).limit(limit or 0))

    def count(self, collection: str, where: Where | None = None) -> int:
        where = where or {}
        check_where(where)
        with self._collection(collection) as documents:
            return documents.count_documents(where)

    def total(self, collection: str, field: str, where: Where | None = None) -> int:
        where = where or {}
        check_field(field)
        check_where(where)
        stages: list[dict[str, Any]] = [
            {"$match": where},
            {"$group": {"_id": None, "total": {"$sum": f"${field}"}}},
        ]
        with self._collection(collection) as documents:
            summed = list(documents.aggregate(stages))
        return int(summed[0]["total"]) if summed else 0

    def update(self, collection: str, where: Where, changes: Mapping[str, Any]) -> int:
        check_where(where)
        check_changes(changes)
        with self._collection(collection) as documents:
            result = documents.update_many(where, {"$set": changes})
        return result.matched_count

    def update_first(
        self,
        collection: str,
        where: Where,
        changes: Mapping[str, Any],
        *,
        order: Order = (),
    ) -> Document | None:
        check_where(where)
        check_changes(changes)
        with self._collection(collection) as documents:
            return documents.find_one_and_update(
                where,
                {"$set": changes},
                sort=total_order(order),
                return_document=ReturnDocument.AFTER,
            )

    def put(self, collection: str, document: Document) -> None:
        check_document(document)
        with self._collection(collection) as documents:
            documents.replace_one({"_id": document["_id"]}, document, upsert=True)

    def delete(self, collection: str, where: Where) -> int:
        check_where(where)
        with self._collection(collection) as documents:
            return documents.delete_many(where).deleted_count

    def ensure_index(
        self, collection: str, fields: Sequence[str], *, unique: bool = False
    ) -> None:
        for field in fields:
            check_field(field)
        with self._collection(collection) as documents:
            documents.create_index(list(fields), unique=unique)

    def collections(self) -> list[str]:
        with self._translated():
            names = self._database.list_collection_names()
        return sorted(name for name in names if not name.startswith("system."))

    def ping(self) -> None:
        with self._translated():
            self._client.admin.command("ping")

    def version(self) -> str:
        with self._translated():
            return f"MongoDB {self._client.server_info()['version']}"

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _collection(self, name: str) -> Iterator[Collection[Document]]:
        check_collection(name)
        with self._translated(name):
            yield self._database[name]

    @contextmanager
    def _translated(self, collection: str = "") -> Iterator[None]:
        try:
            yield
        except DuplicateKeyError as error:
            raise AlreadyExists("DOCUMENT_EXISTS", collection=collection) from error
        except OperationFailure as error:
            raise self._failure(error) from error
        except PyMongoError as error:
            raise self._unavailable(error) from error

    def _failure(self, error: OperationFailure) -> Exception:
        if error.code == _PATH_NOT_VIABLE:
            return ValueError("a field can be set only within an object")
        if error.code in _UNAUTHORIZED:
            return Unavailable("DATABASE_UNAUTHORIZED", address=self._address)
        return self._unavailable(error)

    def _unavailable(self, error: PyMongoError) -> Unavailable:
        """Name the kind of error alone: the driver's text may quote documents."""
        return Unavailable(
            "DATABASE_UNAVAILABLE",
            address=self._address,
            problem=type(error).__name__,
        )


def _client(uri: str) -> MongoClient[Document]:
    if not uri.startswith(("mongodb://", "mongodb+srv://")):
        raise SettingRefused("MONGODB_URI_INVALID")
    try:
        return MongoClient(
            uri,
            appname="tripadvance",
            w="majority",
            journal=True,
            serverSelectionTimeoutMS=CONNECT_MILLISECONDS,
            connectTimeoutMS=CONNECT_MILLISECONDS,
            socketTimeoutMS=ANSWER_MILLISECONDS,
        )
    except (PyMongoError, ValueError, OSError):
        # Without its cause, whose text may quote the password.
        raise SettingRefused("MONGODB_URI_INVALID") from None
