"""Every cleaned row that a model may see: what to train on, what to score on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.entities import Upload, UploadStatus
from tripadvance_core.domain.holdout import mixed
from tripadvance_core.errors import NotFound
from tripadvance_core.services.uploads import OLDEST_FIRST
from tripadvance_core.storage.objects import ObjectStore, load_file
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.jobs import from_parquet
from tripadvance_core.tabular.joining import RESERVED, ROW_HASH, FareRows

HOLDOUT_ROWS: Final = 100_000
"""Most reserved rows that calibrate a model's ranges and make its card."""


@dataclass(frozen=True)
class History:
    """The rows of all trained uploads and of one partition's, each counted once.

    Attributes
    ----------
    uploads
        Those that were trained on before, then those that are new.
    earlier
        How many of them were trained on before.
    most_rows
        Most rows that a model trains on; those of the newest uploads are kept.
    """

    uploads: Sequence[Upload]
    earlier: int
    rows: FareRows
    most_rows: int

    @cached_property
    def training(self) -> FareRows:
        """The rows that a model may train on."""
        free = np.flatnonzero(~self.reserved)[-self.most_rows :]
        chosen = np.zeros(self.reserved.size, dtype=np.bool_)
        chosen[free] = True
        return self.rows.where(chosen)

    @cached_property
    def holdout(self) -> pd.DataFrame:
        """The reserved rows, on which every model is scored and none is trained.

        Of more than ``HOLDOUT_ROWS`` those that rank first by their hash.
        """
        chosen = self.reserved.copy()
        chosen[chosen] = self.in_holdout
        return self.rows.where(chosen).frame()

    @cached_property
    def in_holdout(self) -> NDArray[np.bool_]:
        """Which of the reserved rows ``holdout`` has, shape (reserved rows,)."""
        return _sampled(self.rows.column(ROW_HASH)[self.reserved])

    @cached_property
    def reserved(self) -> NDArray[np.bool_]:
        """Whether each row is reserved, shape (n,)."""
        return self.rows.column(RESERVED)


def read_history(
    objects: ObjectStore,
    earlier: Sequence[Upload],
    new: Sequence[Upload],
    most_rows: int,
) -> History:
    """Read the rows of uploads that were trained on before, and of new ones."""
    uploads = (*earlier, *new)
    contents = (load_rows(objects, upload) for upload in uploads)
    return History(uploads, len(earlier), FareRows.distinct(contents), most_rows)


def trained_uploads(store: Repositories) -> list[Upload]:
    """Return all uploads that were trained on and not withdrawn, oldest first."""
    return store.uploads.select({"status": UploadStatus.TRAINED}, order=OLDEST_FIRST)


def read_rows(objects: ObjectStore, upload: Upload) -> pd.DataFrame:
    """Read the usable rows of an upload; see ``load_rows``."""
    return from_parquet(load_rows(objects, upload))


def load_rows(objects: ObjectStore, upload: Upload) -> bytes:
    """Return the usable rows of an upload as the Parquet that was stored.

    Raises
    ------
    NotFound
        ``OBJECT_NOT_FOUND`` where they are gone.
    Corrupted
        ``CHECKSUM_MISMATCH`` where they have changed.
    """
    if upload.cleaned is None:
        raise NotFound("OBJECT_NOT_FOUND", key=upload.id)
    return load_file(objects, upload.cleaned)


def _sampled(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Choose rows by their hash, so that the same ones are chosen every night."""
    if hashes.size <= HOLDOUT_ROWS:
        return np.ones(hashes.size, dtype=np.bool_)
    rank = mixed(hashes)
    chosen: NDArray[np.bool_] = (
        rank <= np.partition(rank, HOLDOUT_ROWS)[HOLDOUT_ROWS - 1]
    )
    return chosen
