"""Handing files in: what each of them holds, how it is to be read, then keeping them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.domain.users import Role
from tripadvance_core.errors import Conflict, FileRefused
from tripadvance_core.services.audit import Event
from tripadvance_core.services.uploads import FileCheck, UploadService, Verdict
from tripadvance_core.tabular.preview import Preview
from ui.desk import Desk, Reader
from ui.labels import label
from ui.parts import html
from ui.reading_form import ReadingForm

REFUSALS_SHOWN: Final = 50
_HEAVY: Final[dict[str, Any]] = {"concurrency_id": "reading", "concurrency_limit": 2}


@dataclass(frozen=True)
class Looked:
    """A file that somebody is about to hand in; nothing of it is kept yet."""

    mapping: ColumnMapping
    preview: Preview | None
    verdict: Verdict
    shown: str

    @property
    def usable(self) -> bool:
        """Whether at least some rows can be used."""
        return self.verdict is not Verdict.REJECT


Looks = dict[str, Looked]
"""By the path under which Gradio keeps the file until it is handed in."""


def build(desk: Desk) -> None:
    """Add the page."""
    page = _Page(desk.services.uploads, desk.services.settings.base_currency)
    intro = html("upload-intro")
    files = gr.File(
        label=label("UI_FILES"),
        file_count="multiple",
        file_types=[".xlsx", ".csv"],
        elem_id="upload-files",
        height=170,
    )
    looks = gr.State({})
    focus = gr.Dropdown(
        label=label("UI_FILE_SHOWN"), visible=False, elem_id="upload-focus"
    )
    shown = html("upload-shown", waits=False)
    with gr.Accordion(
        label("UI_READING"), open=False, visible=False, elem_id="upload-reading"
    ) as reading:
        form = ReadingForm()
        again = gr.Button(label("UI_READ_AGAIN"), elem_id="upload-again")
    keep = gr.Button(
        label("UI_KEEP"), variant="primary", visible=False, elem_id="upload-keep"
    )
    kept = html("upload-kept", waits=False)

    def shown_form(reader: Reader, path: str | None, looks: Looks) -> list[Any]:
        look = looks.get(path or "")
        if look is None:
            empty = ColumnMapping()
            return [
                "",
                gr.Accordion(visible=False),
                *form.shown(None, empty, reader.language),
            ]
        return [
            look.shown,
            gr.Accordion(visible=True, open=not look.usable),
            *form.shown(look.preview, look.mapping, reader.language),
        ]

    def look_at(
        reader: Reader, paths: Sequence[str] | None, looks: Looks
    ) -> Iterator[list[Any]]:
        paths = paths or []
        looks = {path: looks[path] for path in paths if path in looks}
        nothing = [gr.skip()] * (2 + len(form.inputs))
        for number, path in enumerate(paths, start=1):
            if path in looks:
                continue
            waiting = reader.render("upload/waiting.html", number=number, of=len(paths))
            yield [
                looks,
                gr.skip(),
                waiting,
                *nothing[1:],
                gr.Button(visible=False),
                "",
            ]
            looks[path] = page.look(reader, path, ColumnMapping())
        first = next((path for path in paths if not looks[path].usable), None)
        chosen = first or next(iter(paths), None)
        choices = [(Path(path).name, path) for path in paths]
        yield [
            looks,
            gr.Dropdown(choices=choices, value=chosen, visible=len(paths) > 1),
            *shown_form(reader, chosen, looks),
            page.keep_button(looks),
            "",
        ]

    def look_again(
        reader: Reader, path: str | None, looks: Looks, *values: Any
    ) -> list[Any]:
        if path is None:
            return [looks, *[gr.skip()] * (3 + len(form.inputs))]
        mapping = form.mapping(values, reader.language)
        looks = {**looks, path: page.look(reader, path, mapping)}
        return [looks, *shown_form(reader, path, looks), page.keep_button(looks)]

    def keep_files(reader: Reader, looks: Looks) -> Iterator[list[Any]]:
        results: list[dict[str, Any]] = []
        usable = {path: look for path, look in looks.items() if look.usable}
        for number, (path, look) in enumerate(usable.items(), start=1):
            waiting = reader.render(
                "upload/keeping.html", number=number, of=len(usable)
            )
            yield [waiting, *[gr.skip()] * 5]
            result = page.keep(reader, path, look)
            results.append(result)
            if result["upload"] is not None:
                desk.log(reader, Event.FILE_TAKEN_IN, result["name"])
        left = [Path(path).name for path, look in looks.items() if not look.usable]
        told = reader.render("upload/kept.html", results=results, left=left)
        hidden = gr.Dropdown(choices=[], value=None, visible=False)
        yield [told, None, {}, hidden, "", gr.Button(visible=False)]

    panel = [shown, reading, *form.inputs]
    desk.fill(
        intro, lambda reader: reader.render("upload/intro.html", currency=page.currency)
    )
    desk.on_any(
        [files.upload, files.delete, files.clear],
        look_at,
        [files, looks],
        [looks, focus, *panel, keep, kept],
        least=Role.ANALYST,
        **_HEAVY,
    )
    desk.on(focus.input, shown_form, [focus, looks], panel, least=Role.ANALYST)
    desk.on(
        again.click,
        look_again,
        [focus, looks, *form.inputs],
        [looks, *panel, keep],
        least=Role.ANALYST,
        **_HEAVY,
    )
    desk.on(
        keep.click,
        keep_files,
        looks,
        [kept, files, looks, focus, shown, keep],
        least=Role.ANALYST,
        **_HEAVY,
    )


class _Page:
    def __init__(self, uploads: UploadService, currency: str) -> None:
        self._uploads = uploads
        self.currency = currency

    def look(self, reader: Reader, path: str, mapping: ColumnMapping) -> Looked:
        """Read a file without keeping anything, and tell what it holds."""
        content, name, owner = (
            Path(path).read_bytes(),
            Path(path).name,
            reader.user.email,
        )
        check = self._uploads.check(content, name, mapping, owner=owner)
        try:
            preview = self._uploads.preview(content, name, mapping, owner=owner)
        except FileRefused:
            preview = None  # the check says why nothing can be shown
        return Looked(mapping, preview, check.verdict, _told(reader, check, preview))

    def keep(self, reader: Reader, path: str, look: Looked) -> dict[str, Any]:
        """Take a file in; return what is told of it."""
        name = Path(path).name
        try:
            upload, _ = self._uploads.ingest(
                Path(path).read_bytes(), name, look.mapping, owner=reader.user.email
            )
        except Conflict as conflict:
            return {
                "name": name,
                "upload": None,
                "message": reader.words.error(conflict),
            }
        return {"name": name, "upload": upload, "message": None}

    def keep_button(self, looks: Looks) -> gr.Button:
        usable = sum(look.usable for look in looks.values())
        return gr.Button(visible=usable > 0)


def _told(reader: Reader, check: FileCheck, preview: Preview | None) -> str:
    fares = check.fares
    refused = fares.refused if fares else ()
    reasons = Counter(row.sentence(reader.language) for row in refused)
    return reader.render(
        "upload/looked.html",
        check=check,
        refusal=reader.words.error(check.refusal) if check.refusal else None,
        preview=preview,
        reasons=reasons.most_common(),
        refused=refused[:REFUSALS_SHOWN],
        respelled=fares.respelled() if fares else {},
    )
