"""One file: where it came from, what learned from it, what of it was refused."""

from typing import Any, Final

import gradio as gr

from tripadvance_core.domain.entities import Upload, UploadStatus
from tripadvance_core.domain.users import Role
from tripadvance_core.services.audit import Event
from tripadvance_core.services.uploads import FileCheck
from tripadvance_core.storage.repository import Page
from tripadvance_core.tabular.notes import Note, RefusedRow
from ui.desk import Desk, Reader
from ui.labels import label
from ui.parts import Confirmation, html

REFUSALS_A_PAGE: Final = 50
_WITHDRAWN_NEVER: Final = (UploadStatus.WITHDRAWN, UploadStatus.CLAIMED)


def build(desk: Desk) -> None:
    """Add the page."""
    services = desk.services

    def chosen(reader: Reader) -> Upload:
        return services.uploads.find(reader.query.get("id", ""))

    def show(reader: Reader) -> str:
        upload = chosen(reader)
        run = services.training.run(upload.trained_in) if upload.trained_in else None
        return reader.render(
            "file/detail.html",
            upload=upload,
            run=run,
            models=services.uploads.models_trained_on(upload.id),
            notes=[Note.parse(text) for text in upload.warnings],
        )

    def show_refusals(reader: Reader) -> str:
        upload = chosen(reader)
        if upload.cleaned and upload.rows_kept == upload.rows_total:
            return ""
        check = services.uploads.read_again(upload.id)
        return reader.render(
            "file/refused.html",
            refusal=reader.words.error(check.refusal) if check.refusal else None,
            refused=Page[RefusedRow].of(_refused(check), reader.page, REFUSALS_A_PAGE),
        )

    def offer(reader: Reader) -> list[Any]:
        upload = chosen(reader)
        may = reader.may(Role.ANALYST)
        held = upload.status is UploadStatus.HELD and upload.cleaned is not None
        removable = upload.status not in _WITHDRAWN_NEVER
        return [gr.Button(visible=may and held), gr.Button(visible=may and removable)]

    def release(reader: Reader, reason: str) -> None:
        upload = chosen(reader)
        services.uploads.release(upload.id, by=reader.user.email, reason=reason)
        desk.log(reader, Event.FILE_RELEASED, upload.name)

    def withdraw(reader: Reader, reason: str) -> None:
        upload = chosen(reader)
        services.uploads.withdraw(upload.id, by=reader.user.email, reason=reason)
        desk.log(reader, Event.FILE_WITHDRAWN, upload.name)

    place, refusals = html("file"), html("file-refused")
    with gr.Row():
        let_go = gr.Button(label("UI_RELEASE"), visible=False, elem_id="file-release")
        take_out = gr.Button(
            label("UI_WITHDRAW"), visible=False, elem_id="file-withdraw"
        )
    releasing = Confirmation(desk, let_go, "UI_RELEASE_SURE", release, Role.ANALYST)
    withdrawing = Confirmation(
        desk, take_out, "UI_WITHDRAW_SURE", withdraw, Role.ANALYST
    )
    desk.fill(place, show, releasing.done, withdrawing.done)
    desk.fill(refusals, show_refusals)
    desk.load(offer, [let_go, take_out])
    for confirmation in (releasing, withdrawing):
        desk.on(confirmation.done, offer, None, [let_go, take_out])


def _refused(check: FileCheck) -> tuple[RefusedRow, ...]:
    return check.fares.refused if check.fares else ()
