"""The page behind an invitation, or open to everybody: a new user's account.

The token stands behind the ``#`` of the link, as that of the first administrator does.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from tripadvance_core.bootstrap import Services
from tripadvance_core.services.passwords import MIN_PASSWORD_LENGTH
from ui.answers import signed_in
from ui.forms import NewAccount, address_of, door, words_of
from ui.places import HOME, REGISTER_PAGE
from ui.slowly import slowly


def routes(services: Services) -> APIRouter:
    """Return the page and what its form asks for."""
    router = APIRouter()
    accounts = services.accounts
    is_open = services.settings.registration == "open"

    @router.get(REGISTER_PAGE)
    def page(request: Request) -> HTMLResponse:
        return door(
            "register.html",
            request,
            services,
            min_password=MIN_PASSWORD_LENGTH,
            registration_is_open=is_open,
        )

    @router.post("/auth/register")
    async def register(form: NewAccount, request: Request) -> JSONResponse:
        def register_and_open() -> JSONResponse:
            language = words_of(request, services).language
            user = accounts.register(
                form.token, form.email, form.name, form.chosen(), address_of(request)
            )
            services.own_account.choose_language(user, language)
            return signed_in(HOME.path, accounts.open_session(user), request, language)

        return await slowly(register_and_open)

    return router
