"""Which uploads a run works on: claimed under a lease, taken over, or let go."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tripadvance_core.domain.entities import (
    Claim,
    Rebuild,
    RunStatus,
    TrainingRun,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.partition import (
    Choice,
    PartitionPolicy,
    choose,
    partition_id,
)
from tripadvance_core.domain.times import Clock, to_text
from tripadvance_core.errors import AlreadyExists, Conflict, LeaseLost
from tripadvance_core.services.alerts import CUT_OFF, Alerts
from tripadvance_core.services.night_settings import NightSettingsService
from tripadvance_core.services.uploads import OLDEST_FIRST
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database, Where
from tripadvance_core.storage.leases import holder_of
from tripadvance_core.storage.repository import Repositories

LEASE: Final = "training"
"""The lease under which runs work, one at a time, whoever starts them."""


@dataclass(frozen=True)
class PartitionRequest:
    """What a run asks for beyond the night's settings; None keeps the setting."""

    min_partition_bytes: int | None = None
    flow_run_id: str | None = None


class Claims:
    """Gives partitions to the holder of the training lease.

    The lease token stands on the run and on each of its uploads. Whoever takes a run
    over writes a new token there, and nothing that the former holder still commits
    matches any more.
    """

    def __init__(
        self,
        settings: Settings,
        night_settings: NightSettingsService,
        database: Database,
        alerts: Alerts,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._night_settings = night_settings
        self._alerts = alerts
        self._store = Repositories(database)
        self._database = database
        self._clock = clock

    def next_choice(self, request: PartitionRequest) -> Choice:
        """Return what the next partition would take; nothing is claimed."""
        waiting = self._store.uploads.select(
            {"status": UploadStatus.PENDING}, order=OLDEST_FIRST
        )
        night = self._night_settings.current()
        policy = PartitionPolicy(
            min_bytes=request.min_partition_bytes or night.min_partition_bytes,
            max_wait=timedelta(days=night.max_wait_days),
            settle=timedelta(minutes=self._settings.settle_minutes),
        )
        return choose(waiting, policy, self._clock())

    def unfinished(self) -> TrainingRun | None:
        """Return the oldest night's run that was begun and not ended."""
        runs = self._store.runs.select(
            {"status": RunStatus.OPEN, "experiment": None},
            order=[("number", 1)],
            limit=1,
        )
        return runs[0] if runs else None

    def claim(
        self, token: str, request: PartitionRequest, rebuild: Rebuild | None = None
    ) -> TrainingRun | None:
        """Take an unfinished run over, or claim the next partition; None if too little.

        Where a rebuild is ordered, it is begun instead of the next partition.
        The caller holds the training lease under ``token``. A run that has failed too
        often is set aside, its uploads held, so that it does not stop the others.
        """
        while run := self.unfinished():
            if run.attempts < self._settings.max_attempts:
                return self._take_over(run, token, request)
            self._hold(run, token)
        if rebuild is not None:
            run_id = f"rebuild-{rebuild.replaces}"
            return self._open(run_id, (), token, request, rebuild)
        chosen = self.next_choice(request).uploads
        if not chosen:
            return None
        run_id = partition_id(upload.id for upload in chosen)
        return self._open(run_id, chosen, token, request)

    def begin(
        self, run_id: str, token: str, request: PartitionRequest
    ) -> TrainingRun | None:
        """Begin what a person has ordered, or take it over; None where it has ended.

        It claims no upload. The caller holds the training lease under ``token``.
        """
        run = self._store.runs.get(run_id)
        if run.status is RunStatus.OPEN:
            if run.attempts < self._settings.max_attempts:
                return self._take_over(run, token, request)
            self._hold(run, token)
            return None
        begun = {
            "number": self._next_number(),
            "status": RunStatus.OPEN,
            "token": token,
            "started_at": to_text(self._clock()),
            "flow_run_id": request.flow_run_id,
        }
        same = {"_id": run_id, "status": RunStatus.ORDERED}
        return self._store.runs.get(run_id) if self._change(same, begun) else None

    def release(self, run_id: str, token: str) -> RunStatus:
        """End a run before it is done, and let its uploads wait again.

        Either the window has closed or a person has stopped it; return its status.
        """
        self._store.uploads.change(
            {"claim.token": token, "status": UploadStatus.CLAIMED},
            {"status": UploadStatus.PENDING, "claim": None},
        )
        stopped = self._store.runs.get(run_id).stopped_by is not None
        status = RunStatus.STOPPED if stopped else RunStatus.RELEASED
        self._change(
            {"_id": run_id, "token": token, "status": RunStatus.OPEN},
            {"status": status, "finished_at": to_text(self._clock())},
        )
        return status

    def take_back(self, run: TrainingRun, token: str) -> None:
        """Undo a claim that was made after the lease was lost, if it still stands.

        Its number goes, too, for another run may have been given the same. A run that
        was taken over stays open, for its next holder.
        """
        former = self._store.runs.get(run.id)
        if run.attempts > 1 and former.status is RunStatus.OPEN:
            return
        self._store.uploads.change(
            {"claim.token": token, "status": UploadStatus.CLAIMED},
            {"status": UploadStatus.PENDING, "claim": None},
        )
        ended = RunStatus.RELEASED if run.experiment is None else RunStatus.FAILED
        self._change(
            {"_id": run.id, "token": token, "status": RunStatus.OPEN},
            {
                "status": ended,
                "number": 0,
                "failure": "LEASE_LOST",
                "finished_at": to_text(self._clock()),
            },
        )

    def note_failure(self, run: TrainingRun, token: str, code: str) -> None:
        """Write down what a run met.

        A night's is taken over, an experiment ends, and so does what never began.
        """
        changes: dict[str, Any] = {"failure": code}
        if run.experiment is not None or run.status is RunStatus.ORDERED:
            now = to_text(self._clock())
            changes |= {"status": RunStatus.FAILED, "finished_at": now}
        open_still = [RunStatus.OPEN, RunStatus.ORDERED]
        mine = {"_id": run.id, "token": token, "status": {"$in": open_still}}
        if self._change(mine, changes):
            self._alerts.run_failed(run, code)

    def stop(self, run_id: str, *, by: str) -> TrainingRun:
        """Ask a run to stop: at once where nobody works on it, else at its next round.

        Raises
        ------
        Conflict
            ``RUN_ENDED`` when it has ended already.
        """
        asked = {"stopped_by": by}
        if not self._change({"_id": run_id, "status": RunStatus.OPEN}, asked):
            ended = asked | {
                "status": RunStatus.STOPPED,
                "finished_at": to_text(self._clock()),
            }
            if not self._change({"_id": run_id, "status": RunStatus.ORDERED}, ended):
                raise Conflict("RUN_ENDED")
        run = self._store.runs.get(run_id)
        if run.status is RunStatus.OPEN and not self.is_alive(run):
            # A take-over that was cut off left some claims under the former token.
            self._claim_uploads(run.id, run.token)
            self.release(run.id, run.token)
        return self._store.runs.get(run_id)

    def is_alive(self, run: TrainingRun) -> bool:
        """Tell whether somebody works on a run now, by the training lease."""
        return run.token == holder_of(self._database, LEASE, self._clock())

    def _change(self, where: Where, changes: dict[str, Any]) -> bool:
        return bool(self._store.runs.change(where, changes))

    def _next_number(self) -> int:
        last = self._store.runs.select(order=[("number", -1)], limit=1)
        return last[0].number + 1 if last else 1

    def _own_number(self, run: TrainingRun) -> int:
        """Return the number of a run, anew where it was opened without the lease."""
        alone = self._store.runs.count({"number": run.number}) == 1
        return run.number if alone else self._next_number()

    def _open(
        self,
        run_id: str,
        uploads: tuple[Upload, ...],
        token: str,
        request: PartitionRequest,
        rebuild: Rebuild | None = None,
    ) -> TrainingRun:
        """Write the run, then claim: a crash between leaves a run to take over.

        The same uploads may have been released or held before. Then their run starts
        afresh under its number, for they may have been handed in with another mapping.
        Where it has made a model, that keeps its run: the new one is another.
        """
        in_force = self._night_settings.in_force()
        number = self._next_number()
        former = self._store.runs.find(run_id)
        if former is not None and "train" in former.steps:
            run_id, former = f"{run_id}-{number}", None
        run = TrainingRun(
            id=run_id,
            number=(former.number if former else 0) or number,
            upload_ids=tuple(upload.id for upload in uploads),
            size_bytes=sum(upload.size_bytes for upload in uploads),
            status=RunStatus.OPEN,
            token=token,
            started_at=self._clock(),
            flow_run_id=request.flow_run_id,
            rebuild=rebuild,
            settings=in_force.values,
            settings_version=in_force.number,
        )
        if former is None:
            self._add(run)
        else:
            self._replace(former, run)
        return self._claim_uploads(run.id, token)

    def _add(self, run: TrainingRun) -> None:
        try:
            self._store.runs.add(run)
        except AlreadyExists as error:
            raise LeaseLost("LEASE_LOST", run=run.id) from error

    def _replace(self, former: TrainingRun, run: TrainingRun) -> None:
        """Put a run in the place of a former one that was read under the same lease."""
        changes = run.to_document()
        same = {"_id": changes.pop("_id"), "token": former.token}
        if not self.is_alive(run) or not self._change(same, changes):
            raise LeaseLost("LEASE_LOST", run=run.id)

    def _take_over(
        self, run: TrainingRun, token: str, request: PartitionRequest
    ) -> TrainingRun:
        self._alerts.run_failed(run, run.failure or CUT_OFF)
        taken = self._store.runs.change(
            {"_id": run.id, "token": run.token, "status": RunStatus.OPEN},
            {
                "token": token,
                "number": self._own_number(run),
                "attempts": run.attempts + 1,
                "flow_run_id": request.flow_run_id,
                "under_way": None,
                "failure": None,
            },
        )
        if not taken:
            raise LeaseLost("LEASE_LOST", run=run.id)
        return self._claim_uploads(run.id, token)

    def _claim_uploads(self, run_id: str, token: str) -> TrainingRun:
        """Claim what a run waits for, and what its former holders had claimed.

        The uploads are read before the run: where that is still this holder's, no
        later one has claimed them, and each changes only if it is as it was read.
        """
        chosen = self._store.runs.get(run_id).upload_ids
        uploads = self._store.uploads.select({"_id": {"$in": list(chosen)}})
        run = self._store.runs.get(run_id)
        if run.token != token:
            raise LeaseLost("LEASE_LOST", run=run_id)
        if run.experiment is not None:
            return run
        claim = Claim(token=token, run_id=run_id)
        for upload in uploads:
            if upload.status is UploadStatus.PENDING or _is_claimed_by(run, upload):
                self._store.uploads.change(
                    {
                        "_id": upload.id,
                        "status": upload.status,
                        "claim.token": upload.claim and upload.claim.token,
                    },
                    {
                        "status": UploadStatus.CLAIMED,
                        "claim": claim.model_dump(mode="json"),
                    },
                )
        return run

    def _hold(self, run: TrainingRun, token: str) -> None:
        """Set a run aside with its uploads; its former holder commits nothing more."""
        former = {"_id": run.id, "token": run.token, "status": RunStatus.OPEN}
        if not self._change(former, {"token": token}):
            raise LeaseLost("LEASE_LOST", run=run.id)
        self._alerts.run_failed(run, run.failure or CUT_OFF)
        self._alerts.run_set_aside(run)
        self._store.uploads.change(
            {"claim.run_id": run.id, "status": UploadStatus.CLAIMED},
            {
                "status": UploadStatus.HELD,
                "reason": "TRAINING_FAILED_TOO_OFTEN",
                "claim": None,
            },
        )
        self._store.runs.change(
            {"_id": run.id, "token": token, "status": RunStatus.OPEN},
            {"status": RunStatus.HELD, "finished_at": to_text(self._clock())},
        )


def _is_claimed_by(run: TrainingRun, upload: Upload) -> bool:
    return upload.claim is not None and upload.claim.run_id == run.id
