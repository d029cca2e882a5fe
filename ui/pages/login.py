"""Signing in and out."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from tripadvance_core.bootstrap import Services
from tripadvance_core.services.passwords import MAX_PASSWORD_LENGTH
from tripadvance_core.services.people import MAX_EMAIL_LENGTH
from ui.answers import SESSION_COOKIE, signed_in
from ui.forms import address_of, door
from ui.places import HOME, LOGIN_PAGE
from ui.slowly import slowly


class SignIn(BaseModel):
    """What the form sends."""

    email: str = Field(max_length=MAX_EMAIL_LENGTH)
    password: str = Field(max_length=MAX_PASSWORD_LENGTH)


def routes(services: Services) -> APIRouter:
    """Return the login page and what its form and the sign-out button ask for."""
    router = APIRouter()
    accounts = services.accounts
    is_open = services.settings.registration == "open"

    @router.get(LOGIN_PAGE)
    def page(request: Request) -> HTMLResponse:
        return door("login.html", request, services, registration_is_open=is_open)

    @router.post("/auth/login")
    async def sign_in(form: SignIn, request: Request) -> JSONResponse:
        def check_and_open() -> JSONResponse:
            token = accounts.sign_in(form.email, form.password, address_of(request))
            accounts.sign_out(request.cookies.get(SESSION_COOKIE, ""))
            user = accounts.user_of(token)
            return signed_in(HOME.path, token, request, user.language if user else None)

        return await slowly(check_and_open)

    @router.post("/auth/logout")
    def sign_out(request: Request) -> JSONResponse:
        accounts.sign_out(request.cookies.get(SESSION_COOKIE, ""))
        answer = JSONResponse({"location": LOGIN_PAGE})
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    return router
