"""A spreadsheet of trips in, the same spreadsheet with its prices out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import gradio as gr

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.services.prediction import PredictedFile
from tripadvance_core.tabular.preview import Preview
from ui.desk import Desk, Reader
from ui.files import own_folder
from ui.labels import label
from ui.parts import html
from ui.reading_form import ReadingForm

REFUSALS_SHOWN: Final = 50
_HEAVY: Final[dict[str, Any]] = {"concurrency_id": "heavy", "concurrency_limit": 2}
_CSV: Final = ".csv"


class SheetSection:
    """The components of the section, and what they do."""

    def __init__(self, desk: Desk) -> None:
        self._services = desk.services
        self._file = gr.File(
            label=label("UI_SHEET_OF_TRIPS"),
            file_types=[".xlsx", _CSV],
            elem_id="sheet-file",
            height=150,
        )
        with gr.Accordion(
            label("UI_READING"), open=False, visible=False, elem_id="sheet-reading"
        ) as self._reading:
            self._form = ReadingForm()
        self._ask = gr.Button(
            label("UI_PRICE_SHEET"),
            variant="primary",
            visible=False,
            elem_id="sheet-ask",
        )
        self._told = html("sheet-told", waits=False)
        shown = [self._told, self._reading, self._ask, *self._form.inputs]
        desk.on_any(
            [self._file.upload, self._file.clear],
            self._look,
            self._file,
            shown,
            **_HEAVY,
        )
        desk.on(
            self._ask.click,
            self._price,
            [self._file, *self._form.inputs],
            [self._told, self._reading],
            **_HEAVY,
        )

    def _look(self, reader: Reader, path: str | None) -> list[Any]:
        """Show how a file is read, before it is; without one show nothing."""
        told, preview = "", None
        if path is not None:
            try:
                preview = self._preview(reader, Path(path))
            except FileRefused as refusal:
                told = _refused(reader, Path(path).name, refusal)
        return [
            told,
            gr.Accordion(visible=preview is not None, open=False),
            gr.Button(visible=preview is not None),
            *self._form.shown(preview, ColumnMapping(), reader.language),
        ]

    def _preview(self, reader: Reader, path: Path) -> Preview:
        return self._services.uploads.preview(
            path.read_bytes(), path.name, ColumnMapping(), owner=reader.user.email
        )

    def _price(
        self, reader: Reader, path: str | None, *values: Any
    ) -> Iterator[list[Any]]:
        if path is None:
            yield ["", gr.skip()]
            return
        mapping = self._services.uploads.with_known_headers(
            self._form.mapping(values, reader.language), reader.user.email
        )
        source = Path(path)
        steps = self._services.prediction.steps_of_file(
            source.read_bytes(),
            source.name,
            mapping,
            file_type="csv" if source.suffix.lower() == _CSV else "xlsx",
            language=reader.language,
        )
        try:
            for step in steps:
                if isinstance(step, PredictedFile):
                    yield [self._done(reader, source, step), gr.Accordion(open=False)]
                else:
                    busy = reader.render("predict/busy.html", message=reader.say(step))
                    yield [busy, gr.skip()]
        except FileRefused as refusal:
            refused = _refused(reader, source.name, refusal)
            yield [refused, gr.Accordion(visible=True, open=True)]

    def _done(self, reader: Reader, source: Path, result: PredictedFile) -> str:
        suffix = _CSV if source.suffix.lower() == _CSV else ".xlsx"
        name = reader.say("PRICES_FILE_NAME", name=source.stem) + suffix
        target = own_folder(self._services.settings, reader.user) / name
        target.write_bytes(result.content)
        refused = result.trips.refused
        return reader.render(
            "predict/sheet_done.html",
            result=result,
            name=name,
            address=f"/gradio_api/file={quote(str(target))}",
            size=len(result.content),
            refused=refused[:REFUSALS_SHOWN],
            refused_count=len(refused),
        )


def _refused(reader: Reader, name: str, refusal: FileRefused) -> str:
    return reader.render(
        "predict/sheet_refused.html", name=name, message=reader.words.error(refusal)
    )
