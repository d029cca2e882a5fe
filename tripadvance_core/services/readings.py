"""All records of an installation, read once, as lines of JSON that a hash measures."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tripadvance_core.services.backup_archive import LEFT_OUT, Records
from tripadvance_core.storage.database import Database, Document
from tripadvance_core.storage.objects import files_named_in
from tripadvance_core.storage.walking import every_document


@dataclass(frozen=True)
class Reading:
    """What the records measure, which files they name, and where their lines lie.

    ``files`` has the hashes that each key is known by.
    """

    records: Mapping[str, Records]
    files: Mapping[str, set[str]]
    folder: Path

    def lines(self, collection: str) -> Path:
        """Return the file with the records of a collection, one document a line."""
        return _lines(self.folder, collection)

    def documents(self, collection: str) -> Iterator[Document]:
        """Give the records of a collection."""
        with self.lines(collection).open("rb") as lines:
            for line in lines:
                yield json.loads(line)


def read_records(database: Database, folder: Path) -> Reading:
    """Write all records but those of the moment into files of a folder."""
    records = {}
    files: dict[str, set[str]] = defaultdict(set)
    for name in database.collections():
        if name in LEFT_OUT:
            continue
        digest, count = hashlib.sha256(), 0
        with _lines(folder, name).open("wb") as lines:
            for document in every_document(database, name):
                line = _line(_kept(name, document))
                lines.write(line)
                digest.update(line)
                count += 1
                for file in files_named_in(document):
                    files[file.key].add(file.sha256)
            size = lines.tell()
        records[name] = Records(count=count, sha256=digest.hexdigest(), size_bytes=size)
    return Reading(records, files, folder)


def _lines(folder: Path, collection: str) -> Path:
    return folder / f"{collection}.jsonl"


def _kept(collection: str, document: Document) -> Document:
    """Leave out what changes all the time and nobody goes on with after a crash.

    The id stands first, where MongoDB puts it whatever was sent.
    """
    kept = {"_id": document["_id"], **document}
    if collection == "training_runs":
        kept["under_way"] = None
    return kept


def _line(document: Document) -> bytes:
    text: str = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"
