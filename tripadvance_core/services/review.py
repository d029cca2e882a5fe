"""Whether a file fits what is known: its rows beside the history of fares."""

import pandas as pd

from tripadvance_core.domain.entities import (
    Evidence,
    RunStatus,
    StoredFile,
    UploadStatus,
)
from tripadvance_core.domain.times import Clock
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import (
    ObjectStore,
    load_file,
    load_if_sound,
    store_apart,
)
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.joining import FareRows
from tripadvance_core.tabular.plausibility import Profile, contradictions

_WAITING_AT_MOST = 20
"""Files that stand in for the history before the first night."""


class Review:
    """Looks for what speaks against a file before any model learns from it."""

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock) -> None:
        self._store = Repositories(database)
        self._objects = objects
        self._clock = clock

    def evidence(self, rows: pd.DataFrame) -> tuple[Evidence, ...]:
        """Return everything that speaks against the rows of a file."""
        return contradictions(rows, self._profile(), self._clock().date())

    def keep_profile(self, run_id: str, history: FareRows) -> StoredFile:
        """Store what the history of a run looks like, for the files to come."""
        profile = Profile.of(history).model_dump_json().encode()
        return store_apart(self._objects, "profiles", f"{run_id}.json", profile)

    def _profile(self) -> Profile | None:
        """Describe the history of the last finished night, or else what waits."""
        done = self._store.runs.select(
            {"status": RunStatus.DONE, "experiment": None},
            order=[("number", -1)],
            limit=1,
        )
        if done:
            stored = StoredFile.model_validate(done[0].steps["train"]["profile"])
            return Profile.model_validate_json(load_file(self._objects, stored))
        waiting = self._store.uploads.select(
            {"status": UploadStatus.PENDING},
            order=[("uploaded_at", -1)],
            limit=_WAITING_AT_MOST,
        )
        contents = (load_if_sound(self._objects, upload.cleaned) for upload in waiting)
        rows = FareRows.distinct(content for content in contents if content is not None)
        return Profile.of(rows) if len(rows) else None
