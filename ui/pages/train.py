"""Training now: an experiment on chosen files, with chosen parameters."""

from collections.abc import Sequence
from typing import Any, Final

import gradio as gr

from tripadvance_core.domain.entities import Experiment, Upload
from tripadvance_core.domain.users import Role
from tripadvance_core.errors import Refused, SchedulerDown, SettingRefused
from tripadvance_core.services.audit import Event
from tripadvance_core.services.experiments import PARAMETERS
from ui.desk import Desk, Reader
from ui.labels import label
from ui.night_form import NightForm, told
from ui.parts import html, then_open
from ui.places import TRAINING

FILES_OFFERED: Final = 500


def build(desk: Desk) -> None:
    """Add the page."""
    services = desk.services

    def show(reader: Reader) -> str:
        return reader.render("train/intro.html", files=services.experiments.files(1))

    def show_form(reader: Reader) -> list[Any]:
        files = services.experiments.files(FILES_OFFERED)
        asked = reader.query.get("file", "")
        return [
            gr.Column(visible=bool(files) and reader.may(Role.ANALYST)),
            gr.Dropdown(
                choices=[(_named(reader, upload), upload.id) for upload in files],
                value=[upload.id for upload in files if upload.id == asked],
            ),
            gr.Checkbox(visible=reader.may(Role.ADMINISTRATOR)),
            *form.shown(services.night_settings.current(), reader.language),
        ]

    def start(
        reader: Reader, files: Sequence[str], note: str, may: bool, *texts: Any
    ) -> str:
        if may and not reader.may(Role.ADMINISTRATOR):
            raise Refused("WEB_NOT_ALLOWED")
        run = services.experiments.start(
            desk.scheduler,
            files,
            form.values(texts, reader.language),
            Experiment(by=reader.user.email, note=note.strip(), may_become_master=may),
        )
        desk.log(reader, Event.EXPERIMENT_STARTED, run.id)
        return reader.render("train/started.html")

    def try_to_start(reader: Reader, *values: Any) -> str:
        """Start, or tell beside the button why not: the form stays as it is."""
        try:
            return start(reader, *values)
        except SettingRefused as refusal:
            raise gr.Error(told(reader, refusal), print_exception=False) from refusal
        except SchedulerDown as down:
            raise gr.Error(reader.words.error(down), print_exception=False) from down

    intro = html("train")
    with gr.Column(visible=False, elem_id="train-form") as panel:
        files = gr.Dropdown(
            label=label("UI_TRAIN_FILES"),
            info=label("UI_TRAIN_FILES_INFO"),
            multiselect=True,
            choices=[],
            elem_id="train-files",
        )
        form = NightForm(("UI_NIGHT_MODEL", PARAMETERS))
        note = gr.Textbox(
            label=label("UI_TRAIN_NOTE"),
            info=label("UI_TRAIN_NOTE_INFO"),
            max_length=200,
            elem_id="train-note",
        )
        may = gr.Checkbox(
            label=label("UI_TRAIN_MAY"),
            info=label("UI_TRAIN_MAY_INFO"),
            visible=False,
            elem_id="train-may",
        )
        button = gr.Button(
            label("UI_TRAIN_START"), variant="primary", elem_id="train-start"
        )
        started = html("train-started", waits=False)

    desk.fill(intro, show)
    desk.load(show_form, [panel, files, may, *form.inputs])
    begun = desk.on(
        button.click,
        try_to_start,
        [files, note, may, *form.inputs],
        started,
        least=Role.ANALYST,
    )
    then_open(begun.success, TRAINING)


def _named(reader: Reader, upload: Upload) -> str:
    status = reader.say(f"WEB_UPLOAD_{upload.status.upper()}")
    rows = reader.say("WEB_TRAIN_ROWS", rows=reader.words.number(upload.rows_kept))
    return f"{upload.name} · {status} · {rows}"
