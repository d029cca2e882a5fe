"""Trainings of MASTER anew, without the files that were withdrawn since."""

import secrets

from tripadvance_core.domain.entities import Rebuild, RunStatus, TrainingRun
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import Conflict
from tripadvance_core.services.experiments import have_started
from tripadvance_core.services.night_settings import NightSettingsService
from tripadvance_core.services.registry import Registry
from tripadvance_core.services.runs import UNENDED
from tripadvance_core.services.scheduler import Scheduler
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repositories


class Rebuilds:
    """Orders rebuilds of MASTER; a run of the nightly deployment carries each out."""

    def __init__(
        self,
        night_settings: NightSettingsService,
        database: Database,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._night_settings = night_settings
        self._store = Repositories(database)
        self._registry = registry
        self._clock = clock

    def start(self, scheduler: Scheduler, *, reason: str, by: str) -> TrainingRun:
        """Order a rebuild of MASTER and have it started; return its run, not yet begun.

        Raises
        ------
        NotFound
            ``NO_MASTER``.
        Conflict
            ``NOTHING_WITHDRAWN`` or ``NOTHING_LEFT`` where there is nothing to rebuild,
            ``REBUILD_ORDERED`` where one is ordered or under way.
        SchedulerDown
            When nobody can start it; nothing is left behind.
        """
        rebuild = self._registry.rebuild_of_master(reason=reason, by=by)
        unended = self._store.runs.select({"status": {"$in": list(UNENDED)}})
        if any(run.rebuild is not None for run in unended):
            raise Conflict("REBUILD_ORDERED")
        run = self._ordered(rebuild)
        self._store.runs.add(run)  # first, for it may be started at once
        return have_started(self._store, scheduler, run.id)

    def _ordered(self, rebuild: Rebuild) -> TrainingRun:
        in_force = self._night_settings.in_force()
        return TrainingRun(
            id=f"rebuild-{secrets.token_hex(8)}",
            number=0,
            upload_ids=(),
            size_bytes=0,
            status=RunStatus.ORDERED,
            token="",  # no lease yet
            started_at=self._clock(),
            rebuild=rebuild,
            settings=in_force.values,
            settings_version=in_force.number,
        )
