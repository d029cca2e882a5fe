"""The commands on models: models, card, promote, rollback, history."""

from typing import Any

from deployments.console import Console
from tripadvance_core import formats
from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import MasterPointer, ModelVersion
from tripadvance_core.domain.times import read_moment
from tripadvance_core.errors import NotFound
from tripadvance_core.services.registry import reason_of

_HEADER = (
    "COLUMN_MODEL",
    "COLUMN_ROLE",
    "COLUMN_CREATED",
    "COLUMN_MAPE",
    "COLUMN_WITHIN_10",
    "COLUMN_MAE",
    "COLUMN_DECISION",
)


def list_models(services: Services, console: Console) -> None:
    """Print every model, newest first."""
    versions = services.registry.versions()
    pointer = services.registry.pointer()
    if not versions:
        console.say("NO_MODELS")
    else:
        console.table(_HEADER, [_row(version, console) for version in versions])
    console.document(
        {
            "master": pointer.model_id if pointer else None,
            "models": [_document(version) for version in versions],
        }
    )


def show_switch(services: Services, console: Console, pointer: MasterPointer) -> None:
    """Print that MASTER has moved."""
    version = services.registry.version(pointer.model_id)
    console.say("MASTER_SWITCHED", number=version.number, model=version.id)
    console.document(
        {"master": version.id, "version": pointer.version, "reason": pointer.reason}
    )


def show_card(services: Services, console: Console, name: str) -> None:
    """Print the card of a model."""
    card = services.cards.card(name)
    console.line(card.markdown(console.language))
    console.document(card.document())


_HISTORY_HEADER = ("COLUMN_AT", "COLUMN_MODEL", "COLUMN_BY", "COLUMN_REASON")


def list_history(services: Services, console: Console) -> None:
    """Print every switch of MASTER, newest first."""
    switches = services.registry.history()
    if not switches:
        console.say("NO_SWITCHES")
    else:
        numbers = {v.id: v.number for v in services.registry.versions()}
        console.table(
            _HISTORY_HEADER,
            [
                (
                    console.moment(switch.at),
                    f"v{numbers[switch.model_id]}",
                    switch.by,
                    reason_of(switch, console.language),
                )
                for switch in switches
            ],
        )
    console.document({"history": [s.model_dump(mode="json") for s in switches]})


def show_master_at(services: Services, console: Console, text: str) -> None:
    """Print which model was MASTER at a moment, in the window's time zone."""
    moment = read_moment(text, services.settings.zone)
    switch = services.registry.master_at(moment)
    if switch is None:
        raise NotFound("NO_MASTER_THEN", moment=moment)
    version = services.registry.version(switch.model_id)
    console.say(
        "MASTER_THEN",
        moment=console.moment(moment),
        number=version.number,
        model=version.id,
    )
    console.document(switch.model_dump(mode="json"))


def _row(version: ModelVersion, console: Console) -> list[str]:
    metrics, language = version.metrics, console.language
    decision = version.decision
    figures = ["–", "–", "–"]
    if metrics is not None:
        figures = [
            formats.percent(metrics.mean_absolute_percentage_error / 100, language),
            formats.percent(metrics.accuracy_10_percent / 100, language),
            formats.money(metrics.mean_absolute_error, version.currency, language),
        ]
    return [
        f"v{version.number}",
        version.role,
        console.moment(version.created_at),
        *figures,
        decision.outcome if decision else "–",
    ]


def _document(version: ModelVersion) -> dict[str, Any]:
    return version.model_dump(mode="json", exclude={"files", "predictions", "seal"})
