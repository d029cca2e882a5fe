"""The training of one partition, step by step.

Every step is idempotent and remembered: what it produced stands in the run's
document, so a run that is taken over goes on after the last finished step. A step
commits under the lease token of its run only.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tripadvance_core.domain.entities import (
    RunStatus,
    StepUnderWay,
    StoredFile,
    TrainingRun,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.promotion import Outcome
from tripadvance_core.domain.times import Clock, to_text
from tripadvance_core.errors import LeaseLost
from tripadvance_core.learning.boosting import TrainingParameters
from tripadvance_core.learning.evaluation import (
    CARD_FILE,
    ModelCard,
    RouteMedians,
    original_baseline,
)
from tripadvance_core.learning.model import FORMAT, FareModel
from tripadvance_core.learning.training import LEARNER, fit
from tripadvance_core.services.alerts import Alerts
from tripadvance_core.services.comparison import Said
from tripadvance_core.services.experiments import require_all
from tripadvance_core.services.growing import ClusterGrower
from tripadvance_core.services.history import History, read_history, trained_uploads
from tripadvance_core.services.judging import Judging
from tripadvance_core.services.night_settings import NightSettingsService
from tripadvance_core.services.panels import store_hashes
from tripadvance_core.services.progress import OnRound, RoundsRecorder, untold
from tripadvance_core.services.promotion import Promoter
from tripadvance_core.services.registry import Registry
from tripadvance_core.services.review import Review
from tripadvance_core.services.rows import RowProver, SoundRows
from tripadvance_core.services.uploads import OLDEST_FIRST, mark_withdrawn
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database, Where
from tripadvance_core.storage.objects import ObjectStore, store_apart
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.joining import ROW_HASH

if TYPE_CHECKING:
    from tripadvance_core.learning.tuning import Tuned


class TrainingService:
    """Carries a claimed partition through preprocess, train, save and promote."""

    def __init__(
        self,
        settings: Settings,
        night_settings: NightSettingsService,
        database: Database,
        objects: ObjectStore,
        prover: RowProver,
        registry: Registry,
        judging: Judging,
        promoter: Promoter,
        alerts: Alerts,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._night_settings = night_settings
        self._store = Repositories(database)
        self._objects = objects
        self._prover = prover
        self._registry = registry
        self._judging = judging
        self._promoter = promoter
        self._alerts = alerts
        self._review = Review(database, objects, clock)
        self._clock = clock

    def run(self, run_id: str) -> TrainingRun:
        """Return a run with what its steps have produced so far."""
        return self._store.runs.get(run_id)

    def runs(self) -> list[TrainingRun]:
        """Return every run, first one first."""
        return self._store.runs.select(order=[("number", 1)])

    def run_of_flow(self, flow_run_id: str) -> TrainingRun | None:
        """Return the run that a Prefect flow run carries out, if it has begun one."""
        runs = self._store.runs.select({"flow_run_id": flow_run_id}, limit=1)
        return runs[0] if runs else None

    def preprocess(
        self, run_id: str, token: str, *, prover: RowProver | None = None
    ) -> None:
        """Prove that the rows of every file of the partition are there and sound.

        A file whose rows are lost or damaged is held; the others go on. An experiment
        changes no file: it ends there.

        Parameters
        ----------
        prover
            Looks at the files, if not the one of this service; what follows for them
            is decided here.
        """
        with self._step(run_id, token, "preprocess") as result:
            if result is None:
                return
            run = self._store.runs.get(run_id)
            uploads = self._uploads(run, token)
            if run.experiment is not None:
                require_all(run.upload_ids, uploads)
            sound = self._sound(prover or self._prover, uploads, run, token)
            result["files"] = len(sound)
            result["rows_total"] = sum(upload.rows_total for upload in uploads)
            result["rows_kept"] = sum(rows.kept for rows in sound)
            result["rows_reserved"] = sum(rows.reserved for rows in sound)

    def train(
        self,
        run_id: str,
        token: str,
        *,
        stop_at: datetime | None = None,
        on_round: OnRound = untold,
    ) -> None:
        """Fit the challenger on the whole history but its reserved rows.

        Raises
        ------
        WindowClosed
            ``TRAINING_STOPPED`` when ``stop_at`` came first, or a person has stopped
            the run; nothing is kept.
        """
        with self._step(run_id, token, "train") as result:
            if result is None:
                return
            run = self._store.runs.get(run_id)
            rounds = RoundsRecorder(self._store, run, token, on_round)
            rounds.stop_if_asked()
            history = self._history(run, token)
            parameters = self._parameters(run)
            tuned = self._tuned(history, parameters, stop_at)
            if tuned is not None:
                parameters = tuned.applied_to(parameters)
                result["tuned"] = tuned.model_dump(mode="json")
            grower = ClusterGrower(
                self._settings,
                self._objects,
                history,
                on_loss=lambda loss: self._alerts.cluster_lost(run, loss),
            )
            model = fit(
                history.training,
                parameters,
                stop_at=lambda: (
                    rounds.asked_to_stop
                    or (stop_at is not None and self._clock() >= stop_at)
                ),
                on_round=rounds,
                grower=grower,
            )
            made_by = parameters.model_dump(mode="json")
            if grower.engine is not None:  # the same rows give other bytes there
                made_by["engine"] = grower.engine
            medians = RouteMedians.of(history.training)
            said, card = _calibrated(model, history, medians)
            model = said.model
            model_id = _model_id(history, made_by, run)
            contents = model.to_files() | card
            result["model_id"] = model_id
            result |= self._judging.keep_rows(run, history, medians, said, model_id)
            folder = f"models/{model_id}"
            files = [
                store_apart(self._objects, folder, name, content)
                for name, content in contents.items()
            ]
            self._registry.trust(files)
            result["files"] = [file.model_dump(mode="json") for file in files]
            result["trained_on"] = store_hashes(
                self._objects,
                folder,
                "trained-on",
                history.training.column(ROW_HASH),
            ).model_dump(mode="json")
            result["parameters"] = made_by
            result["features"] = list(model.features)
            learned_from = [upload.id for upload in history.uploads]
            # Apart, for the record of a run is written again and again.
            result["learned_from"] = store_apart(
                self._objects, folder, "uploads.json", json.dumps(learned_from).encode()
            ).model_dump(mode="json")
            result["new_upload_ids"] = learned_from[history.earlier :]
            result["training_rows"] = len(history.training)
            result["holdout_rows"] = len(history.holdout)
            if run.experiment is None:
                profile = self._review.keep_profile(run_id, history.rows)
                result["profile"] = profile.model_dump(mode="json")

    def save(self, run_id: str, token: str) -> None:
        """Score challenger and rival on the reserved rows and register the model."""
        with self._step(run_id, token, "save") as result:
            if result is None:
                return
            run = self._store.runs.get(run_id)
            comparison = self._judging.comparison(run)
            version = self._judging.registered(run, comparison)
            shadows = self._promoter.score_shadows(
                run, comparison.rows, comparison.baseline
            )
            result["panels"] = [p.model_dump(mode="json") for p in version.panels]
            result["shadows"] = {
                name: file.model_dump(mode="json") for name, file in shadows.items()
            }
            # What was withdrawn while it was trained found no model to mark.
            mark_withdrawn(self._store, version)
            self._store.uploads.change(
                {"claim.token": token, "status": UploadStatus.CLAIMED},
                {
                    "status": UploadStatus.TRAINED,
                    "trained_in": run_id,
                    "claim": None,
                },
            )

    def promote(self, run_id: str, token: str) -> None:
        """Decide on the challenger, move MASTER if it won, and close the run."""
        with self._step(run_id, token, "promote", last=True) as result:
            if result is None:
                return
            run = self._store.runs.get(run_id)
            version = self._store.models.get(run.steps["train"]["model_id"])
            decision = version.decision
            if decision is None or run.rebuild is not None:
                decision = self._promoter.decide_on(version, run)
            self._store.models.change(
                {"_id": version.id, "decision": None},
                {"decision": decision.model_dump(mode="json")},
            )
            if decision.outcome is Outcome.HOLD:
                self._alerts.challenger_held(version, decision.reason)
            shadows = run.steps["save"]["shadows"]
            looks = self._promoter.look_again(
                run,
                {name: StoredFile.model_validate(shadows[name]) for name in shadows},
            )
            result["shadows"] = {
                f"v{self._store.models.get(model_id).number}": {
                    "outcome": look.outcome,
                    "reason": look.reason,
                }
                for model_id, look in looks.items()
            }
            result["outcome"] = decision.outcome
            result["reason"] = decision.reason

    @contextmanager
    def _step(
        self, run_id: str, token: str, name: str, *, last: bool = False
    ) -> Iterator[dict[str, Any] | None]:
        """Give a result to fill, or None when the step was finished before.

        The result and, after the last step, the end of the run are written at once.
        """
        run = self._store.runs.get(run_id)
        if run.token == token and name in run.steps:
            yield None
            return
        if run.token != token or run.status is not RunStatus.OPEN:
            raise LeaseLost("LEASE_LOST", run=run_id)
        mine = {"_id": run_id, "token": token, "status": RunStatus.OPEN}
        begun = StepUnderWay(name=name, since=self._clock())
        if not self._store.runs.change(
            mine, {"under_way": begun.model_dump(mode="json")}
        ):
            raise LeaseLost("LEASE_LOST", run=run_id)
        result: dict[str, Any] = {}
        wall, cpu = time.perf_counter(), time.process_time()
        yield result
        result["wall_seconds"] = round(time.perf_counter() - wall, 3)
        result["cpu_seconds"] = round(time.process_time() - cpu, 3)
        end = {"status": RunStatus.DONE, "finished_at": to_text(self._clock())}
        changes = {f"steps.{name}": result, "under_way": None} | (end if last else {})
        if not self._store.runs.change(mine, changes):
            raise LeaseLost("LEASE_LOST", run=run_id)

    def _uploads(self, run: TrainingRun, token: str) -> list[Upload]:
        """Return what a run has claimed, or an experiment was ordered on."""
        chosen: Where = {"claim.token": token}
        if run.experiment is not None:
            chosen = {"_id": {"$in": list(run.upload_ids)}}
        return self._store.uploads.select(chosen, order=OLDEST_FIRST)

    def _change_claimed(
        self, upload: Upload, token: str, changes: dict[str, Any]
    ) -> None:
        mine = {"_id": upload.id, "claim.token": token}
        if not self._store.uploads.change(mine, changes):
            raise LeaseLost("LEASE_LOST", run=upload.id)

    def _sound(
        self, prover: RowProver, uploads: list[Upload], run: TrainingRun, token: str
    ) -> list[SoundRows]:
        """Prove the rows of each upload; one whose rows are lost or damaged is held.

        An experiment holds nothing: it raises.
        """
        sound = []
        for upload, proof in zip(uploads, prover.prove(uploads), strict=True):
            if isinstance(proof, SoundRows):
                sound.append(proof)
            elif run.experiment is not None:
                raise proof
            else:
                self._hold(upload, token, proof.code)
        return sound

    def _hold(self, upload: Upload, token: str, reason: str) -> None:
        held = {"status": UploadStatus.HELD, "reason": reason, "claim": None}
        self._alerts.upload_held(upload, reason)
        self._change_claimed(upload, token, held)

    def _tuned(
        self,
        history: History,
        parameters: TrainingParameters,
        stop_at: datetime | None,
    ) -> "Tuned | None":
        """Search for parameters from what former nights found; half the time is left."""
        seconds = 60 * self._settings.tuning_minutes
        if stop_at is not None:
            seconds = min(seconds, (stop_at - self._clock()).total_seconds() / 2)
        if seconds <= 0:
            return None
        # Here, for Optuna takes every process that starts half a second.
        from tripadvance_core.learning.tuning import Tuned, tune

        nights = (run for run in self.runs() if run.experiment is None)
        found = (run.steps.get("train", {}).get("tuned") for run in nights)
        former = [Tuned.model_validate(tuned) for tuned in found if tuned]
        return tune(
            history.training,
            parameters,
            seconds=seconds,
            former=former[-1] if former else None,
        )

    def _history(self, run: TrainingRun, token: str) -> History:
        """Read all that was trained on and what a run has claimed.

        An experiment learns from the files alone that it was ordered on.
        """
        own = self._uploads(run, token)
        earlier = trained_uploads(self._store)
        if run.experiment is not None:
            earlier = [u for u in own if u.status is UploadStatus.TRAINED]
            own = [u for u in own if u.status is not UploadStatus.TRAINED]
        most_rows = self._night_settings.of_run(run).history_rows
        return read_history(self._objects, earlier, own, most_rows)

    def _parameters(self, run: TrainingRun) -> TrainingParameters:
        settings, night = self._settings, self._night_settings.of_run(run)
        return TrainingParameters(
            boosting_rounds=night.boosting_rounds,
            learning_rate=night.learning_rate,
            max_leaves=night.max_leaves,
            device=settings.device,
            threads=settings.threads,
            seed=settings.seed,
        )


def _calibrated(
    model: FareModel, history: History, medians: RouteMedians
) -> tuple[Said, dict[str, bytes]]:
    """Calibrate a model and write its card, from one prediction of the reserved rows.

    Without such rows there is no card.
    """
    holdout, said = history.holdout, Said.by(model, history)
    if holdout.empty:
        return replace(said, model=model.calibrated(holdout)), {}
    model = model.calibrated_on(said.estimate, holdout["price"].to_numpy(np.float64))
    original = original_baseline(history.training)
    card = ModelCard.of(model, holdout, said.estimate, medians, original)
    return replace(said, model=model), {CARD_FILE: card.model_dump_json().encode()}


def _model_id(history: History, parameters: Mapping[str, Any], run: TrainingRun) -> str:
    """Name a model after what it is made of: same data and parameters, same model.

    An experiment is a model of its own: what is decided on it counts for no other.
    """
    made_of: dict[str, Any] = {
        "format": FORMAT,
        "learner": LEARNER,
        "cleaned": [u.cleaned.sha256 for u in history.uploads if u.cleaned],
        "most_rows": history.most_rows,
        "parameters": dict(parameters),
    }
    if run.experiment is not None:
        made_of["experiment"] = run.id
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode())
    return digest.hexdigest()[:20]
