"""What users see and change of their own accounts."""

import json
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, Field

from tripadvance_core.bootstrap import Services
from tripadvance_core.messages import Language
from tripadvance_core.services.api_tokens import (
    MAX_TOKEN_DAYS,
    MAX_TOKEN_NAME_LENGTH,
    Scope,
)
from tripadvance_core.services.passwords import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
)
from tripadvance_core.services.people import MAX_EMAIL_LENGTH, MAX_NAME_LENGTH
from ui.answers import SESSION_COOKIE, keep_language
from ui.forms import TwicePassword, address_of, room, words_of
from ui.pages.files import attachment
from ui.places import ACCOUNT, LOGIN_PAGE
from ui.slowly import slowly


class Name(BaseModel):
    """A new name."""

    name: str = Field(max_length=MAX_NAME_LENGTH)


class Confirmed(BaseModel):
    """Something that asks for the password once more."""

    current_password: str = Field(max_length=MAX_PASSWORD_LENGTH)


class Email(Confirmed):
    """A new e-mail."""

    email: str = Field(max_length=MAX_EMAIL_LENGTH)


class Password(Confirmed, TwicePassword):
    """A new password."""


class Chosen(BaseModel):
    """A language."""

    language: Language


class NewToken(BaseModel):
    """A token to be made."""

    name: str = Field(max_length=MAX_TOKEN_NAME_LENGTH)
    scope: Scope
    days: int


class OldToken(BaseModel):
    """A token to be revoked."""

    token_id: str


class Erasure(Confirmed):
    """The account to be deleted; the form's box says that this is meant."""

    meant: Literal["on"]


def routes(services: Services) -> APIRouter:
    """Return the page and what its forms ask for."""
    router = APIRouter(prefix=ACCOUNT.path)
    own = services.own_account

    def changed(request: Request) -> JSONResponse:
        say = words_of(request, services).say
        return JSONResponse({"notice": say("ACCOUNT_CHANGED")})

    @router.get("")
    def page(request: Request) -> HTMLResponse:
        return room(
            "account.html",
            request,
            services,
            tokens=own.tokens(request.state.user),
            now=services.clock(),
            scopes=list(Scope),
            max_days=MAX_TOKEN_DAYS,
            max_token_name=MAX_TOKEN_NAME_LENGTH,
            min_password=MIN_PASSWORD_LENGTH,
        )

    @router.post("/name")
    def change_name(form: Name, request: Request) -> JSONResponse:
        own.change_name(request.state.user, form.name)
        return changed(request)

    @router.post("/language")
    def choose_language(form: Chosen, request: Request) -> JSONResponse:
        own.choose_language(request.state.user, form.language)
        answer = JSONResponse({"location": ACCOUNT.path})
        keep_language(answer, form.language)
        return answer

    @router.post("/email")
    async def change_email(form: Email, request: Request) -> JSONResponse:
        user, address = request.state.user, address_of(request)
        await slowly(
            lambda: own.change_email(user, form.email, form.current_password, address)
        )
        return JSONResponse({"location": ACCOUNT.path})

    @router.post("/password")
    async def change_password(form: Password, request: Request) -> JSONResponse:
        password = form.chosen()
        await slowly(
            lambda: own.change_password(
                request.state.user,
                form.current_password,
                password,
                address_of(request),
                session=request.cookies[SESSION_COOKIE],
            )
        )
        return changed(request)

    @router.post("/tokens")
    def make_token(form: NewToken, request: Request) -> JSONResponse:
        token = own.make_token(
            request.state.user, form.name, form.scope, form.days, address_of(request)
        )
        say = words_of(request, services).say
        return JSONResponse({"notice": say("TOKEN_SHOWN_ONCE"), "secret": token})

    @router.post("/tokens/revoke")
    def revoke_token(form: OldToken, request: Request) -> JSONResponse:
        own.revoke_token(request.state.user, form.token_id, address_of(request))
        return JSONResponse({"location": ACCOUNT.path})

    @router.get("/data.json")
    def download(request: Request) -> Response:
        data = own.data(request.state.user, address_of(request))
        text = json.dumps(data, ensure_ascii=False, indent=2)
        return attachment(text.encode(), "tripadvance.json", "application/json")

    @router.post("/erase")
    async def erase(form: Erasure, request: Request) -> JSONResponse:
        user, address = request.state.user, address_of(request)
        await slowly(lambda: own.erase(user, form.current_password, address))
        answer = JSONResponse({"location": LOGIN_PAGE})
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    return router
