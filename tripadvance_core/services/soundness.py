"""Whether the rows of files are there and sound, looked at wherever that is cheap."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tripadvance_core.domain.entities import Upload
from tripadvance_core.domain.holdout import is_reserved
from tripadvance_core.errors import Corrupted, NotFound
from tripadvance_core.services.history import load_rows
from tripadvance_core.storage.objects import ObjectStore
from tripadvance_core.tabular.jobs import row_hashes_in


class Soundness(NamedTuple):
    """How many rows a file has and how many of them are reserved, or why there are none.

    ``loss`` is None for a sound file.
    """

    rows: int = 0
    reserved: int = 0
    loss: NotFound | Corrupted | None = None


Examine = Callable[[ObjectStore, Sequence[Upload]], list[Soundness]]
"""Tells of each upload whether it is sound; it changes nothing."""


def examine(objects: ObjectStore, uploads: Sequence[Upload]) -> list[Soundness]:
    """Look at one upload after the other; see ``Examine``."""
    return [_soundness(objects, upload) for upload in uploads]


def _soundness(objects: ObjectStore, upload: Upload) -> Soundness:
    try:
        hashes = row_hashes_in(load_rows(objects, upload))
    except (NotFound, Corrupted) as loss:
        return Soundness(loss=loss)
    return Soundness(hashes.size, int(is_reserved(hashes).sum()))
