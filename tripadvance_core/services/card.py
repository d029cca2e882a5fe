"""The card of a model: everything that is needed to judge it, for people and as JSON.

After Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tripadvance_core import formats
from tripadvance_core.domain.entities import DecisionRecord, ModelVersion, Upload
from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.domain.promotion import Gate, Outcome
from tripadvance_core.learning.evaluation import CARD_FILE, ModelCard
from tripadvance_core.messages import Language, sentence
from tripadvance_core.services.registry import Registry
from tripadvance_core.storage.objects import ObjectStore, load_file
from tripadvance_core.tabular.jobs import from_parquet

_PRICE_CLASSES = 5
_BAR = 20


@dataclass(frozen=True)
class PriceClass:
    """The error of a model among fares of like price; errors in per cent."""

    price_from: float
    price_to: float
    rows: int
    error: float
    rival_error: float
    bias: float


@dataclass(frozen=True)
class VersionCard:
    """A model with its files, its decisions and its errors by price.

    ``learned`` is what its training wrote down; None where nothing was reserved.
    """

    model: ModelVersion
    uploads: Sequence[Upload]
    decisions: Sequence[DecisionRecord]
    price_classes: Sequence[PriceClass]
    learned: ModelCard | None

    def document(self) -> dict[str, Any]:
        """Return the card as JSON-ready values."""
        return {
            "model": self.model.model_dump(mode="json"),
            "uploads": [
                upload.model_dump(
                    mode="json",
                    include={"id", "name", "rows_kept", "first_day", "last_day"},
                )
                for upload in self.uploads
            ],
            "decisions": [r.model_dump(mode="json") for r in self.decisions],
            "price_classes": [vars(one) for one in self.price_classes],
            "learned": self.learned and self.learned.model_dump(mode="json"),
        }

    def markdown(self, language: Language) -> str:
        """Write the card for people."""
        return "\n".join(_Writer(self, language).lines())


class Cards:
    """Makes the cards of models."""

    def __init__(self, registry: Registry, objects: ObjectStore) -> None:
        self._registry = registry
        self._objects = objects

    def card(self, name: str) -> VersionCard:
        """Return the card of a model by its id or number.

        Raises
        ------
        NotFound
            ``MODEL_NOT_FOUND``.
        """
        model = self._registry.version(name)
        scores = from_parquet(load_file(self._objects, model.predictions))
        return VersionCard(
            model,
            self._registry.uploads_of(model),
            self._registry.decisions(model.id),
            list(_price_classes(scores)),
            self._learned(model),
        )

    def _learned(self, model: ModelVersion) -> ModelCard | None:
        for file in model.files:
            if file.name == CARD_FILE:
                return ModelCard.model_validate_json(load_file(self._objects, file))
        return None


def _price_classes(scores: pd.DataFrame) -> Iterator[PriceClass]:
    """Give the fifths of the rows by true price."""
    if scores.empty:
        return
    ordered = scores.sort_values("actual", kind="stable")
    for part in np.array_split(np.arange(len(ordered)), _PRICE_CLASSES):
        rows = ordered.iloc[part]
        if rows.empty:
            continue
        actual = rows["actual"]
        yield PriceClass(
            price_from=float(actual.min()),
            price_to=float(actual.max()),
            rows=len(rows),
            error=_error(rows, "challenger"),
            rival_error=_error(rows, "rival"),
            bias=100 * (_mean(rows, rows["challenger"]) / _mean(rows, actual) - 1),
        )


def _error(rows: pd.DataFrame, column: str) -> float:
    relative = (rows[column] - rows["actual"]).abs() / rows["actual"]
    return 100 * _mean(rows, relative)


def _mean(rows: pd.DataFrame, values: "pd.Series[float]") -> float:
    return float(np.average(values, weights=rows["weight"]))


class _Writer:
    """Writes a card in one language."""

    def __init__(self, card: VersionCard, language: Language) -> None:
        self._card = card
        self._language = language

    def lines(self) -> Iterator[str]:
        model = self._card.model
        yield f"# {self._say('CARD_TITLE', number=model.number)} · {model.role}"
        yield from self._table((), self._facts())
        yield from self._scores()
        yield from self._decisions()
        yield from self._panels()
        yield from self._data()
        yield from self._errors()
        yield from self._segments()
        yield from self._section("CARD_FEATURES")
        yield from self._features()
        yield from self._section("CARD_PARAMETERS")
        yield from self._table(
            (), [(name, str(value)) for name, value in model.parameters.items()]
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        model = self._card.model
        yield self._say("CARD_MODEL"), f"`{model.id}`"
        yield self._say("CARD_CODE"), model.code_version
        yield self._say("CARD_CURRENCY"), model.currency
        yield self._say("REPORT_TRAINING_ROWS"), self._number(model.training_rows)
        yield self._say("REPORT_HOLDOUT_ROWS"), self._number(model.holdout_rows)
        yield self._say("CARD_FILES"), self._number(len(model.upload_ids))
        if model.withdrawn_upload_ids:
            withdrawn = len(model.withdrawn_upload_ids)
            yield self._say("CARD_WITHDRAWN"), self._number(withdrawn)
        if model.barred:
            yield self._say("CARD_BARRED"), model.barred

    def _scores(self) -> Iterator[str]:
        model = self._card.model
        yield from self._section("CARD_SCORES")
        named = [
            ("REPORT_CHALLENGER", model.metrics),
            ("REPORT_MASTER", model.rival_metrics if model.rival_id else None),
            ("REPORT_BASELINE", model.baseline_metrics),
        ]
        yield from self._table(
            ("", "MAPE", "≤ 10 %", "MAE", "RMSE", "R²"),
            [
                (self._say(name), *self._figures(metrics))
                for name, metrics in named
                if metrics is not None
            ],
        )

    def _decisions(self) -> Iterator[str]:
        yield from self._section("CARD_DECISIONS")
        for record in self._card.decisions:
            decision = record.decision
            yield ""
            yield self._say(
                "CARD_LOOK",
                look=decision.look,
                outcome=decision.outcome,
                reason=self._say(decision.reason),
            )
            if decision.gain is not None:
                yield f"{self._say('REPORT_GAIN')}: " + self._say(
                    "REPORT_GAIN_BOUNDS",
                    gain=self._percent(decision.gain),
                    low=self._percent(decision.gain_low),
                    high=self._percent(decision.gain_high),
                    groups=self._number(decision.groups),
                )
            yield from self._table(
                ("", self._say("CARD_GATE"), self._say("CARD_FIGURES")),
                [self._gate(gate) for gate in decision.gates],
            )

    def _gate(self, gate: Gate) -> tuple[str, str, str]:
        mark = "✓" if gate.verdict is Outcome.PROMOTE else gate.verdict
        figures = ", ".join(
            f"{name} {self._figure(value)}" for name, value in gate.figures.items()
        )
        return mark, self._say(gate.name), figures

    def _panels(self) -> Iterator[str]:
        yield from self._section("CARD_PANELS")
        header = (
            "CARD_PANEL",
            "CARD_PANEL_ROWS",
            "CARD_PANEL_USES",
            "CARD_PANEL_OVERLAP",
            "CARD_PANEL_DIGEST",
        )
        yield from self._table(
            [self._say(name) for name in header],
            [
                (
                    proof.name,
                    self._number(proof.rows),
                    self._number(proof.uses),
                    self._number(proof.overlap),
                    f"`{proof.digest}`",
                )
                for proof in self._card.model.panels
            ],
        )

    def _data(self) -> Iterator[str]:
        yield from self._section("CARD_DATA")
        header = ("CARD_DATA_FILE", "CARD_DATA_ROWS", "CARD_DATA_DAYS")
        yield from self._table(
            [self._say(name) for name in header],
            [
                (
                    upload.name,
                    self._number(upload.rows_kept),
                    " – ".join(
                        formats.date(day, self._language)
                        for day in (upload.first_day, upload.last_day)
                        if day is not None
                    ),
                )
                for upload in self._card.uploads
            ],
        )

    def _errors(self) -> Iterator[str]:
        """Write the error of each fifth by price, with a bar as long as it is large."""
        yield from self._section("CARD_ERRORS")
        classes = self._card.price_classes
        most = max((one.error for one in classes), default=0) or 1
        yield from self._table(
            (self._say("CARD_PRICES"), "MAPE", ""),
            [
                (
                    f"{self._money(one.price_from)} – {self._money(one.price_to)}",
                    self._percent(one.error / 100),
                    "█" * max(1, round(_BAR * one.error / most)),
                )
                for one in classes
            ],
        )

    def _segments(self) -> Iterator[str]:
        """Write how the model does by airline, route and price, with its ranges."""
        segments = self._card.learned.segments if self._card.learned else ()
        if not segments:
            return
        yield from self._section("CARD_SEGMENTS")
        yield from self._table(
            ("", self._say("CARD_DATA_ROWS"), "MAPE", self._say("CARD_COVERED")),
            [
                (
                    f"{one.kind}: {one.name}",
                    self._number(one.score.metrics.rows),
                    self._percent(
                        one.score.metrics.mean_absolute_percentage_error / 100
                    ),
                    self._percent(one.score.covered[80] / 100)
                    if 80 in one.score.covered
                    else "–",
                )
                for one in segments
            ],
        )

    def _features(self) -> Iterator[str]:
        """Write the features, with their share of the gain where it is known."""
        learned = self._card.learned
        if learned is None:
            yield ", ".join(map(_cell, self._card.model.features))
            return
        yield from self._table(
            (),
            [(name, self._percent(gain)) for name, gain in learned.importance.items()],
        )

    def _figures(self, metrics: RegressionMetrics) -> tuple[str, ...]:
        r2 = metrics.r2_score
        return (
            self._percent(metrics.mean_absolute_percentage_error / 100),
            self._percent(metrics.accuracy_10_percent / 100),
            self._money(metrics.mean_absolute_error),
            self._money(metrics.root_mean_squared_error),
            "–" if r2 is None else formats.number(r2, self._language, 3),
        )

    def _table(
        self, header: Sequence[str], rows: Iterable[Sequence[str]]
    ) -> Iterator[str]:
        rows = list(rows)
        if not rows:
            return
        yield ""
        yield _line(header or [""] * len(rows[0]))
        yield _line(["---"] * len(rows[0]))
        yield from (_line(map(_cell, row)) for row in rows)

    def _section(self, code: str) -> Iterator[str]:
        yield ""
        yield f"## {self._say(code)}"
        yield ""

    def _figure(self, value: float | int | str | None) -> str:
        if value is None or isinstance(value, str):
            return value or "–"
        decimals = 0 if isinstance(value, int) else 4
        return formats.number(value, self._language, decimals)

    def _number(self, value: float) -> str:
        return formats.number(value, self._language, 0)

    def _percent(self, share: float | None) -> str:
        return "–" if share is None else formats.percent(share, self._language)

    def _money(self, amount: float) -> str:
        return formats.money(amount, self._card.model.currency, self._language)

    def _say(self, code: str, **details: object) -> str:
        return sentence(code, self._language, **details)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Keep what a file brought along from being read as Markdown or HTML."""
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return " ".join(escaped.split())
