"""The training of one partition, step by step.

Every step is idempotent and remembered: what it produced stands in the run's
document, so a run that is taken over goes on after the last finished step. A step
commits under the lease token of its run only.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pandas as pd

from tripadvance_core.domain.entities import (
    ModelRole,
    ModelVersion,
    Rebuild,
    RunStatus,
    StoredFile,
    TrainingRun,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.domain.promotion import (
    Outcome,
    Panel,
    PromotionDecision,
    PromotionPolicy,
    decide,
)
from tripadvance_core.domain.times import Clock, to_text
from tripadvance_core.errors import Conflict, Corrupted, LeaseLost, NotFound
from tripadvance_core.learning.boosting import TrainingParameters
from tripadvance_core.learning.evaluation import (
    CARD_FILE,
    ModelCard,
    groups_of,
    route_median_baseline,
)
from tripadvance_core.learning.model import FareModel
from tripadvance_core.learning.training import fit
from tripadvance_core.services.history import History, read_history, read_rows
from tripadvance_core.services.registry import Registry
from tripadvance_core.services.review import Review
from tripadvance_core.services.uploads import OLDEST_FIRST, mark_withdrawn
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore, load_file, store_file
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.jobs import from_parquet, to_parquet
from tripadvance_core.tabular.joining import RESERVED, ROW_HASH

OnRound = Callable[[int, int], None]
"""Told after every boosting round: how many are done, of how many."""


def untold(_done: int, _of: int) -> None:
    """Tell nobody."""


NIGHT = "night"
"""Who moves MASTER when nobody asked by hand."""


class TrainingService:
    """Carries a claimed partition through preprocess, train, save and promote."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        objects: ObjectStore,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = Repositories(database)
        self._objects = objects
        self._registry = registry
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

    def preprocess(self, run_id: str, token: str) -> None:
        """Prove that the rows of every file of the partition are there and sound.

        A file whose rows are lost or damaged is held; the others go on.
        """
        with self._step(run_id, token, "preprocess") as result:
            if result is None:
                return
            uploads = self._claimed_uploads(token)
            cleaned = [f for u in uploads if (f := self._rows(u, token)) is not None]
            result["files"] = len(cleaned)
            result["rows_total"] = sum(upload.rows_total for upload in uploads)
            result["rows_kept"] = sum(len(frame) for frame in cleaned)
            result["rows_reserved"] = sum(int(f[RESERVED].sum()) for f in cleaned)

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
            ``TRAINING_STOPPED`` when ``stop_at`` came first; nothing is kept.
        """
        with self._step(run_id, token, "train") as result:
            if result is None:
                return
            history = self._history(token)
            parameters = self._parameters()
            model = fit(
                history.training,
                parameters,
                stop_at=lambda: stop_at is not None and self._clock() >= stop_at,
                on_round=on_round,
            ).calibrated(history.holdout)
            model_id = _model_id(history, parameters)
            files = model.to_files() | _card_file(model, history)
            result["model_id"] = model_id
            result["files"] = [
                store_file(
                    self._objects, f"models/{model_id}/{name}", content
                ).model_dump(mode="json")
                for name, content in files.items()
            ]
            result["parameters"] = parameters.model_dump(mode="json")
            result["features"] = list(model.features)
            result["upload_ids"] = [upload.id for upload in history.uploads]
            result["training_rows"] = len(history.training)
            result["holdout_rows"] = len(history.holdout)
            profile = self._review.keep_profile(run_id, history.rows)
            result["profile"] = profile.model_dump(mode="json")

    def save(self, run_id: str, token: str) -> None:
        """Score challenger and rival on the reserved rows and register the model."""
        with self._step(run_id, token, "save") as result:
            if result is None:
                return
            run = self._store.runs.get(run_id)
            self._register(run, self._history(token))
            # What was withdrawn while it was trained found no model to mark.
            model = self._store.models.get(run.steps["train"]["model_id"])
            mark_withdrawn(self._store, model)
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
            if run.rebuild is not None:
                decision = self._enthrone_rebuilt(version, run.rebuild)
            else:
                decision = version.decision or self._enthrone(
                    version, self._decide(version)
                )
            if version.decision is None:
                self._store.models.change(
                    {"_id": version.id}, {"decision": decision.model_dump(mode="json")}
                )
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
        if run.token != token or run.status is not RunStatus.OPEN:
            raise LeaseLost("LEASE_LOST", run=run_id)
        if name in run.steps:
            yield None
            return
        result: dict[str, Any] = {}
        wall, cpu = time.perf_counter(), time.process_time()
        yield result
        result["wall_seconds"] = round(time.perf_counter() - wall, 3)
        result["cpu_seconds"] = round(time.process_time() - cpu, 3)
        end = {"status": RunStatus.DONE, "finished_at": to_text(self._clock())}
        mine = {"_id": run_id, "token": token, "status": RunStatus.OPEN}
        changes = {f"steps.{name}": result} | (end if last else {})
        if not self._store.runs.change(mine, changes):
            raise LeaseLost("LEASE_LOST", run=run_id)

    def _claimed_uploads(self, token: str) -> list[Upload]:
        return self._store.uploads.select({"claim.token": token}, order=OLDEST_FIRST)

    def _change_claimed(
        self, upload: Upload, token: str, changes: dict[str, Any]
    ) -> None:
        mine = {"_id": upload.id, "claim.token": token}
        if not self._store.uploads.change(mine, changes):
            raise LeaseLost("LEASE_LOST", run=upload.id)

    def _rows(self, upload: Upload, token: str) -> pd.DataFrame | None:
        """Return the rows of an upload; without them, or damaged, it is held."""
        try:
            return read_rows(self._objects, upload)
        except (NotFound, Corrupted) as loss:
            held = {"status": UploadStatus.HELD, "reason": loss.code, "claim": None}
            self._change_claimed(upload, token, held)
            return None

    def _history(self, token: str) -> History:
        return read_history(
            self._store, self._objects, token, self._settings.history_rows
        )

    def _parameters(self) -> TrainingParameters:
        settings = self._settings
        return TrainingParameters(
            boosting_rounds=settings.boosting_rounds,
            learning_rate=settings.learning_rate,
            max_depth=settings.max_depth,
            device=settings.device,
            threads=settings.threads,
            seed=settings.seed,
        )

    def _register(self, run: TrainingRun, history: History) -> None:
        trained = run.steps["train"]
        if self._store.models.find(trained["model_id"]) is not None:
            return
        files = tuple(StoredFile.model_validate(file) for file in trained["files"])
        master = self._registry.master()
        scores = self._score(history, self._registry.load_files(files), master)
        self._store.models.add(
            ModelVersion(
                id=trained["model_id"],
                number=run.number,
                run_id=run.id,
                role=ModelRole.CHALLENGER,
                created_at=self._clock(),
                files=files,
                predictions=store_file(
                    self._objects,
                    f"models/{trained['model_id']}/holdout.parquet",
                    to_parquet(scores),
                ),
                currency=self._settings.base_currency,
                upload_ids=tuple(trained["upload_ids"]),
                training_rows=trained["training_rows"],
                holdout_rows=trained["holdout_rows"],
                features=tuple(trained["features"]),
                parameters=trained["parameters"],
                metrics=_metrics(scores, "challenger"),
                baseline_metrics=_metrics(scores, "baseline"),
                rival_id=master.id if master else None,
                rival_metrics=_metrics(scores, "rival"),
            )
        )

    def _score(
        self, history: History, challenger: FareModel, master: ModelVersion | None
    ) -> pd.DataFrame:
        """Predict the same reserved rows with challenger, baseline and rival."""
        rows = history.holdout
        baseline = route_median_baseline(history.training)(rows)
        return pd.DataFrame(
            {
                ROW_HASH: rows[ROW_HASH],
                "group": groups_of(rows),
                "actual": rows["price"],
                "challenger": challenger.predict(rows)["predicted_price"],
                "baseline": baseline,
                "rival": (
                    self._registry.load(master).predict(rows)["predicted_price"]
                    if master
                    else baseline
                ),
            }
        )

    def _decide(
        self, version: ModelVersion, *, against_baseline: bool = False
    ) -> PromotionDecision:
        """Decide on the stored predictions, proven by their checksum."""
        scores = from_parquet(load_file(self._objects, version.predictions))
        rival = "baseline" if against_baseline else "rival"
        panel = Panel(
            actual=scores["actual"].to_numpy(float),
            challenger=scores["challenger"].to_numpy(float),
            rival=scores[rival].to_numpy(float),
            groups=scores["group"].to_numpy("int64"),
        )
        policy = PromotionPolicy(
            min_gain=self._settings.min_gain,
            confidence=self._settings.promotion_confidence,
            min_groups=self._settings.min_groups,
            seed=self._settings.seed,
        )
        return decide(
            panel,
            policy,
            challenger_id=version.id,
            rival_id=None if against_baseline else version.rival_id,
        )

    def _enthrone(
        self, version: ModelVersion, decision: PromotionDecision
    ) -> PromotionDecision:
        """Move MASTER as decided; hold the model if MASTER moved meanwhile."""
        return self._switched(
            version, decision, version.rival_id, decision.reason, NIGHT
        )

    def _enthrone_rebuilt(
        self, version: ModelVersion, rebuild: Rebuild
    ) -> PromotionDecision:
        """Move MASTER to the model that a person has ordered in its place.

        It need not be better than a MASTER that has learned from withdrawn files, but
        it must beat the baseline.
        """
        decision = self._decide(version, against_baseline=True)
        rebuilt = decision.outcome is Outcome.PROMOTE
        reason = "REBUILT" if rebuilt else "REBUILT_WORSE_THAN_BASELINE"
        decision = decision.model_copy(update={"reason": reason})
        return self._switched(
            version, decision, rebuild.replaces, rebuild.reason, rebuild.by
        )

    def _switched(
        self,
        version: ModelVersion,
        decision: PromotionDecision,
        replacing: str | None,
        reason: str,
        by: str,
    ) -> PromotionDecision:
        pointer = self._registry.pointer()
        reigns = pointer is not None and pointer.model_id == version.id
        if decision.outcome is not Outcome.PROMOTE or reigns:
            return decision
        try:
            self._registry.switch(version, replacing=replacing, reason=reason, by=by)
        except Conflict as conflict:
            return decision.model_copy(
                update={"outcome": Outcome.HOLD, "reason": conflict.code}
            )
        return decision


def _card_file(model: FareModel, history: History) -> dict[str, bytes]:
    """Return the model's card as a file; without reserved rows there is none."""
    if history.holdout.empty:
        return {}
    card = ModelCard.of(model, history.training, history.holdout)
    return {CARD_FILE: card.model_dump_json().encode()}


def _metrics(scores: pd.DataFrame, column: str) -> RegressionMetrics | None:
    if scores.empty:
        return None
    return RegressionMetrics.of(
        scores["actual"].to_numpy(float), scores[column].to_numpy(float)
    )


def _model_id(history: History, parameters: TrainingParameters) -> str:
    """Name a model after what it is made of: same data and parameters, same model."""
    made_of = {
        "cleaned": [u.cleaned.sha256 for u in history.uploads if u.cleaned],
        "most_rows": history.most_rows,
        "parameters": parameters.model_dump(mode="json"),
    }
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode())
    return digest.hexdigest()[:20]
