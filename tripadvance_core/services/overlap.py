"""How many rows of a file are already known from earlier files."""

from collections.abc import Iterable
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.entities import Upload, UploadStatus
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore, load_if_sound
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.jobs import row_hashes_in
from tripadvance_core.tabular.joining import ROW_HASH
from tripadvance_core.tabular.notes import Note

FILES_LOOKED_AT: Final = 50
"""Most earlier files that one file is compared with, the newest of its days."""

_COUNTED: Final = [UploadStatus.PENDING, UploadStatus.CLAIMED, UploadStatus.TRAINED]


class Overlap:
    """Compares the rows of a file with those of earlier files of the same days.

    What it costs does not grow with the history: the records tell which files have
    flights on the same days, and of those only the newest are read, only the identity
    of their rows.
    """

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._store = Repositories(database)
        self._objects = objects

    def note(self, rows: pd.DataFrame, upload_id: str) -> Note | None:
        """Tell how many rows add nothing, for an earlier file has them, too.

        Equal rows inside one file are separate observations: a row that is here more
        often than in any earlier file is new that many times. Where not every earlier
        file could be compared with, there may be more.

        Parameters
        ----------
        upload_id
            The file itself, which is not compared with itself.
        """
        earlier = self._earlier(rows, upload_id)
        compared = [
            hashes
            for upload in earlier[:FILES_LOOKED_AT]
            if (hashes := self._hashes(upload)) is not None
        ]
        known = count_known(rows[ROW_HASH].to_numpy(np.uint64), compared)
        if not known:
            return None
        every = len(compared) == len(earlier)
        return Note("rows_known" if every else "rows_known_at_least", known)

    def _earlier(self, rows: pd.DataFrame, upload_id: str) -> list[Upload]:
        first, last = days_of(rows)
        return self._store.uploads.select(
            {
                "status": {"$in": _COUNTED},
                "_id": {"$ne": upload_id},
                "first_day": {"$lte": last.isoformat()},
                "last_day": {"$gte": first.isoformat()},
            },
            order=[("uploaded_at", -1)],
            limit=FILES_LOOKED_AT + 1,
        )

    def _hashes(self, upload: Upload) -> NDArray[np.uint64] | None:
        """Return the identities of the rows; None where they are lost or damaged."""
        content = load_if_sound(self._objects, upload.cleaned)
        return None if content is None else row_hashes_in(content)


def days_of(rows: pd.DataFrame) -> tuple[date, date]:
    """Return the first and the last day of cleaned rows."""
    return rows["date"].min().date(), rows["date"].max().date()


def count_known(
    hashes: NDArray[np.uint64], others: Iterable[NDArray[np.uint64]]
) -> int:
    """Return how many rows stand in one of the others as often.

    >>> ours = np.array([1, 1, 2], dtype=np.uint64)
    >>> count_known(ours, [np.array([1, 3], dtype=np.uint64)])
    1
    """
    distinct, times = np.unique(hashes, return_counts=True)
    known = np.zeros_like(times)
    for other in others:
        theirs, as_often = np.unique(other, return_counts=True)
        _, here, there = np.intersect1d(
            distinct, theirs, assume_unique=True, return_indices=True
        )
        known[here] = np.maximum(known[here], as_often[there])
    return int(np.minimum(times, known).sum())
