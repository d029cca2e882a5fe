"""The page behind the one-time link: the first administrator chooses a password.

The token stands behind the ``#`` of the link, which browsers send to no server, so it
is in no log.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from tripadvance_core.bootstrap import Services
from tripadvance_core.services.passwords import MIN_PASSWORD_LENGTH
from ui.answers import signed_in
from ui.forms import NewAccount, door, words_of
from ui.places import FIRST_ADMIN_PAGE, HOME
from ui.slowly import slowly


def routes(services: Services) -> APIRouter:
    """Return the page and what its form asks for."""
    router = APIRouter()
    accounts = services.accounts

    @router.get(FIRST_ADMIN_PAGE)
    def page(request: Request) -> HTMLResponse:
        return door(
            "first_admin.html", request, services, min_password=MIN_PASSWORD_LENGTH
        )

    @router.post("/auth/first-admin")
    async def create(form: NewAccount, request: Request) -> JSONResponse:
        def create_and_open() -> JSONResponse:
            language = words_of(request, services).language
            user = accounts.create_first_admin(
                form.token, form.email, form.name, form.chosen()
            )
            services.own_account.choose_language(user, language)
            return signed_in(HOME.path, accounts.open_session(user), request, language)

        return await slowly(create_and_open)

    return router
