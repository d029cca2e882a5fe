"""Decisions on models: the challenger of a night, and those that stay in shadow.

A challenger that is held, and a MASTER that lost its place a few nights ago, go on
being compared with MASTER on the new rows of every night. Each look pools all rows so
far; the same rule decides, and a former MASTER that wins gets its place back.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import pandas as pd

from tripadvance_core.domain.entities import (
    DecisionRecord,
    Experiment,
    ModelVersion,
    Rebuild,
    Shadow,
    StoredFile,
    TrainingRun,
)
from tripadvance_core.domain.metrics import Floats
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.domain.promotion import (
    Outcome,
    Panel,
    PromotionDecision,
    PromotionPolicy,
    Resources,
    decide,
)
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import AlreadyExists, Conflict, Outdated
from tripadvance_core.services.comparison import OWN, panel_of, predictions, score
from tripadvance_core.services.night_settings import NightSettingsService
from tripadvance_core.services.panels import Panels
from tripadvance_core.services.registry import NIGHT, Registry
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore, load_file, store_apart
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.jobs import from_parquet, to_parquet

_OUTDATED = "OUTDATED_MASTER_REPLACED"


class Promoter:
    """Decides on models by their stored predictions, and moves MASTER as decided."""

    def __init__(
        self,
        settings: Settings,
        night_settings: NightSettingsService,
        database: Database,
        objects: ObjectStore,
        registry: Registry,
        panels: Panels,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._night_settings = night_settings
        self._store = Repositories(database)
        self._objects = objects
        self._registry = registry
        self._panels = panels
        self._clock = clock

    @property
    def current_policy(self) -> PromotionPolicy:
        """The rule, as the settings that are in force have it."""
        return self._policy(self._night_settings.current())

    def policy_of(self, run: TrainingRun) -> PromotionPolicy:
        """Return the rule, as the settings that a run follows have it."""
        return self._policy(self._night_settings.of_run(run))

    def _policy(self, night: NightSettings) -> PromotionPolicy:
        settings = self._settings
        return PromotionPolicy(
            metric=night.promotion_metric,
            min_gain=night.min_gain,
            confidence=settings.promotion_confidence,
            max_looks=settings.promotion_looks,
            min_groups=settings.min_groups,
            min_rows=settings.min_rows,
            seed=settings.seed,
        )

    def decide_on(self, version: ModelVersion, run: TrainingRun) -> PromotionDecision:
        """Decide on the challenger of a run, and move MASTER if it won.

        The decision is recorded before anything moves; whoever takes the run over finds
        the record, and MASTER moved or not. Of an experiment only what would become of
        it is recorded, unless it may become MASTER; it is never kept in shadow.
        """
        if run.rebuild is not None:
            return self._enthrone_rebuilt(version, run, run.rebuild)
        record = self._recorded(
            DecisionRecord(
                id=f"{run.id}-{version.id}",
                challenger_id=version.id,
                rival_id=version.rival_id,
                run_id=run.id,
                decided_at=self._clock(),
                evidence=(version.predictions,),
                resources=self._resources(version, version.rival_id),
                decision=self._judged(version, self.policy_of(run)),
            )
        )
        if run.experiment is not None:
            return self._tried(version, record, run.experiment)
        decision = self._switched(
            version,
            record,
            replacing=version.rival_id or version.replaces,
            reason=_OUTDATED if version.replaces else None,
        )
        if version.replaces and decision.outcome is Outcome.PROMOTE:
            return decision.model_copy(update={"reason": _OUTDATED})
        if decision.outcome is Outcome.HOLD and version.rival_id is not None:
            self._keep_in_shadow(version, run)
        return decision

    def recompute(self, record: DecisionRecord) -> PromotionDecision:
        """Decide again on the stored predictions of a record, by its own policy.

        Raises
        ------
        Corrupted
            ``CHECKSUM_MISMATCH`` where they have changed.
        """
        former = record.decision
        version = self._store.models.get(record.challenger_id)
        return decide(
            self._panel(
                record.evidence,
                own_first=record.evidence[0] == version.predictions,
                against_baseline=former.rival_id is None,
            ),
            former.policy,
            challenger_id=former.challenger_id,
            rival_id=former.rival_id,
            look=former.look,
            panels=former.panels,
            resources=record.resources,
        )

    def score_shadows(
        self, run: TrainingRun, rows: pd.DataFrame, baseline: Floats
    ) -> dict[str, StoredFile]:
        """Let the shadows of MASTER predict the new rows of a run; files by shadow."""
        aside = run.rebuild is not None or run.experiment is not None
        reigning = None if aside else self._registry.rival()
        if reigning is None:
            return {}
        master, rival = reigning
        new = (rows["panel"] == OWN).to_numpy(bool)
        rows, baseline = rows[new].reset_index(drop=True), baseline[new]
        if rows.empty:
            return {}
        scored: dict[str, StoredFile] = {}
        for shadow in self._shadows(master):
            try:
                model = self._registry.load(self._store.models.get(shadow.model_id))
            except Outdated:
                self._store.shadows.change({"_id": shadow.id}, {"open": False})
                continue
            predicted = predictions(model, rows, model.estimate(rows))
            table = score(rows, predicted, rival, baseline)
            scored[shadow.id] = store_apart(
                self._objects,
                f"shadows/{shadow.id}",
                f"{run.id}.parquet",
                to_parquet(table),
            )
        return scored

    def look_again(
        self, run: TrainingRun, scored: Mapping[str, StoredFile]
    ) -> dict[str, PromotionDecision]:
        """Decide anew on every shadow, with what it predicted in this run, by model."""
        decisions = {}
        for shadow_id, file in scored.items():
            shadow = self._store.shadows.get(shadow_id)
            master = self._registry.master()
            if master is not None and master.id == shadow.rival_id and shadow.open:
                decisions[shadow.model_id] = self._look(shadow, run, file)
        return decisions

    def _look(
        self, shadow: Shadow, run: TrainingRun, file: StoredFile
    ) -> PromotionDecision:
        shadow = self._with_evidence(shadow, run, file)
        version = self._store.models.get(shadow.model_id)
        resources = self._resources(version, shadow.rival_id)
        policy = self.policy_of(run)
        if shadow.former:
            nights = max(1, self._settings.probation_nights)
            policy = policy.model_copy(update={"max_looks": nights})
        record = self._recorded(
            DecisionRecord(
                id=f"{run.id}-{version.id}",
                challenger_id=version.id,
                rival_id=shadow.rival_id,
                run_id=run.id,
                decided_at=self._clock(),
                evidence=shadow.evidence,
                resources=resources,
                decision=decide(
                    self._panel(shadow.evidence, own_first=not shadow.former),
                    policy,
                    challenger_id=version.id,
                    rival_id=shadow.rival_id,
                    look=len(shadow.run_ids),
                    panels=shadow.panels,
                    resources=resources,
                ),
            )
        )
        decision = self._switched(
            version,
            record,
            replacing=shadow.rival_id,
            reason="PROBATION_LOST" if shadow.former else None,
            bars_previous=shadow.former,
        )
        if not shadow.former:
            self._keep_decision(version, decision)
        if decision.outcome is not Outcome.HOLD:
            self._store.shadows.change({"_id": shadow.id}, {"open": False})
        return decision

    def _with_evidence(
        self, shadow: Shadow, run: TrainingRun, file: StoredFile
    ) -> Shadow:
        """Add a night's predictions and their proof to a shadow, once."""
        if run.id in shadow.run_ids:
            return shadow
        table = from_parquet(load_file(self._objects, file))
        models = map(self._store.models.get, (shadow.model_id, shadow.rival_id))
        proofs = self._panels.prove(table, self._panels.trained_on(models), None)
        grown = shadow.model_copy(
            update={
                "evidence": (*shadow.evidence, file),
                "panels": (*shadow.panels, *proofs),
                "run_ids": (*shadow.run_ids, run.id),
            }
        )
        changes = grown.to_document()
        self._store.shadows.change({"_id": changes.pop("_id")}, changes)
        return grown

    def _shadows(self, master: ModelVersion) -> list[Shadow]:
        self._begin_probation(master)
        return self._store.shadows.select({"rival_id": master.id, "open": True})

    def _begin_probation(self, master: ModelVersion) -> None:
        """Let the former MASTER stay in shadow, if no person has replaced it.

        What a person has decided stands until a person decides otherwise.
        """
        pointer = self._registry.pointer()
        if pointer is None or pointer.previous_model_id is None or pointer.by != NIGHT:
            return
        nights = timedelta(days=self._settings.probation_nights)
        former = self._store.models.get(pointer.previous_model_id)
        if self._clock() - pointer.at >= nights or former.barred:
            return
        with suppress(AlreadyExists):
            self._store.shadows.add(
                Shadow(
                    id=f"{former.id}-{pointer.version}",
                    model_id=former.id,
                    rival_id=master.id,
                    former=True,
                )
            )

    def _keep_in_shadow(self, version: ModelVersion, run: TrainingRun) -> None:
        if version.rival_id is None or version.barred:
            return
        with suppress(AlreadyExists):
            self._store.shadows.add(
                Shadow(
                    id=f"{version.id}-held",
                    model_id=version.id,
                    rival_id=version.rival_id,
                    former=False,
                    evidence=(version.predictions,),
                    panels=version.panels,
                    run_ids=(run.id,),
                )
            )

    def _judged(
        self, version: ModelVersion, policy: PromotionPolicy, *, rival: bool = True
    ) -> PromotionDecision:
        """Decide on a challenger against its rival, or else the baseline."""
        against_baseline = not rival or version.rival_id is None
        return decide(
            self._panel(
                (version.predictions,),
                own_first=True,
                against_baseline=against_baseline,
            ),
            policy,
            challenger_id=version.id,
            rival_id=None if against_baseline else version.rival_id,
            panels=version.panels,
            resources=self._resources(version, version.rival_id),
        )

    def _panel(
        self,
        evidence: Sequence[StoredFile],
        *,
        own_first: bool,
        against_baseline: bool = False,
    ) -> Panel:
        """Read stored predictions, proven by their checksums."""
        tables = [from_parquet(load_file(self._objects, file)) for file in evidence]
        rival = "baseline" if against_baseline else "rival"
        return panel_of(tables, rival, own_first=own_first)

    def _resources(
        self, version: ModelVersion, rival_id: str | None
    ) -> tuple[Resources, Resources] | None:
        rival = self._store.models.find(rival_id) if rival_id else None
        if rival is None or version.resources is None or rival.resources is None:
            return None
        return version.resources, rival.resources

    def _recorded(self, record: DecisionRecord) -> DecisionRecord:
        """Keep a record for good; whoever wrote it first is right."""
        with suppress(AlreadyExists):
            self._store.decisions.add(record)
        return self._store.decisions.get(record.id)

    def _keep_decision(
        self, version: ModelVersion, decision: PromotionDecision
    ) -> None:
        self._store.models.change(
            {"_id": version.id}, {"decision": decision.model_dump(mode="json")}
        )

    def _tried(
        self, version: ModelVersion, record: DecisionRecord, experiment: Experiment
    ) -> PromotionDecision:
        """Move MASTER to an experiment that won, if whoever ordered it allowed that."""
        decision = record.decision
        if experiment.may_become_master:
            return self._switched(
                version,
                record,
                replacing=version.rival_id or version.replaces,
                by=experiment.by,
            )
        if decision.outcome is not Outcome.PROMOTE:
            return decision
        return decision.model_copy(
            update={"outcome": Outcome.HOLD, "reason": "EXPERIMENT_ONLY"}
        )

    def _enthrone_rebuilt(
        self, version: ModelVersion, run: TrainingRun, rebuild: Rebuild
    ) -> PromotionDecision:
        """Move MASTER to the model that a person has ordered in its place.

        It need not be better than a MASTER that has learned from withdrawn files, but
        it must beat the baseline.
        """
        record = self._recorded(
            DecisionRecord(
                id=f"{run.id}-{version.id}",
                challenger_id=version.id,
                rival_id=None,
                run_id=run.id,
                decided_at=self._clock(),
                evidence=(version.predictions,),
                resources=self._resources(version, version.rival_id),
                decision=self._judged(version, self.policy_of(run), rival=False),
            )
        )
        rebuilt = record.decision.outcome is Outcome.PROMOTE
        reason = "REBUILT" if rebuilt else "REBUILT_WORSE_THAN_BASELINE"
        decision = self._switched(
            version,
            record,
            replacing=rebuild.replaces,
            reason=rebuild.reason,
            by=rebuild.by,
        )
        if decision.outcome is record.decision.outcome:
            return decision.model_copy(update={"reason": reason})
        return decision

    def _switched(
        self,
        version: ModelVersion,
        record: DecisionRecord,
        *,
        replacing: str | None,
        reason: str | None = None,
        by: str = NIGHT,
        bars_previous: bool = False,
    ) -> PromotionDecision:
        """Move MASTER as decided, once; hold the model if MASTER moved meanwhile."""
        decision = record.decision
        if decision.outcome is not Outcome.PROMOTE or self._is_done(record):
            return decision
        try:
            self._registry.switch(
                version,
                replacing=replacing,
                reason=reason or decision.reason,
                by=by,
                decision_id=record.id,
                bars_previous=bars_previous,
            )
        except Conflict as conflict:
            if self._is_done(record):
                return decision
            return decision.model_copy(
                update={"outcome": Outcome.HOLD, "reason": conflict.code}
            )
        return decision

    def _is_done(self, record: DecisionRecord) -> bool:
        """Tell whether MASTER has moved as decided.

        Whoever takes a run over may find that done, and undone by a person since.
        """
        done = self._registry.has_followed(record.id)
        pointer = self._registry.pointer()
        reigns = pointer is not None and pointer.model_id == record.challenger_id
        return done or reigns
