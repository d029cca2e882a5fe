"""Where administrators let people in, and decide what each may do."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel

from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.users import Role
from tripadvance_core.services.audit import Actor
from tripadvance_core.services.links import LIFETIMES, Purpose
from ui.forms import address_of, asked_page, room, words_of
from ui.places import REGISTER_PAGE, RESET_PAGE, USERS

USERS_A_PAGE = 50


class Invitation(BaseModel):
    """Somebody to be let in."""

    role: Role


class OldInvitation(BaseModel):
    """An invitation to be taken back."""

    link_id: str


class Somebody(BaseModel):
    """A user to whom something is to be done."""

    user_id: str


class NewRole(Somebody):
    """Another role."""

    role: Role


class Deletion(Somebody):
    """A user to be deleted; the form's box says that this is meant."""

    meant: Literal["on"]


def routes(services: Services) -> APIRouter:
    """Return the page and what its forms ask for."""
    router = APIRouter(prefix=USERS.path)
    administration = services.administration
    again = {"location": USERS.path}

    def by(request: Request) -> Actor:
        return Actor(request.state.user, address_of(request))

    def shown_once(request: Request, page: str, token: str) -> JSONResponse:
        # The administrator's own browser said where it is, and nobody else sees it.
        link = f"{request.headers['origin']}{page}#{token}"
        say = words_of(request, services).say
        return JSONResponse({"notice": say("USERS_LINK_ONCE"), "secret": link})

    @router.get("")
    def page(request: Request) -> HTMLResponse:
        invitations = administration.invitations()
        return room(
            "users.html",
            request,
            services,
            users=administration.users(asked_page(request), USERS_A_PAGE),
            address=lambda number: f"?page={number}",
            invitations=invitations,
            emails=administration.emails(link.made_by or "" for link in invitations),
            roles=list(Role),
            lifetimes=LIFETIMES,
            invitation=Purpose.INVITATION,
        )

    @router.post("/invite")
    def invite(form: Invitation, request: Request) -> JSONResponse:
        token = administration.invite(form.role, by(request))
        return shown_once(request, REGISTER_PAGE, token)

    @router.post("/withdraw")
    def withdraw(form: OldInvitation, request: Request) -> JSONResponse:
        administration.withdraw_invitation(form.link_id, by(request))
        return JSONResponse(again)

    @router.post("/role")
    def change_role(form: NewRole, request: Request) -> JSONResponse:
        administration.change_role(form.user_id, form.role, by(request))
        return JSONResponse(again)

    @router.post("/disable")
    def disable(form: Somebody, request: Request) -> JSONResponse:
        administration.disable(form.user_id, by(request))
        return JSONResponse(again)

    @router.post("/enable")
    def enable(form: Somebody, request: Request) -> JSONResponse:
        administration.enable(form.user_id, by(request))
        return JSONResponse(again)

    @router.post("/reset")
    def reset_link(form: Somebody, request: Request) -> JSONResponse:
        token = administration.reset_link(form.user_id, by(request))
        return shown_once(request, RESET_PAGE, token)

    @router.post("/delete")
    def delete(form: Deletion, request: Request) -> JSONResponse:
        administration.delete(form.user_id, by(request))
        return JSONResponse(again)

    return router
