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
from tripadvance_core.storage.database import Where
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
    most_rows
        Most rows that a model trains on; those of the newest uploads are kept.
    """

    uploads: Sequence[Upload]
    rows: FareRows
    most_rows: int

    @cached_property
    def training(self) -> FareRows:
        """The rows that a model may train on."""
        free = np.flatnonzero(~self._reserved)[-self.most_rows :]
        chosen = np.zeros(self._reserved.size, dtype=np.bool_)
        chosen[free] = True
        return self.rows.where(chosen)

    @cached_property
    def holdout(self) -> pd.DataFrame:
        """The reserved rows, on which every model is scored and none is trained.

        Of more than ``HOLDOUT_ROWS`` those that rank first by their hash.
        """
        chosen = self._reserved.copy()
        chosen[chosen] = _sampled(self.rows.column(ROW_HASH)[chosen])
        return self.rows.where(chosen).frame()

    @cached_property
    def _reserved(self) -> NDArray[np.bool_]:
        return self.rows.column(RESERVED)


def read_history(
    store: Repositories,
    objects: ObjectStore,
    token: str,
    most_rows: int,
    only: Sequence[str] | None = None,
) -> History:
    """Read the uploads of ``uploads_of_history``."""
    uploads = uploads_of_history(store, token, only)
    contents = (load_rows(objects, upload) for upload in uploads)
    return History(uploads, FareRows.distinct(contents), most_rows)


def uploads_of_history(
    store: Repositories, token: str, only: Sequence[str] | None = None
) -> list[Upload]:
    """Return all trained uploads and those claimed under ``token``, oldest first.

    Where ``only`` is given, those uploads and no others.
    """
    where: Where = {"$or": [{"status": UploadStatus.TRAINED}, {"claim.token": token}]}
    if only is not None:
        where = {"_id": {"$in": list(only)}}
    return store.uploads.select(where, order=OLDEST_FIRST)


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
