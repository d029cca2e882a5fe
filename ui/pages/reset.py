"""A forgotten password: asking for a link, and the page behind it.

The token stands behind the ``#`` of the link, as that of the first administrator does.
"""

import logging
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.users import User
from tripadvance_core.errors import Refused, TripAdvanceError
from tripadvance_core.messages import sentence
from tripadvance_core.services.links import LIFETIMES, Purpose
from tripadvance_core.services.passwords import MIN_PASSWORD_LENGTH
from tripadvance_core.services.people import MAX_EMAIL_LENGTH
from ui.forms import TwicePassword, address_of, door, words_of
from ui.places import FORGOT_PAGE, LOGIN_PAGE, RESET_PAGE
from ui.slowly import slowly

_LOG = logging.getLogger(__name__)


class Forgotten(BaseModel):
    """What the form sends that asks for a link."""

    email: str = Field(max_length=MAX_EMAIL_LENGTH)


class NewPassword(TwicePassword):
    """What the form behind the link sends."""

    token: str


def routes(services: Services) -> APIRouter:
    """Return both pages and what their forms ask for."""
    router = APIRouter()
    accounts, mailer = services.accounts, services.mailer
    # E-mails are sent beside the answer, which tells nobody by its time who has an
    # account.
    letters = ThreadPoolExecutor(1, thread_name_prefix="letters")

    @router.get(FORGOT_PAGE)
    def ask(request: Request) -> HTMLResponse:
        return door("forgot.html", request, services, by_mail=mailer.is_set_up)

    @router.get(RESET_PAGE)
    def choose(request: Request) -> HTMLResponse:
        return door("reset.html", request, services, min_password=MIN_PASSWORD_LENGTH)

    @router.post("/auth/forgot")
    def send_link(form: Forgotten, request: Request) -> JSONResponse:
        if not mailer.is_set_up:
            raise Refused("RESET_BY_ADMINISTRATOR")
        accounts.admit_reset(form.email, address_of(request))
        letters.submit(_send_link, services, form.email)
        say = words_of(request, services).say
        return JSONResponse({"notice": say("RESET_SENT", minutes=_minutes())})

    @router.post("/auth/reset")
    async def reset(form: NewPassword, request: Request) -> JSONResponse:
        def choose_password() -> JSONResponse:
            password = form.chosen()
            accounts.reset_password(form.token, password, address_of(request))
            return JSONResponse({"location": LOGIN_PAGE})

        return await slowly(choose_password)

    return router


def _send_link(services: Services, email: str) -> None:
    try:
        found = services.accounts.reset_token(email)
        if found is not None:
            _send_letter(services, *found)
    except TripAdvanceError as error:
        _LOG.error("%s", error)


def _send_letter(services: Services, user: User, token: str) -> None:
    settings = services.settings
    language = user.language or settings.language
    link = f"{settings.address_for_people}{RESET_PAGE}#{token}"
    services.mailer.send(
        user.email,
        sentence("RESET_MAIL_SUBJECT", language),
        sentence(
            "RESET_MAIL_TEXT", language, name=user.name, link=link, minutes=_minutes()
        ),
    )


def _minutes() -> int:
    return int(LIFETIMES[Purpose.RESET].total_seconds() / 60)
