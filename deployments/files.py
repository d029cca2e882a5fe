"""The commands on files: check, ingest, predict."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deployments.console import Console, explain
from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import ColumnMapping, Evidence
from tripadvance_core.errors import Conflict, Refused
from tripadvance_core.services.uploads import FileCheck, Verdict
from tripadvance_core.tabular.jobs import CleanFares
from tripadvance_core.tabular.notes import RefusedRow

SHOWN_REFUSALS = 20


def read_file(path: Path) -> bytes:
    """Return the bytes of a file of the user's.

    Raises
    ------
    Refused
        ``FILE_UNREADABLE`` when it is missing or may not be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused("FILE_UNREADABLE", file=path, problem=error.strerror) from error


def check_files(
    services: Services,
    console: Console,
    files: Iterable[Path],
    mapping: ColumnMapping,
    *,
    owner: str,
    name: str | None,
    with_rows: bool,
) -> bool:
    """Check each file and print its verdict; False if any is refused."""
    usable = True
    for path in files:
        check = services.uploads.check(
            read_file(path), name or path.name, mapping, owner=owner
        )
        usable &= check.verdict is not Verdict.REJECT
        _print_check(console, path, check, with_rows=with_rows)
    return usable


def ingest_files(
    services: Services,
    console: Console,
    files: Iterable[Path],
    mapping: ColumnMapping,
    *,
    owner: str,
) -> bool:
    """Take each file in and print its verdict; False if any is refused."""
    taken = True
    for path in files:
        try:
            upload, check = services.uploads.ingest(
                read_file(path), path.name, mapping, owner=owner
            )
        except Conflict as conflict:
            message = explain(conflict, console)
            console.line(message)
            console.document({"file": str(path), "duplicate": True, "message": message})
            continue
        taken &= check.verdict is not Verdict.REJECT
        _print_check(
            console, path, check, id=upload.id, status=upload.status, duplicate=False
        )
    return taken


def predict_file(
    services: Services,
    console: Console,
    path: Path,
    output: Path,
    mapping: ColumnMapping,
    *,
    owner: str,
) -> None:
    """Write the file with its predictions beside it and say how many there are."""
    result = services.prediction.predict_file(
        read_file(path),
        path.name,
        services.uploads.with_known_headers(mapping, owner),
        file_type=output.suffix.lower().removeprefix("."),
    )
    write_file(output, result.content)
    predicted, refused = result.trips.rows_kept, result.trips.refused
    console.say(
        "PREDICTED",
        predicted=predicted,
        output=output,
        model=result.model.number,
        skipped=len(refused),
    )
    _print_refusals(console, refused)
    console.document(
        {
            "file": str(path),
            "output": str(output),
            "model_id": result.model.id,
            "rows_total": result.trips.rows_total,
            "rows_predicted": predicted,
            "rejected": [_refusal(row, console) for row in refused],
        }
    )


def write_file(output: Path, content: bytes) -> None:
    """Write all of a file or nothing."""
    partial = output.with_name(f".{output.name}.part")
    try:
        partial.write_bytes(content)
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise Refused(
            "FILE_NOT_WRITABLE", file=output, problem=error.strerror
        ) from error


def _print_check(
    console: Console,
    path: Path,
    check: FileCheck,
    *,
    with_rows: bool = False,
    **more: Any,
) -> None:
    fares, refusal = check.fares, check.refusal
    document: dict[str, Any] = {
        "file": str(path),
        "verdict": check.verdict,
        "reason": check.reason,
        "rows_total": fares.rows_total if fares else 0,
        "rows_kept": fares.rows_kept if fares else 0,
        "rejected": [_refusal(row, console) for row in fares.refused] if fares else [],
        "warnings": [str(warning) for warning in fares.warnings] if fares else [],
        "folded": [vars(name) for name in fares.folded] if fares else [],
        "evidence": [_evidence(found, console) for found in check.evidence],
        **more,
    }
    if refusal:
        document["message"] = explain(refusal, console)
        document["details"] = refusal.details
    if with_rows:
        document["rows"] = _core_rows(fares) if fares else []
    console.document(document)
    _print_verdict(console, path, check)


def _print_verdict(console: Console, path: Path, check: FileCheck) -> None:
    fares, refusal = check.fares, check.refusal
    if refusal is not None:
        console.say("FILE_REFUSED", file=path.name, reason=explain(refusal, console))
    if fares is None:
        return
    console.say(
        "FILE_READ",
        file=path.name,
        total=fares.rows_total,
        kept=fares.rows_kept,
        refused=len(fares.refused),
    )
    _print_refusals(console, fares.refused)
    for warning in fares.warnings:
        console.line(f"  {warning.sentence(console.language)}")
    _print_folded(console, fares)
    if check.evidence:
        console.say("FILE_HELD")
        for found in check.evidence:
            console.line(f"  {found.sentence(console.language)}")


def _print_folded(console: Console, fares: CleanFares) -> None:
    """Tell which spellings became one name."""
    for name, ways in fares.respelled().items():
        console.say("NAMES_FOLDED", spelled=", ".join(ways), name=name)


def _evidence(found: Evidence, console: Console) -> dict[str, Any]:
    return {
        "code": found.code,
        "details": found.details,
        "message": found.sentence(console.language),
    }


def _print_refusals(console: Console, refused: Sequence[RefusedRow]) -> None:
    for row in refused[:SHOWN_REFUSALS]:
        console.say("ROW_REFUSED", row=row.row, reason=row.sentence(console.language))
    if len(refused) > SHOWN_REFUSALS:
        console.say("MORE_ROWS_REFUSED", more=len(refused) - SHOWN_REFUSALS)


def _refusal(row: RefusedRow, console: Console) -> dict[str, Any]:
    return {
        "row": row.row,
        "column": row.column,
        "code": row.code,
        "message": row.sentence(console.language),
    }


def _core_rows(fares: CleanFares) -> list[list[Any]]:
    rows = fares.rows()
    days = rows["date"].dt.strftime("%Y-%m-%d")
    columns = ("start_city", "end_city", "airline", "duration_minutes", "price")
    return [
        [day, *values]
        for day, values in zip(
            days, rows[list(columns)].itertuples(index=False, name=None), strict=True
        )
    ]
