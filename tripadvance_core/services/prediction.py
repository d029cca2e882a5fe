"""Prices from MASTER for a whole spreadsheet."""

from dataclasses import dataclass

import pandas as pd

from tripadvance_core.domain.entities import ColumnMapping, ModelVersion
from tripadvance_core.errors import NotFound
from tripadvance_core.services.registry import Registry
from tripadvance_core.settings import Settings
from tripadvance_core.tabular.intake import FareTable, read_fares
from tripadvance_core.tabular.writing import write_predictions


@dataclass(frozen=True)
class PredictedFile:
    """The file with its predictions, ready to be written."""

    content: bytes
    model: ModelVersion
    table: FareTable


class PredictionService:
    """Asks MASTER for prices."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry

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
        table = read_fares(
            content, name, mapping, self._settings.base_currency, price_required=False
        )
        prices = self._registry.load(model).predict(table.rows)
        by_row = prices.set_index(pd.Index(table.rows["sheet_row"], name="sheet_row"))
        by_row["model_id"] = model.id
        written = write_predictions(table.original, by_row, file_type)
        return PredictedFile(written, model, table)
