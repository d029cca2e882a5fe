"""What the services ask of a database; SQLite and MongoDB both give it.

Only what SQLite's JSON functions, MongoDB and FerretDB do alike: single documents
change atomically, and nothing spans two of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

Document = dict[str, Any]
"""A JSON object: text, numbers, booleans, None, lists and objects. ``_id`` is text."""

Where = Mapping[str, Any]
"""Field (dotted for nested ones) → value, or → ``{operator: value}``.

Operators: ``$in`` (a list), ``$ne``, ``$lt``, ``$lte``, ``$gt``, ``$gte``; and the key
``$or`` → a list of such filters. A field that is absent equals None. Comparisons are
between values of one kind; moments are text that sorts as time (domain/times.py).
"""

Order = Sequence[tuple[str, Literal[1, -1]]]
"""Fields to sort by, first one first; 1 ascending, -1 descending."""


class Database(Protocol):
    """Collections of JSON documents.

    Every method raises ``Unavailable`` (``DATABASE_UNAVAILABLE``) when the database
    does not answer in time. A write that returned is on disk.
    """

    def insert(self, collection: str, document: Document) -> None:
        """Add a document; ``AlreadyExists`` if its id or a unique value is taken."""

    def get(self, collection: str, document_id: str) -> Document | None:
        """Return one document by its id."""

    def find(
        self,
        collection: str,
        where: Where | None = None,
        *,
        order: Order = (),
        skip: int = 0,
        limit: int | None = None,
    ) -> list[Document]:
        """Return the documents that match, in order; ties fall by ``_id``.

        ``skip`` leaves out so many of the first.
        """

    def count(self, collection: str, where: Where | None = None) -> int:
        """Return how many documents match."""

    def total(self, collection: str, field: str, where: Where | None = None) -> int:
        """Return the sum of a field of whole numbers over the documents that match."""

    def update(self, collection: str, where: Where, changes: Mapping[str, Any]) -> int:
        """Set fields (dotted for nested ones) of all that match; return how many."""

    def update_first(
        self,
        collection: str,
        where: Where,
        changes: Mapping[str, Any],
        *,
        order: Order = (),
    ) -> Document | None:
        """Set fields of the first that matches, in one atomic step.

        Return the document as it is afterwards, or None if none matched. Two callers
        at once never both change a document that their change makes match no more.
        """

    def put(self, collection: str, document: Document) -> None:
        """Add a document, or replace the one of that id."""

    def delete(self, collection: str, where: Where) -> int:
        """Remove the documents that match; return how many."""

    def ensure_index(
        self, collection: str, fields: Sequence[str], *, unique: bool = False
    ) -> None:
        """Create an index if it is not there."""

    def collections(self) -> list[str]:
        """Return the names of all collections in order; some may be empty."""

    def ping(self) -> None:
        """Return if the database answers, else raise ``Unavailable``."""

    def version(self) -> str:
        """Return the name and the version of the database, for people."""

    def close(self) -> None:
        """Let go of connections and files."""
