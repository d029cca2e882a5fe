"""Files to download: the template, originals, reports of refused rows."""

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tripadvance_core.bootstrap import Services
from tripadvance_core.tabular.template import FileType, write_template
from ui.places import FILE, UPLOAD
from ui.rendering import chosen_language

_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
_ANY_TYPE: Final = "application/octet-stream"


def routes(services: Services) -> APIRouter:
    """Return the routes of what can be downloaded from the pages of files."""
    router = APIRouter()
    settings, uploads = services.settings, services.uploads

    @router.get(f"{UPLOAD.path}/template.{{file_type}}")
    def template(file_type: FileType, request: Request) -> Response:
        language = chosen_language(request.cookies, settings.language)
        content = write_template(file_type, language, settings.base_currency)
        return attachment(content, f"tripadvance.{file_type}", _TYPES[file_type])

    @router.get(f"{FILE.path}/{{upload_id}}/original")
    def original(upload_id: str) -> Response:
        upload, content = uploads.original(upload_id)
        return attachment(content, upload.name)

    @router.get(f"{FILE.path}/{{upload_id}}/refused.xlsx")
    def refused(upload_id: str, request: Request) -> Response:
        language = chosen_language(request.cookies, settings.language)
        report = uploads.refusals_report(upload_id, language)
        name = uploads.find(upload_id).name.rpartition(".")[0]
        return attachment(report, f"{name}-refused.xlsx", _TYPES["xlsx"])

    return router


def attachment(content: bytes, name: str, media_type: str = _ANY_TYPE) -> Response:
    """Answer with a file that the browser saves and never shows."""
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(
        content, media_type=media_type, headers={"content-disposition": disposition}
    )
