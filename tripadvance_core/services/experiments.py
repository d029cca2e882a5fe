"""Trainings that a person orders: on chosen files, with chosen parameters."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tripadvance_core.domain.entities import (
    Experiment,
    RunStatus,
    TrainingRun,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import Conflict, Refused
from tripadvance_core.services.night_settings import NightSettingsService
from tripadvance_core.services.scheduler import Scheduler
from tripadvance_core.services.uploads import OLDEST_FIRST
from tripadvance_core.storage.database import Database, Where
from tripadvance_core.storage.repository import Repositories

PARAMETERS: Final = ("boosting_rounds", "learning_rate", "max_leaves", "history_rows")
"""The settings of the night that an experiment may choose anew."""

USABLE: Final = (UploadStatus.PENDING, UploadStatus.CLAIMED, UploadStatus.TRAINED)
"""Uploads from which an experiment may learn."""


_USABLE: Final[Where] = {"status": {"$in": list(USABLE)}}


class Experiments:
    """Orders experiments; a run of the nightly deployment carries each out."""

    def __init__(
        self, night_settings: NightSettingsService, database: Database, clock: Clock
    ) -> None:
        self._night_settings = night_settings
        self._store = Repositories(database)
        self._clock = clock

    def files(self, limit: int) -> Sequence[Upload]:
        """Return the files that an experiment may learn from, newest first."""
        return self._store.uploads.select(
            _USABLE, order=[("uploaded_at", -1)], limit=limit
        )

    def start(
        self,
        scheduler: Scheduler,
        upload_ids: Sequence[str],
        parameters: Mapping[str, Any],
        experiment: Experiment,
    ) -> TrainingRun:
        """Order an experiment and have it started; return its run, not yet begun.

        Raises
        ------
        Refused
            ``NO_FILES_CHOSEN``.
        Conflict
            ``FILES_GONE`` where a file can no longer be used.
        SettingRefused
            For a parameter that cannot be used.
        SchedulerDown
            When nobody can start it; nothing is left behind.
        """
        run = self._ordered(upload_ids, parameters, experiment)
        self._store.runs.add(run)  # first, for it may be started at once
        return have_started(self._store, scheduler, run.id)

    def _ordered(
        self,
        upload_ids: Sequence[str],
        parameters: Mapping[str, Any],
        experiment: Experiment,
    ) -> TrainingRun:
        if not upload_ids:
            raise Refused("NO_FILES_CHOSEN")
        uploads = self._store.uploads.select(
            {"_id": {"$in": list(upload_ids)}, **_USABLE}, order=OLDEST_FIRST
        )
        require_all(upload_ids, uploads)
        return TrainingRun(
            id=f"experiment-{secrets.token_hex(8)}",
            number=0,
            upload_ids=tuple(upload.id for upload in uploads),
            size_bytes=sum(upload.size_bytes for upload in uploads),
            status=RunStatus.ORDERED,
            token="",  # no lease yet
            attempts=1,
            started_at=self._clock(),
            experiment=experiment,
            settings=self._night_settings.changed(parameters),
            settings_version=self._night_settings.in_force().number,
        )


def have_started(store: Repositories, scheduler: Scheduler, run_id: str) -> TrainingRun:
    """Have an ordered run started, or take the order back; return the run.

    Raises
    ------
    SchedulerDown
        When nobody can start it; nothing is left behind.
    """
    try:
        flow_run_id = scheduler.start_ordered(run_id)
    except BaseException:
        store.runs.remove({"_id": run_id, "status": RunStatus.ORDERED})
        raise
    store.runs.change({"_id": run_id}, {"flow_run_id": flow_run_id})
    return store.runs.get(run_id)


def require_all(upload_ids: Sequence[str], uploads: Sequence[Upload]) -> None:
    """Raise ``Conflict`` (``FILES_GONE``) unless each chosen upload may be used."""
    gone = len(set(upload_ids)) - sum(upload.status in USABLE for upload in uploads)
    if gone:
        raise Conflict("FILES_GONE", gone=gone)
