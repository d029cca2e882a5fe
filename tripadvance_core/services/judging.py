"""The challenger beside its rival: on which rows, and what each says of them."""

import json
from dataclasses import dataclass
from importlib.metadata import version as version_of
from typing import Any

import numpy as np
import pandas as pd

from tripadvance_core.domain.entities import (
    ModelRole,
    ModelVersion,
    StandingPanel,
    StoredFile,
    TrainingRun,
)
from tripadvance_core.domain.metrics import Floats, RegressionMetrics
from tripadvance_core.domain.panels import PanelProof
from tripadvance_core.domain.promotion import Resources
from tripadvance_core.domain.times import Clock
from tripadvance_core.learning.evaluation import RouteMedians
from tripadvance_core.services.comparison import (
    PREDICTED,
    Said,
    predictions,
    require_same_prices,
    reserved_rows,
    score,
    seconds_a_price,
)
from tripadvance_core.services.history import History, read_history, trained_uploads
from tripadvance_core.services.panels import Panels, load_hashes
from tripadvance_core.services.registry import Registry
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore, load_file, store_apart
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.jobs import from_parquet, to_parquet


@dataclass(frozen=True)
class Comparison:
    """The rows of the panels, what is said of each, and panel B itself."""

    rows: pd.DataFrame
    predicted: pd.DataFrame
    baseline: Floats
    panel_b: StandingPanel | None


class Judging:
    """Keeps what a challenger is judged on, and registers it beside its rival."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        objects: ObjectStore,
        registry: Registry,
        panels: Panels,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = Repositories(database)
        self._objects = objects
        self._registry = registry
        self._panels = panels
        self._clock = clock

    def keep_rows(
        self,
        run: TrainingRun,
        history: History,
        medians: RouteMedians,
        said: Said,
        model_id: str,
    ) -> dict[str, Any]:
        """Store the rows of both panels, with what challenger and baseline say of them.

        Here, where the whole history is at hand, so that what comes after costs no more
        as the history grows.
        """
        if run.experiment is not None:  # judged as a night is
            new = history.uploads[history.earlier :]
            earlier = trained_uploads(self._store)
            history = read_history(self._objects, earlier, new, history.most_rows)
        reserved = reserved_rows(history)
        panel_b = self._panels.standing(reserved.standing)
        in_b = (
            np.empty(0, np.uint64) if panel_b is None else self._panels.rows_of(panel_b)
        )
        rows, chosen = reserved.panels(in_b)
        asked_anew = run.experiment is not None
        predicted = predictions(
            said.model,
            rows,
            said.model.estimate(rows) if asked_anew else said.of(rows, chosen),
        )
        table = to_parquet(rows.assign(baseline=medians(rows), **predicted))
        judged_on = store_apart(
            self._objects, f"models/{model_id}", "judged-on.parquet", table
        )
        return {
            "judged_on": judged_on.model_dump(mode="json"),
            "panel_b": panel_b.id if panel_b else None,
        }

    def comparison(self, run: TrainingRun) -> Comparison:
        """Read the rows of both panels, and what is said of them."""
        trained = run.steps["train"]
        judged_on = StoredFile.model_validate(trained["judged_on"])
        rows = from_parquet(load_file(self._objects, judged_on))
        predicted = pd.DataFrame({name: rows.pop(name) for name in PREDICTED})
        baseline = rows.pop("baseline").to_numpy(np.float64)
        panel_b = trained["panel_b"]
        return Comparison(
            rows, predicted, baseline, self._panels.get(panel_b) if panel_b else None
        )

    def registered(self, run: TrainingRun, comparison: Comparison) -> ModelVersion:
        """Score the challenger beside its rival and register it, once."""
        trained = run.steps["train"]
        former = self._store.models.find(trained["model_id"])
        if former is not None:
            return former
        model_id = trained["model_id"]
        files = tuple(StoredFile.model_validate(file) for file in trained["files"])
        trained_on = StoredFile.model_validate(trained["trained_on"])
        learned_from = StoredFile.model_validate(trained["learned_from"])
        challenger = self._registry.load_files(model_id, files)
        require_same_prices(model_id, challenger, comparison.rows, comparison.predicted)
        reigning = self._registry.master()
        master, rival = self._registry.rival() or (None, None)
        scores = score(
            comparison.rows, comparison.predicted, rival, comparison.baseline
        )
        version = ModelVersion(
            id=model_id,
            number=run.number,
            run_id=run.id,
            role=ModelRole.CHALLENGER,
            created_at=self._clock(),
            files=files,
            predictions=store_apart(
                self._objects,
                f"models/{model_id}",
                "panels.parquet",
                to_parquet(scores),
            ),
            trained_on=trained_on,
            panels=self._proofs(model_id, trained_on, master, comparison),
            resources=Resources(
                size_bytes=sum(file.size_bytes for file in files),
                training_rows=trained["training_rows"],
                seconds_a_price=seconds_a_price(challenger, comparison.rows),
            ),
            seal=self._registry.seal(model_id, files),
            code_version=version_of("tripadvance"),
            currency=self._settings.base_currency,
            upload_ids=tuple(json.loads(load_file(self._objects, learned_from))),
            training_rows=trained["training_rows"],
            holdout_rows=len(scores),
            features=tuple(trained["features"]),
            parameters=trained["parameters"],
            metrics=_metrics(scores, "challenger"),
            baseline_metrics=_metrics(scores, "baseline"),
            rival_id=master.id if master else None,
            replaces=reigning.id if reigning and not master else None,
            rival_metrics=_metrics(scores, "rival"),
            experiment=run.experiment is not None,
        )
        self._store.models.add(version)
        return version

    def _proofs(
        self,
        model_id: str,
        trained_on: StoredFile,
        master: ModelVersion | None,
        comparison: Comparison,
    ) -> tuple[PanelProof, ...]:
        panel_b = comparison.panel_b
        if panel_b is not None:
            panel_b = self._panels.use(panel_b, model_id)
        trained = [
            load_hashes(self._objects, trained_on),
            *self._panels.trained_on([master] if master else []),
        ]
        return self._panels.prove(comparison.rows, trained, panel_b)


def _metrics(scores: pd.DataFrame, column: str) -> RegressionMetrics | None:
    if scores.empty:
        return None
    actual, predicted, weights = (
        scores[name].to_numpy(float) for name in ("actual", column, "weight")
    )
    return RegressionMetrics.of(actual, predicted, weights)
