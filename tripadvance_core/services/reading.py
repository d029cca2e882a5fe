"""Files of strangers, read in a confined process."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from tripadvance_core.confined import Outcome, run_confined
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.messages import Language
from tripadvance_core.settings import Settings
from tripadvance_core.tabular.jobs import (
    CleanFares,
    add_predictions,
    caps_for,
    clean_fares,
    preview_file,
    read_trips,
    report_refusals,
    to_parquet,
)
from tripadvance_core.tabular.preview import Preview


class FileReader:
    """Reads files under caps on memory and time; none of them can harm the caller.

    Every method raises ``FileRefused`` where the file cannot be read, or costs more to
    read than a file of its size may.
    """

    def __init__(self, settings: Settings) -> None:
        self._currency = settings.base_currency
        self._most_memory = settings.reader_memory_mb * 1024 * 1024

    def fares(self, content: bytes, name: str, mapping: ColumnMapping) -> CleanFares:
        """Read the fares of a file."""
        return CleanFares.of(self._run(clean_fares, content, name, mapping))

    def preview(self, content: bytes, name: str, mapping: ColumnMapping) -> Preview:
        """Show what a file looks like, understood or not."""
        found = self._run(preview_file, content, name, mapping).document
        return Preview(
            sheets=tuple(found["sheets"]),
            sheet=found["sheet"],
            headers=tuple(found["headers"]),
            columns=found["columns"],
            rows=tuple(map(tuple, found["rows"])),
        )

    def trips(self, content: bytes, name: str, mapping: ColumnMapping) -> CleanFares:
        """Read the trips of a file, whatever its prices are."""
        return CleanFares.of(self._run(read_trips, content, name, mapping))

    def refusals_report(
        self, content: bytes, name: str, mapping: ColumnMapping, language: Language
    ) -> bytes:
        """Return a workbook of the refused rows, with the reason against each."""
        outcome = self._run(report_refusals, content, name, mapping, language)
        return outcome.blobs["report"]

    def with_predictions(
        self,
        content: bytes,
        name: str,
        mapping: ColumnMapping,
        predictions: pd.DataFrame,
        file_type: str,
    ) -> bytes:
        """Return the file with its predictions, columns as ``write_predictions``."""
        outcome = self._run(
            add_predictions, content, name, mapping, to_parquet(predictions), file_type
        )
        return outcome.blobs["file"]

    def _run(
        self,
        work: Callable[..., Outcome],
        content: bytes,
        name: str,
        mapping: ColumnMapping,
        *more: Any,
    ) -> Outcome:
        caps = caps_for(content, self._most_memory)
        return run_confined(
            work, content, name, mapping, self._currency, *more, caps=caps
        )
