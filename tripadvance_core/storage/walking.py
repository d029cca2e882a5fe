"""Going through a whole collection without holding it in memory."""

from collections.abc import Iterator

from tripadvance_core.storage.database import Database, Document

_BATCH = 500


def every_document(
    database: Database, collection: str, batch: int = _BATCH
) -> Iterator[Document]:
    """Give every document of a collection, in order of their ids.

    Each is read once; one that is added meanwhile may be among them or not.
    """
    found = database.find(collection, limit=batch)
    while found:
        yield from found
        after = {"_id": {"$gt": found[-1]["_id"]}}
        found = database.find(collection, after, limit=batch)
