"""The commands on what was taken in: uploads, release, withdraw, refused."""

from pathlib import Path

from deployments.console import Console
from deployments.files import write_file
from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import Upload
from tripadvance_core.formats import number

_ID_SHOWN = 8
_HEADER = (
    "COLUMN_UPLOAD",
    "COLUMN_FILE",
    "COLUMN_STATUS",
    "COLUMN_TAKEN_IN",
    "COLUMN_OWNER",
    "COLUMN_ROWS",
    "COLUMN_REFUSED_ROWS",
    "COLUMN_WARNINGS",
)


def list_uploads(services: Services, console: Console) -> None:
    """Print every upload, oldest first."""
    uploads = services.uploads.all()
    if not uploads:
        console.say("NO_UPLOADS")
    else:
        console.table(_HEADER, [_row(upload, console) for upload in uploads])
    learned = _models_by_upload(services)
    for upload in uploads:
        console.document(
            _document(upload, console) | {"models": learned.get(upload.id, [])}
        )


def release_upload(
    services: Services, console: Console, upload_id: str, *, by: str, reason: str
) -> None:
    """Release a held upload and say so."""
    upload = services.uploads.release(upload_id, by=by, reason=reason)
    console.say("UPLOAD_RELEASED", name=upload.name)
    console.document(_document(upload, console))


def withdraw_upload(
    services: Services, console: Console, upload_id: str, *, by: str, reason: str
) -> None:
    """Withdraw an upload and name the models that have learned from it."""
    upload = services.uploads.withdraw(upload_id, by=by, reason=reason)
    models = services.uploads.models_trained_on(upload.id)
    console.say("UPLOAD_WITHDRAWN_NOW", name=upload.name)
    if models:
        numbers = ", ".join(f"v{model.number}" for model in models)
        console.say("MODELS_LEARNED_FROM_IT", models=numbers)
    console.document(
        _document(upload, console) | {"models": [model.id for model in models]}
    )


def write_refused_rows(
    services: Services, console: Console, upload_id: str, output: Path
) -> None:
    """Write the report of an upload's refused rows."""
    upload = services.uploads.find(upload_id)
    report = services.uploads.refusals_report(upload.id, console.language)
    write_file(output, report)
    refused = upload.rows_total - upload.rows_kept
    console.say("REFUSED_ROWS_WRITTEN", refused=refused, output=output)
    console.document({"id": upload.id, "refused": refused, "output": str(output)})


def _models_by_upload(services: Services) -> dict[str, list[str]]:
    """Return the ids of the models that learned from each upload, first one first."""
    learned: dict[str, list[str]] = {}
    for version in reversed(services.registry.versions()):
        for upload_id in version.upload_ids:
            learned.setdefault(upload_id, []).append(version.id)
    return learned


def _row(upload: Upload, console: Console) -> list[str]:
    refused = upload.rows_total - upload.rows_kept
    counts = (upload.rows_kept, refused, len(upload.warnings))
    return [
        upload.id[:_ID_SHOWN],
        upload.name,
        upload.status,
        console.moment(upload.uploaded_at),
        upload.owner,
        *(number(count, console.language) for count in counts),
    ]


def _document(upload: Upload, console: Console) -> dict[str, object]:
    return {
        "id": upload.id,
        "file": upload.name,
        "status": upload.status,
        "owner": upload.owner,
        "uploaded_at": upload.uploaded_at.isoformat(),
        "rows_total": upload.rows_total,
        "rows_kept": upload.rows_kept,
        "reason": upload.reason,
        "warnings": list(upload.warnings),
        "evidence": [found.sentence(console.language) for found in upload.evidence],
    }
