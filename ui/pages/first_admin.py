"""The page behind the one-time link: the first administrator chooses a password.

The token stands behind the ``#`` of the link, which browsers send to no server, so it
is in no log.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel

from tripadvance_core.bootstrap import Services
from tripadvance_core.errors import Refused
from tripadvance_core.services.passwords import MIN_PASSWORD_LENGTH
from ui.answers import signed_in
from ui.places import FIRST_ADMIN_PAGE, HOME
from ui.rendering import Words, chosen_language, render


class FirstAdmin(BaseModel):
    """What the form sends; the account service checks the values."""

    token: str
    name: str
    email: str
    password: str
    password_again: str


def routes(services: Services) -> APIRouter:
    """Return the page and what its form asks for."""
    router = APIRouter()
    settings, accounts = services.settings, services.accounts

    @router.get(FIRST_ADMIN_PAGE)
    def page(request: Request) -> HTMLResponse:
        language = chosen_language(request.cookies, settings.language)
        words = Words(language, settings.zone)
        return HTMLResponse(
            render("first_admin.html", words, min_password=MIN_PASSWORD_LENGTH)
        )

    @router.post("/auth/first-admin")
    def create(form: FirstAdmin, request: Request) -> JSONResponse:
        if form.password != form.password_again:
            raise Refused("PASSWORDS_DIFFER")
        user = accounts.create_first_admin(
            form.token, form.email, form.name, form.password
        )
        return signed_in(HOME.path, accounts.open_session(user), request)

    return router
