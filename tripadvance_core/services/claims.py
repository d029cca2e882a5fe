"""Which uploads a run works on: claimed under a lease, taken over, or let go."""

from dataclasses import dataclass
from datetime import timedelta

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
from tripadvance_core.errors import LeaseLost
from tripadvance_core.services.uploads import OLDEST_FIRST
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repositories


@dataclass(frozen=True)
class PartitionRequest:
    """What a run asks for beyond the settings; None keeps the setting."""

    min_partition_bytes: int | None = None
    flow_run_id: str | None = None


class Claims:
    """Gives partitions to the holder of the training lease.

    The lease token stands on the run and on each of its uploads. Whoever takes a run
    over writes a new token there, and nothing that the former holder still commits
    matches any more.
    """

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._store = Repositories(database)
        self._clock = clock

    def next_choice(self, request: PartitionRequest) -> Choice:
        """Return what the next partition would take; nothing is claimed."""
        waiting = self._store.uploads.select(
            {"status": UploadStatus.PENDING}, order=OLDEST_FIRST
        )
        settings = self._settings
        policy = PartitionPolicy(
            min_bytes=request.min_partition_bytes or settings.min_partition_bytes,
            max_wait=timedelta(days=settings.max_wait_days),
            settle=timedelta(minutes=settings.settle_minutes),
        )
        return choose(waiting, policy, self._clock())

    def unfinished(self) -> TrainingRun | None:
        """Return the oldest run that was begun and not ended."""
        runs = self._store.runs.select(
            {"status": RunStatus.OPEN}, order=[("number", 1)], limit=1
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
            self._hold(run)
        if rebuild is not None:
            run_id = f"rebuild-{rebuild.replaces}"
            return self._open(run_id, (), token, request, rebuild)
        chosen = self.next_choice(request).uploads
        if not chosen:
            return None
        run_id = partition_id(upload.id for upload in chosen)
        return self._open(run_id, chosen, token, request)

    def release(self, run_id: str, token: str) -> None:
        """Let the uploads of a run wait again, for the window has closed."""
        self._store.uploads.change(
            {"claim.token": token, "status": UploadStatus.CLAIMED},
            {"status": UploadStatus.PENDING, "claim": None},
        )
        self._store.runs.change(
            {"_id": run_id, "token": token, "status": RunStatus.OPEN},
            {"status": RunStatus.RELEASED},
        )

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
        """
        last = self._store.runs.select(order=[("number", -1)], limit=1)
        run = TrainingRun(
            id=run_id,
            number=last[0].number + 1 if last else 1,
            upload_ids=tuple(upload.id for upload in uploads),
            size_bytes=sum(upload.size_bytes for upload in uploads),
            status=RunStatus.OPEN,
            token=token,
            started_at=self._clock(),
            flow_run_id=request.flow_run_id,
            rebuild=rebuild,
        )
        former = self._store.runs.find(run.id)
        if former is None:
            self._store.runs.add(run)
        else:
            afresh = run.model_copy(update={"number": former.number}).to_document()
            self._store.runs.change({"_id": afresh.pop("_id")}, afresh)
        return self._claim_uploads(run.id, token)

    def _take_over(
        self, run: TrainingRun, token: str, request: PartitionRequest
    ) -> TrainingRun:
        taken = self._store.runs.change(
            {"_id": run.id, "token": run.token},
            {
                "token": token,
                "attempts": run.attempts + 1,
                "flow_run_id": request.flow_run_id,
            },
        )
        if not taken:
            raise LeaseLost("LEASE_LOST", run=run.id)
        return self._claim_uploads(run.id, token)

    def _claim_uploads(self, run_id: str, token: str) -> TrainingRun:
        run = self._store.runs.get(run_id)
        claim = Claim(token=token, run_id=run_id).model_dump(mode="json")
        for upload_id in run.upload_ids:
            self._store.uploads.change(
                {
                    "_id": upload_id,
                    "$or": [
                        {"status": UploadStatus.PENDING},
                        {"status": UploadStatus.CLAIMED, "claim.run_id": run_id},
                    ],
                },
                {"status": UploadStatus.CLAIMED, "claim": claim},
            )
        return run

    def _hold(self, run: TrainingRun) -> None:
        self._store.uploads.change(
            {"claim.run_id": run.id, "status": UploadStatus.CLAIMED},
            {
                "status": UploadStatus.HELD,
                "reason": "TRAINING_FAILED_TOO_OFTEN",
                "claim": None,
            },
        )
        self._store.runs.change(
            {"_id": run.id, "status": RunStatus.OPEN},
            {"status": RunStatus.HELD, "finished_at": to_text(self._clock())},
        )
