"""Whether the stored rows of files are sound, and how many there are: here, or by Lambda."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

from tripadvance_core.domain.entities import StoredFile, Upload
from tripadvance_core.domain.holdout import is_reserved
from tripadvance_core.errors import Corrupted, NotFound
from tripadvance_core.storage.functions import Function
from tripadvance_core.storage.objects import ObjectStore, load_file
from tripadvance_core.tabular.jobs import row_hashes_in

_CALLS_AT_ONCE = 16


class SoundRows(NamedTuple):
    """How many rows a file has, and how many of them are reserved."""

    kept: int
    reserved: int


Proof = SoundRows | NotFound | Corrupted
"""What became of the proof: the rows are sound, gone, or not what was stored."""


class RowProver(Protocol):
    """Proves the rows of uploads."""

    def prove(self, uploads: Sequence[Upload]) -> Sequence[Proof]:
        """Return a proof for each; ``Unavailable`` where nobody can tell now."""


class OwnProver:
    """Reads one file after the other in this process."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def prove(self, uploads: Sequence[Upload]) -> Sequence[Proof]:
        return [
            prove_here(self._objects, upload.cleaned)
            if upload.cleaned
            else _gone(upload.id)
            for upload in uploads
        ]


class ProverElsewhere:
    """Has a function prove each file, several at once."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def prove(self, uploads: Sequence[Upload]) -> Sequence[Proof]:
        with ThreadPoolExecutor(_CALLS_AT_ONCE) as calls:
            return list(calls.map(self._one, uploads))

    def _one(self, upload: Upload) -> Proof:
        file = upload.cleaned
        if file is None:
            return _gone(upload.id)
        match self._function.call(file.model_dump(mode="json")):
            case {"kept": int(kept), "reserved": int(reserved)}:
                return SoundRows(kept, reserved)
            case {"lost": "OBJECT_NOT_FOUND"}:
                return _gone(file.key)
            case {"lost": "CHECKSUM_MISMATCH"}:
                return Corrupted("CHECKSUM_MISMATCH", key=file.key)
        raise self._function.unavailable("another answer than was asked for")


def prove_here(objects: ObjectStore, file: StoredFile) -> Proof:
    """Read the rows of one file."""
    try:
        hashes = row_hashes_in(load_file(objects, file))
    except (NotFound, Corrupted) as loss:
        return loss
    return SoundRows(hashes.size, int(is_reserved(hashes).sum()))


def told(proof: Proof) -> dict[str, Any]:
    """Return a proof as a function elsewhere tells it."""
    return proof._asdict() if isinstance(proof, SoundRows) else {"lost": proof.code}


def _gone(key: str) -> NotFound:
    return NotFound("OBJECT_NOT_FOUND", key=key)
