"""A night told to people: the same facts for the terminal and for Prefect."""

from collections.abc import Iterator

from tripadvance_core import formats
from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.domain.promotion import PromotionDecision
from tripadvance_core.messages import Language, sentence
from tripadvance_core.services.night import NightResult

Fact = tuple[str, str]


class NightReport:
    """Words and figures for the result of one run."""

    def __init__(self, result: NightResult, language: Language) -> None:
        self._result = result
        self._language = language

    @property
    def headline(self) -> str:
        """One sentence: how the run ended."""
        choice = self._result.choice
        if choice is None or self._result.trained:
            return self._say(self._result.state)
        if not choice.waiting_files:
            return self._say("NOTHING_WAITS")
        return self._say(
            self._result.state,
            missing=self._size(choice.missing_bytes),
            waiting=self._number(choice.waiting_files),
            settling=self._number(choice.settling_files),
        )

    def facts(self) -> list[Fact]:
        """Label and value of everything worth telling, in reading order."""
        return [
            *self._partition_facts(),
            *self._model_facts(),
            *self._decision_facts(),
            *self._shadow_facts(),
            *self._waiting_facts(),
        ]

    def markdown(self, model_url: str | None = None) -> str:
        """Write the report as Markdown, with a link to the model where there is one."""
        lines = [f"## {self.headline}", ""]
        facts = self.facts()
        if facts:
            lines += ["| | |", "|---|---|"]
            lines += [f"| {label} | {value} |" for label, value in facts]
        if model_url and self._result.model:
            name = self._say("REPORT_MODEL", number=self._result.model.number)
            lines += ["", f"[{name}]({model_url})"]
        return "\n".join(lines)

    def _partition_facts(self) -> Iterator[Fact]:
        run = self._result.run
        if run is None:
            return
        yield self._say("REPORT_PARTITION"), str(run.number)
        done = run.steps.get("preprocess")
        if done is not None:
            refused = done["rows_total"] - done["rows_kept"]
            yield self._say("REPORT_FILES"), self._number(done["files"])
            yield self._say("REPORT_ROWS_KEPT"), self._number(done["rows_kept"])
            yield self._say("REPORT_ROWS_REFUSED"), self._number(refused)
            yield self._say("REPORT_ROWS_RESERVED"), self._number(done["rows_reserved"])
        for step, result in run.steps.items():
            seconds = self._number(result["wall_seconds"], decimals=1)
            yield self._say("REPORT_STEP_TIME", step=step), f"{seconds} s"

    def _model_facts(self) -> Iterator[Fact]:
        model = self._result.model
        if model is None:
            return
        yield self._say("REPORT_TRAINING_ROWS"), self._number(model.training_rows)
        yield self._say("REPORT_HOLDOUT_ROWS"), self._number(model.holdout_rows)
        rival = "REPORT_MASTER" if model.rival_id else None
        for name, metrics in (
            ("REPORT_CHALLENGER", model.metrics),
            (rival, model.rival_metrics),
            ("REPORT_BASELINE", model.baseline_metrics),
        ):
            if name and metrics:
                yield self._say(name), self._scores(metrics, model.currency)

    def _decision_facts(self) -> Iterator[Fact]:
        model = self._result.model
        decision = model.decision if model else None
        if decision is None:
            return
        yield self._say("REPORT_DECISION"), self._say(decision.reason)
        if decision.gain is not None:
            yield self._say("REPORT_GAIN"), self._gain(decision)

    def _shadow_facts(self) -> Iterator[Fact]:
        run = self._result.run
        shadows = run.steps.get("promote", {}).get("shadows", {}) if run else {}
        for name, look in shadows.items():
            said = f"{look['outcome']}: {self._say(look['reason'])}"
            yield self._say("REPORT_SHADOW", model=name), said

    def _waiting_facts(self) -> Iterator[Fact]:
        choice = self._result.choice
        if choice is not None:
            yield self._say("REPORT_WAITING"), self._number(choice.waiting_files)

    def _scores(self, metrics: RegressionMetrics, currency: str) -> str:
        return self._say(
            "REPORT_SCORES",
            mape=self._number(metrics.mean_absolute_percentage_error, decimals=2),
            acc10=self._number(metrics.accuracy_10_percent, decimals=1),
            mae=formats.money(metrics.mean_absolute_error, currency, self._language),
            rmse=formats.money(
                metrics.root_mean_squared_error, currency, self._language
            ),
            r2=(
                self._number(metrics.r2_score, decimals=3)
                if metrics.r2_score is not None
                else "–"
            ),
        )

    def _gain(self, decision: PromotionDecision) -> str:
        bounds = (decision.gain, decision.gain_low, decision.gain_high)
        gain, low, high = (self._percent(bound) for bound in bounds)
        return self._say(
            "REPORT_GAIN_BOUNDS",
            gain=gain,
            low=low,
            high=high,
            groups=self._number(decision.groups),
        )

    def _percent(self, share: float | None) -> str:
        return "–" if share is None else formats.percent(share, self._language)

    def _number(self, value: float, decimals: int = 0) -> str:
        return formats.number(value, self._language, decimals)

    def _size(self, size_bytes: int) -> str:
        return formats.file_size(size_bytes, self._language)

    def _say(self, code: str, **details: object) -> str:
        return sentence(code, self._language, **details)
