"""The commands on models: models, promote, rollback."""

from typing import Any

from deployments.console import Console
from tripadvance_core import formats
from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import MasterPointer, ModelVersion

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
    return version.model_dump(mode="json", exclude={"files", "predictions"})
