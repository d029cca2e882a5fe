"""The log of who did what."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from tripadvance_core.bootstrap import Services
from ui.forms import asked_page, room
from ui.places import AUDIT

ENTRIES_A_PAGE = 50


def routes(services: Services) -> APIRouter:
    """Return the page."""
    router = APIRouter()

    @router.get(AUDIT.path)
    def page(request: Request) -> HTMLResponse:
        entries = services.audit.page(asked_page(request), ENTRIES_A_PAGE)
        named = [entry.user_id for entry in entries.items]
        named += [entry.subject_id for entry in entries.items]
        return room(
            "audit.html",
            request,
            services,
            entries=entries,
            address=lambda number: f"?page={number}",
            emails=services.administration.emails(filter(None, named)),
        )

    return router
