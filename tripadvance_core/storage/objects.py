"""What the services ask of an object store, and the checksum that guards it."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol

from tripadvance_core.domain.entities import StoredFile
from tripadvance_core.errors import Corrupted, NotFound

_DIGITS_OF_A_KEY = 12


class ObjectStore(Protocol):
    """Bytes by key. Keys are made by the services, never taken from a user.

    Every method raises ``Unavailable`` (``OBJECTS_UNAVAILABLE``) when the store does
    not answer.
    """

    @property
    def address(self) -> str:
        """Where the objects lie, for people."""

    def put(self, key: str, content: bytes) -> None:
        """Store bytes so that a reader sees all of them or the former ones."""

    def get(self, key: str) -> bytes:
        """Return the bytes; ``NotFound`` (``OBJECT_NOT_FOUND``) if there are none."""

    def exists(self, key: str) -> bool:
        """Tell whether there is an object of that key."""

    def delete(self, key: str) -> None:
        """Remove the object if it is there."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Go through the keys that start with ``prefix``, in order."""

    def keys_before(self, moment: datetime) -> Iterator[str]:
        """Go through the keys of objects last written before a moment, in order."""

    def delete_before(self, key: str, moment: datetime) -> bool:
        """Remove an object if it was last written before a moment; tell whether.

        One that is put again at the same time stays.
        """

    def discard_unfinished(self, moment: datetime) -> list[str]:
        """Remove what is left of puts that began before a moment and never ended.

        Return names of it, for the log.
        """

    def ensure(self) -> None:
        """Create the folder or bucket if it is not there, and check it can be used."""


def store_file(objects: ObjectStore, key: str, content: bytes) -> StoredFile:
    """Store bytes and return the record that proves them."""
    objects.put(key, content)
    return StoredFile(
        key=key, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content)
    )


def store_apart(
    objects: ObjectStore, folder: str, name: str, content: bytes
) -> StoredFile:
    """Store bytes under a key that other bytes never have; ``name`` ends it.

    A process that stood still past its lease may still write. What it makes by then
    may differ from what its successor has recorded, and must not take its place.
    """
    digest = hashlib.sha256(content).hexdigest()[:_DIGITS_OF_A_KEY]
    return store_file(objects, f"{folder}/{digest}/{name}", content)


def load_file(objects: ObjectStore, file: StoredFile) -> bytes:
    """Return the bytes of a stored file, proven to be those that were stored.

    Raises
    ------
    Corrupted
        ``CHECKSUM_MISMATCH`` when they are not.
    """
    content = objects.get(file.key)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise Corrupted("CHECKSUM_MISMATCH", key=file.key)
    return content


def files_named_in(value: Any) -> Iterator[StoredFile]:
    """Give every stored file that a document names, however deep."""
    match value:
        case {"key": str(), "sha256": str(), "size_bytes": int()} if len(value) == 3:
            yield StoredFile.model_validate(value)
        case dict():
            for inner in value.values():
                yield from files_named_in(inner)
        case list():
            for inner in value:
                yield from files_named_in(inner)


def load_if_sound(objects: ObjectStore, file: StoredFile | None) -> bytes | None:
    """Return the bytes of a stored file, None where they are lost or damaged.

    For work that such a file must not stop: the night, which needs it, holds it.
    """
    try:
        return None if file is None else load_file(objects, file)
    except (NotFound, Corrupted):
        return None
