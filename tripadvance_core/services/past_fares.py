"""The past fares that stand beside the prices of a model: drawn once, then kept."""

import hashlib
from collections.abc import Iterator, Sequence

from tripadvance_core.domain.entities import (
    FareSample,
    ModelVersion,
    Upload,
    UploadStatus,
)
from tripadvance_core.errors import AlreadyExists
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import (
    ObjectStore,
    load_if_sound,
    store_file,
)
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.features import FeatureEncoder
from tripadvance_core.tabular.jobs import from_parquet, to_parquet
from tripadvance_core.tabular.past_fares import PastFares, sampled


class PastFareSamples:
    """Draws a sample of what a model has learned from, and remembers it."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._store = Repositories(database)
        self._objects = objects

    def of(self, model: ModelVersion, encoder: FeatureEncoder) -> PastFares:
        """Return the past fares of a model; files withdrawn meanwhile have none.

        The first time it goes through all files of the model, one after the other.
        """
        uploads = self._uploads(model)
        ids = tuple(upload.id for upload in uploads)
        sample = self._store.samples.find(model.id)
        kept = None
        if sample is not None and sample.upload_ids == ids:
            kept = load_if_sound(self._objects, sample.fares)
        if kept is None:
            kept = to_parquet(sampled(self._rows_of(uploads), encoder))
            self._keep(model, ids, kept)
        return PastFares(from_parquet(kept), encoder)

    def _uploads(self, model: ModelVersion) -> Sequence[Upload]:
        return self._store.uploads.select(
            {
                "_id": {"$in": list(model.upload_ids)},
                "status": {"$ne": UploadStatus.WITHDRAWN},
            },
            order=[("uploaded_at", 1)],
        )

    def _rows_of(self, uploads: Sequence[Upload]) -> Iterator[bytes]:
        """Give the rows of one file after the other; what was lost has none to show."""
        for upload in uploads:
            rows = load_if_sound(self._objects, upload.cleaned)
            if rows is not None:
                yield rows

    def _keep(
        self, model: ModelVersion, upload_ids: tuple[str, ...], fares: bytes
    ) -> None:
        """Store a sample; whoever else drew it at the same time drew the same."""
        digest = hashlib.sha256(fares).hexdigest()[:12]
        key = f"samples/{model.id}-{digest}.parquet"
        sample = FareSample(
            id=model.id,
            upload_ids=upload_ids,
            fares=store_file(self._objects, key, fares),
        )
        try:
            self._store.samples.add(sample)
        except AlreadyExists:
            changes = sample.to_document()
            self._store.samples.change({"_id": changes.pop("_id")}, changes)
