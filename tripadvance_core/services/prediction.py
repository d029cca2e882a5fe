"""Prices from MASTER for a whole spreadsheet."""

from dataclasses import dataclass

import pandas as pd

from tripadvance_core.domain.entities import ColumnMapping, ModelVersion
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import NotFound
from tripadvance_core.messages import sentence
from tripadvance_core.services.reading import FileReader
from tripadvance_core.services.registry import Registry
from tripadvance_core.settings import Settings
from tripadvance_core.tabular.columns import QUOTE_DATE
from tripadvance_core.tabular.jobs import CleanFares

_DECIMALS = 2
"""Of written prices: nobody pays less than a cent."""


@dataclass(frozen=True)
class PredictedFile:
    """The file with its predictions, ready to be written."""

    content: bytes
    model: ModelVersion
    trips: CleanFares


class PredictionService:
    """Asks MASTER for prices."""

    def __init__(self, settings: Settings, registry: Registry, clock: Clock) -> None:
        self._reader = FileReader(settings)
        self._registry = registry
        self._zone = settings.zone
        self._language = settings.language
        self._clock = clock

    def predict_file(
        self, content: bytes, name: str, mapping: ColumnMapping, *, file_type: str
    ) -> PredictedFile:
        """Return the file's own columns with price, range and model beside them.

        Parameters
        ----------
        file_type
            ``xlsx`` or ``csv``, the form of the result.

        Raises
        ------
        NotFound
            ``NO_MASTER`` before the first model was promoted.
        FileRefused
            When the file cannot be read.
        """
        model = self._registry.master()
        if model is None:
            raise NotFound("NO_MASTER")
        trips = self._reader.trips(content, name, mapping)
        rows = self._asked_now(trips.rows())
        prices = self._registry.load(model).predict(rows)
        told = prices.round(_DECIMALS).assign(
            doubt=self._in_words(prices["doubts"]), model_id=model.id
        )
        written = self._reader.with_predictions(content, name, mapping, told, file_type)
        return PredictedFile(written, model, trips)

    def _in_words(self, doubts: "pd.Series[str]") -> "pd.Series[str]":
        """Say each doubt in the language of the settings; missing where there is none."""
        sentences = {
            codes: " ".join(sentence(code, self._language) for code in codes.split())
            for codes in doubts.unique()
        }
        return doubts.map(sentences).replace("", None)

    def _asked_now(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Say of rows that do not say when they ask for a price that they ask today."""
        today = pd.Timestamp(self._clock().astimezone(self._zone).date())
        asked = rows.get(QUOTE_DATE, pd.Series(pd.NaT, index=rows.index))
        return rows.assign(**{QUOTE_DATE: pd.to_datetime(asked).fillna(today)})
