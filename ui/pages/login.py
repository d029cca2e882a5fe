"""Signing in and out."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from tripadvance_core.bootstrap import Services
from tripadvance_core.services.passwords import MAX_PASSWORD_LENGTH
from tripadvance_core.services.people import MAX_EMAIL_LENGTH
from ui.answers import SESSION_COOKIE, signed_in
from ui.places import HOME, LOGIN_PAGE
from ui.rendering import Words, chosen_language, render


class SignIn(BaseModel):
    """What the form sends."""

    email: str = Field(max_length=MAX_EMAIL_LENGTH)
    password: str = Field(max_length=MAX_PASSWORD_LENGTH)


def routes(services: Services) -> APIRouter:
    """Return the login page and what its form and the sign-out button ask for."""
    router = APIRouter()
    settings, accounts = services.settings, services.accounts

    @router.get(LOGIN_PAGE)
    def page(request: Request) -> HTMLResponse:
        language = chosen_language(request.cookies, settings.language)
        return HTMLResponse(render("login.html", Words(language, settings.zone)))

    # Not async: the slow check of the password then runs beside the event loop.
    @router.post("/auth/login")
    def sign_in(form: SignIn, request: Request) -> JSONResponse:
        address = request.client.host if request.client else "unknown"
        token = accounts.sign_in(form.email, form.password, address)
        accounts.sign_out(request.cookies.get(SESSION_COOKIE, ""))
        return signed_in(HOME.path, token, request)

    @router.post("/auth/logout")
    def sign_out(request: Request) -> JSONResponse:
        accounts.sign_out(request.cookies.get(SESSION_COOKIE, ""))
        answer = JSONResponse({"location": LOGIN_PAGE})
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    return router
