"""The models: which one is MASTER, the card of each, and how MASTER is moved by hand."""

from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Any, Final

import gradio as gr
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import MasterPointer, ModelRole, ModelVersion
from tripadvance_core.domain.times import read_moment
from tripadvance_core.domain.users import Role
from tripadvance_core.errors import NotFound, Refused
from tripadvance_core.services.archive import write_archive
from tripadvance_core.services.audit import Event
from tripadvance_core.services.card import VersionCard
from tripadvance_core.services.registry import NIGHT, reason_of
from ui.desk import Desk, Reader
from ui.figures import feature_name, gate_text, metric_text, segment_name
from ui.labels import label
from ui.parts import Confirmation, html, then_open
from ui.places import MODELS, TRAINING
from ui.rendering import Words, chosen_language

MODELS_A_PAGE: Final = 25
REIGNS_A_PAGE: Final = 10
FEATURES_SHOWN: Final = 15
FILES_SHOWN: Final = 20
EXPERIMENT: Final = "EXPERIMENT"
"""What the list can be filtered by beside the roles."""

_ARCHIVE: Final = "application/zip"
_CHUNK_BYTES: Final = 256 * 1024


def build(desk: Desk) -> None:
    """Add the page: the list, or the card of the model that the address names."""
    services = desk.services

    def show_head(reader: Reader) -> str:
        chosen = _chosen(services, reader)
        if chosen is None:
            return _list(services, reader)
        return _head(services, reader, chosen)

    def show_card(reader: Reader) -> str:
        chosen = _chosen(services, reader)
        return "" if chosen is None else _card(services, reader, chosen)

    def offer(reader: Reader) -> list[Any]:
        return _offer(services, reader)

    def promote(reader: Reader, reason: str, seen: int) -> None:
        model = services.registry.version(reader.query.get("model", ""))
        services.registry.promote(
            model.id, reason=reason, by=reader.user.email, seen=seen
        )
        desk.log(reader, Event.MODEL_PROMOTED, f"v{model.number}")

    def rebuild(reader: Reader, reason: str) -> None:
        run = services.rebuilds.start(
            desk.scheduler, reason=reason, by=reader.user.email
        )
        desk.log(reader, Event.REBUILD_ORDERED, run.id)

    def roll_back(reader: Reader, reason: str, seen: int) -> None:
        back = services.registry.rollback(
            reason=reason, by=reader.user.email, seen=seen
        )
        number = services.registry.version(back.model_id).number
        desk.log(reader, Event.MASTER_ROLLED_BACK, f"v{number}")

    head, change = html("models"), html("model-change", waits=False)
    # The switch of MASTER on which the reader decides: what they were shown.
    seen = gr.State(0)
    with gr.Row():
        up = _button("UI_PROMOTE", "model-promote")
        back = _button("UI_ROLLBACK", "model-rollback")
        anew = _button("UI_REBUILD", "model-rebuild")
    moving = [
        Confirmation(desk, up, "UI_PROMOTE_SURE", promote, Role.ADMINISTRATOR, seen),
        Confirmation(
            desk, back, "UI_ROLLBACK_SURE", roll_back, Role.ADMINISTRATOR, seen
        ),
    ]
    ordering = Confirmation(desk, anew, "UI_REBUILD_SURE", rebuild, Role.ADMINISTRATOR)
    then_open(ordering.done, TRAINING)
    card = html("model-card", waits=False)
    moved = [confirmation.done for confirmation in moving]
    desk.fill(head, show_head, *moved)
    desk.fill(card, show_card, *moved)
    offered = [change, up, back, anew, seen]
    desk.load(offer, offered)
    for done in moved:
        desk.on(done, offer, None, offered)


def _button(code: str, name: str) -> gr.Button:
    return gr.Button(label(code), visible=False, elem_id=name, scale=0, min_width=220)


def routes(services: Services) -> APIRouter:
    """Return the route of the models that are downloaded."""
    router = APIRouter()

    @router.get(f"{MODELS.path}/{{model_id}}.zip")
    def archive(model_id: str, request: Request) -> StreamingResponse:
        if not request.state.user.role.may(Role.ANALYST):
            raise Refused("WEB_NOT_ALLOWED")
        card = services.cards.card(model_id)
        language = chosen_language(request.cookies, services.settings.language)
        with ExitStack() as kept:
            file = kept.enter_context(TemporaryFile())
            write_archive(file, card, services.objects, language)
            size, _ = file.tell(), file.seek(0)
            kept.pop_all()  # it is closed when it was sent
        headers = {
            "content-disposition": f"attachment; filename=v{card.model.number}.zip",
            "content-length": str(size),
        }
        return StreamingResponse(_sent(file), media_type=_ARCHIVE, headers=headers)

    return router


