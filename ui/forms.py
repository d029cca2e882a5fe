"""Pages that are plain HTML forms, not Gradio's."""

import re
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from tripadvance_core.bootstrap import Services
from tripadvance_core.errors import Refused
from ui.places import BAR, place_over
from ui.rendering import Words, chosen_language, render


class TwicePassword(BaseModel):
    """A new password, as a form sends it; the account service judges it."""

    password: str
    password_again: str

    def chosen(self) -> str:
        """Return the password; ``Refused`` (``PASSWORDS_DIFFER``)."""
        if self.password != self.password_again:
            raise Refused("PASSWORDS_DIFFER")
        return self.password


class NewAccount(TwicePassword):
    """A new user's account; ``token`` is that of the link, empty without one."""

    token: str
    name: str
    email: str


def words_of(request: Request, services: Services) -> Words:
    """Return how to write for whoever sent the request."""
    settings = services.settings
    return Words(chosen_language(request.cookies, settings.language), settings.zone)


def address_of(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client else "unknown"


def asked_page(request: Request) -> int:
    """Return the page of a list that the address asks for, the first by default."""
    asked = request.query_params.get("page", "")
    return int(asked) if re.fullmatch("[0-9]{1,9}", asked) else 1


def door(
    template: str, request: Request, services: Services, **context: Any
) -> HTMLResponse:
    """Answer with a page for people who are not signed in."""
    return HTMLResponse(render(template, words_of(request, services), **context))


def room(
    template: str, request: Request, services: Services, **context: Any
) -> HTMLResponse:
    """Answer with a page for people who are signed in, under the bar of all pages."""
    place = place_over(request.scope["path"])
    frame = {
        "user": request.state.user,
        "menu": BAR,
        "here": place.marked if place else None,
    }
    return door(template, request, services, **frame, **context)
