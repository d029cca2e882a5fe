"""The archive of a backup: a zip of records and files, each proven by its checksum.

========================  ==============================================================
``documents/<name>.jsonl``  the records of a collection, one JSON document a line
``objects/<key>``           the stored files that records name
``manifest.json``           what must be there: counts, sizes and SHA-256 of all the rest
========================  ==============================================================

The manifest is written last, and its own bytes are held by the zip's checksum. No name
in the archive is ever a path: keys are checked as those of any object.
"""

import hashlib
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from pydantic import Field, ValidationError

from tripadvance_core.domain.entities import StoredFile, Value
from tripadvance_core.domain.times import Moment
from tripadvance_core.errors import Corrupted, Outdated, Refused
from tripadvance_core.services.migrations import NEWEST
from tripadvance_core.storage.database import Document
from tripadvance_core.storage.documents import check_collection, check_document
from tripadvance_core.storage.keys import check_key

FORMAT: Final = 1
"""The newest form of archives that this version writes and reads."""

LEFT_OUT: Final = frozenset(
    {"sessions", "login_attempts", "links", "leases", "installation"}
)
"""Collections of the moment, and secrets that people hold at a browser."""

_MANIFEST: Final = "manifest.json"
_MOST_MANIFEST_BYTES: Final = 2**28
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
"""What Python's zipfile raises at bytes that are no sound archive."""


class Records(Value):
    """The records of one collection, as they lie in the archive."""

    count: int = Field(ge=0)
    sha256: str
    size_bytes: int = Field(ge=0)


class Manifest(Value):
    """What an archive holds, and of which version its records are.

    ``lost`` are keys of files that could not be kept.
    """

    format: int
    schema_version: int
    version: str
    made_at: Moment
    records: dict[str, Records]
    files: tuple[StoredFile, ...]
    lost: tuple[str, ...] = ()


def records_name(collection: str) -> str:
    """Return the name of a collection's records in the archive."""
    return f"documents/{collection}.jsonl"


def add_file(archive: zipfile.ZipFile, file: StoredFile, content: bytes) -> None:
    """Add a stored file."""
    archive.writestr(_file_name(file), content)


def add_manifest(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Add what must be there, after everything else."""
    archive.writestr(_MANIFEST, manifest.model_dump_json())


def _file_name(file: StoredFile) -> str:
    return f"objects/{file.key}"


class BackupArchive:
    """An archive that was proven as a whole before anything of it is used."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self.manifest = manifest

    def records(self, collection: str) -> Iterator[Document]:
        """Give the records of a collection."""
        with self._archive.open(records_name(collection)) as lines:
            for line in lines:
                yield json.loads(line)

    def content(self, file: StoredFile) -> bytes:
        """Return the bytes of a stored file."""
        return self._archive.read(_file_name(file))


@contextmanager
def opened_archive(path: Path) -> Iterator[BackupArchive]:
    """Open a backup and prove every byte of it.

    Raises
    ------
    Corrupted
        ``BACKUP_DAMAGED`` where it is cut short, changed, or no backup at all.
    Outdated
        ``BACKUP_OF_NEWER_VERSION`` where this version cannot read it.
    Refused
        ``BACKUP_UNREADABLE`` where there is no such file, or it may not be read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise Refused("BACKUP_UNREADABLE", file=path, problem=error.strerror) from error
    with file:
        try:
            archive = zipfile.ZipFile(file)
            manifest = _manifest(archive)
            _prove(archive, manifest)
        except _UNREADABLE as error:
            raise Corrupted("BACKUP_DAMAGED", file=path) from error
        yield BackupArchive(archive, manifest)


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    entry = archive.getinfo(_MANIFEST)
    if entry.file_size > _MOST_MANIFEST_BYTES:
        raise ValueError("the manifest is too large")
    document = json.loads(archive.read(entry))
    if isinstance(document, dict) and _is_newer(document):
        raise Outdated("BACKUP_OF_NEWER_VERSION", version=document.get("version"))
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        raise ValueError("the manifest is none") from error


def _is_newer(manifest: Document) -> bool:
    known = {"format": FORMAT, "schema_version": NEWEST}
    return any(
        isinstance(found := manifest.get(name), int) and found > newest
        for name, newest in known.items()
    )


def _prove(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Raise one of ``_UNREADABLE`` unless the archive is what its manifest says."""
    expected = [
        _MANIFEST,
        *map(records_name, manifest.records),
        *map(_file_name, manifest.files),
    ]
    if sorted(expected) != sorted(archive.namelist()):
        raise ValueError("the manifest names other entries")
    for name, records in manifest.records.items():
        _prove_records(archive, name, records)
    for file in manifest.files:
        check_key(file.key)
        with archive.open(_file_name(file)) as content:
            if _measured(content) != (file.sha256, file.size_bytes):
                raise ValueError(f"{file.key} has changed")


def _prove_records(archive: zipfile.ZipFile, name: str, records: Records) -> None:
    check_collection(name)
    if name in LEFT_OUT:
        raise ValueError(f"a backup holds no {name}")
    count = 0
    digest = hashlib.sha256()
    with archive.open(records_name(name)) as lines:
        for line in lines:
            check_document(json.loads(line))
            digest.update(line)
            count += 1
    if (digest.hexdigest(), count) != (records.sha256, records.count):
        raise ValueError(f"{name} has changed")


def _measured(content: IO[bytes]) -> tuple[str, int]:
    digest = hashlib.file_digest(content, "sha256")  # type: ignore[arg-type]
    return digest.hexdigest(), content.tell()
