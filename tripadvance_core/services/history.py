"""Every cleaned row that a model may see: what to train on, what to score on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from tripadvance_core.domain.entities import Upload, UploadStatus
from tripadvance_core.errors import NotFound
from tripadvance_core.services.uploads import OLDEST_FIRST
from tripadvance_core.storage.database import Where
from tripadvance_core.storage.objects import ObjectStore, load_file
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.jobs import from_parquet
from tripadvance_core.tabular.joining import RESERVED, join_distinct


@dataclass(frozen=True)
class History:
    """The rows of all trained uploads and of one partition's, each counted once.

    Attributes
    ----------
    most_rows
        Most rows that a model trains on; those of the newest uploads are kept.
    """

    uploads: Sequence[Upload]
    rows: pd.DataFrame
    most_rows: int

    @cached_property
    def training(self) -> pd.DataFrame:
        """The rows that a model may train on."""
        free = self.rows[~self.rows[RESERVED]]
        return free.tail(self.most_rows).reset_index(drop=True)

    @cached_property
    def holdout(self) -> pd.DataFrame:
        """The reserved rows, on which every model is scored and none is trained."""
        return self.rows[self.rows[RESERVED]].reset_index(drop=True)


def read_history(
    store: Repositories,
    objects: ObjectStore,
    token: str,
    most_rows: int,
    only: Sequence[str] | None = None,
) -> History:
    """Read all trained uploads and those claimed under ``token``, oldest first.

    Where ``only`` is given, those uploads and no others.
    """
    where: Where = {"$or": [{"status": UploadStatus.TRAINED}, {"claim.token": token}]}
    if only is not None:
        where = {"_id": {"$in": list(only)}}
    uploads = store.uploads.select(where, order=OLDEST_FIRST)
    frames = (read_rows(objects, upload) for upload in uploads)
    return History(uploads, join_distinct(frames), most_rows)


def read_rows(objects: ObjectStore, upload: Upload) -> pd.DataFrame:
    """Read the usable rows of an upload, as they were found when it was taken in.

    Raises
    ------
    NotFound
        ``OBJECT_NOT_FOUND`` where they are gone.
    Corrupted
        ``CHECKSUM_MISMATCH`` where they have changed.
    """
    if upload.cleaned is None:
        raise NotFound("OBJECT_NOT_FOUND", key=upload.id)
    return from_parquet(load_file(objects, upload.cleaned))