def _sent(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _chosen(services: Services, reader: Reader) -> ModelVersion | None:
    name = reader.query.get("model")
    return services.registry.version(name) if name else None


def _list(services: Services, reader: Reader) -> str:
    asked = reader.query.get("role", "")
    role = next((role for role in ModelRole if role == asked), None)
    experiments = asked == EXPERIMENT
    asked_at = reader.query.get("at", "")
    return reader.render(
        "models/list.html",
        page=services.registry.page(
            reader.page, MODELS_A_PAGE, role, experiments=experiments
        ),
        chosen=EXPERIMENT if experiments else role,
        roles=(*ModelRole, EXPERIMENT),
        reigns=services.registry.reigns(reader.number_in("reigns"), REIGNS_A_PAGE),
        address_of_reigns=lambda number: f"{reader.address(reigns=number)}#reigns",
        asked_at=asked_at,
        answer=_master_at(services, reader, asked_at) if asked_at else "",
        metric_text=metric_text,
        reason_of=reason_of,
        night=NIGHT,
    )


def _master_at(services: Services, reader: Reader, text: str) -> str:
    """Tell who was MASTER then, or why that cannot be told."""
    try:
        moment = read_moment(text, reader.words.zone)
    except Refused as refusal:
        return reader.words.error(refusal)
    switch = services.registry.master_at(moment)
    then = reader.words.moment(moment)
    if switch is None:
        return reader.say("NO_MASTER_THEN", moment=then)
    model = services.registry.version(switch.model_id)
    return reader.say("MASTER_THEN", moment=then, number=model.number, model=model.id)


def _head(services: Services, reader: Reader, model: ModelVersion) -> str:
    withdrawn = [
        upload
        for upload in services.registry.uploads_of(model)
        if upload.id in model.withdrawn_upload_ids
    ]
    return reader.render(
        "models/head.html",
        model=model,
        withdrawn=withdrawn,
        rival=services.registry.find(model.rival_id),
        size_bytes=sum(file.size_bytes for file in model.files),
        archive_path=f"{MODELS.path}/{model.id}.zip",
    )


def _card(services: Services, reader: Reader, model: ModelVersion) -> str:
    card = services.cards.card(model.id)
    rivals = {record.decision.rival_id for record in card.decisions}
    found = map(services.registry.find, rivals)
    return reader.render(
        "models/card.html",
        card=card,
        model=model,
        measured=services.metrics.measured(model),
        rival=services.registry.find(model.rival_id),
        numbers={rival.id: rival.number for rival in found if rival},
        price_bars=_price_bars(reader.words, card),
        feature_bars=_feature_bars(reader.words, card),
        features_shown=FEATURES_SHOWN,
        files_shown=FILES_SHOWN,
        metric_text=metric_text,
        gate_text=gate_text,
        segment_name=segment_name,
    )


def _offer(services: Services, reader: Reader) -> list[Any]:
    """Offer to move MASTER, to administrators alone, and tell what would happen."""
    hidden = gr.Button(visible=False)
    nothing = ["", hidden, hidden, hidden, 0]
    if not (reader.query.get("model") and reader.may(Role.ADMINISTRATOR)):
        return nothing
    try:
        model = services.registry.version(reader.query["model"])
    except NotFound:  # told in the page already
        return nothing
    pointer = services.registry.pointer()
    reigns = pointer is not None and pointer.model_id == model.id
    former = services.registry.find(pointer.previous_model_id if pointer else None)
    anew = gr.Button(visible=reigns and bool(model.withdrawn_upload_ids))
    if reigns and former is None:
        return ["", hidden, hidden, anew, 0]
    told = reader.render(
        "models/change.html",
        model=model,
        reigns=reigns,
        former=former,
        master=services.registry.find(pointer.model_id if pointer else None),
    )
    return [
        told,
        gr.Button(visible=not reigns),
        gr.Button(visible=reigns),
        anew,
        _version(pointer),
    ]


def _version(pointer: MasterPointer | None) -> int:
    return pointer.version if pointer else 0


def _price_bars(words: Words, card: VersionCard) -> list[tuple[str, float, str]]:
    currency = card.model.currency
    return [
        (
            f"{words.money(one.price_from, currency)} – "
            f"{words.money(one.price_to, currency)}",
            one.error,
            words.per_cent(one.error),
        )
        for one in card.price_classes
    ]


def _feature_bars(words: Words, card: VersionCard) -> list[tuple[str, float, str]]:
    importance = card.learned.importance if card.learned else {}
    return [
        (feature_name(words, name), gain, words.percent(gain))
        for name, gain in importance.items()
    ]
