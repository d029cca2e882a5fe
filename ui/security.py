"""The gate: without a session nothing answers but a short list of open paths.

Gradio leaves many of its routes open, whatever its own login says (its configuration,
other users' files, its queue). So the gate stands before the whole application and
lets through only what the pages here need, and each of that to whom it belongs.
"""

import re
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.users import User
from tripadvance_core.errors import Refused, TripAdvanceError, Unavailable
from tripadvance_core.services.api_tokens import Scope as TokenScope
from ui.answers import SESSION_COOKIE, UPLOAD, refusal, wants_page
from ui.files import Owners
from ui.headers import PUBLIC_FOLDER, with_headers
from ui.passage import Passage
from ui.places import (
    FIRST_ADMIN_PAGE,
    FORGOT_PAGE,
    LOGIN_PAGE,
    REGISTER_PAGE,
    RESET_PAGE,
    place_over,
)
from ui.prometheus import FIGURES_PATH

# By method as well, for Gradio has a login of its own under the same path.
_OPEN = {
    ("GET", LOGIN_PAGE),
    ("GET", FIRST_ADMIN_PAGE),
    ("GET", REGISTER_PAGE),
    ("GET", FORGOT_PAGE),
    ("GET", RESET_PAGE),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/auth/login"),
    ("POST", "/auth/logout"),
    ("POST", "/auth/first-admin"),
    ("POST", "/auth/register"),
    ("POST", "/auth/forgot"),
    ("POST", "/auth/reset"),
}
# All that Gradio's front end asks for on these pages.
_LOOKS = re.compile(r"/theme\.css|/(assets|static)/.+")
_FILE = re.compile(r"/gradio_api/file=(?P<path>.+)", re.DOTALL)
_EVENT = re.compile(r"/gradio_api/(queue/join|cancel|reset)")
_STREAM = re.compile(
    r"/gradio_api/(queue/data|upload_progress|heartbeat/(?P<tab>[^/]+))"
)
# All that programs may ask for, with a token.
_CALL = re.compile(r"/gradio_api/(call|run)/(?P<name>\w+)")
_ANSWER_TO_CALL = re.compile(r"/gradio_api/call/(?P<name>\w+)/\w+")
_DESCRIPTION = re.compile(r"/gradio_api/(info|openapi\.json)")
_MCP = re.compile(r"/gradio_api/mcp(/.*)?")
_PREDICTIONS = "predict"
"""How the names of calls begin that a token for predictions allows."""

SignedIn = Callable[[], Awaitable[bool]]


class Gate:
    """Lets a request through, or answers it with the reason why not.

    Parameters
    ----------
    owners
        Who may have which of Gradio's files.
    timers
        The ids of Gradio's components that act without anybody's doing.
    calls
        The names of what programs may call.
    """

    def __init__(
        self,
        app: ASGIApp,
        services: Services,
        owners: Owners,
        timers: frozenset[int],
        calls: frozenset[str],
    ) -> None:
        self._app = app
        self._accounts = services.accounts
        self._settings = services.settings
        self._timers = timers
        self._calls = calls
        self._passage = Passage(app, owners)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request as an ASGI application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(Request(scope, receive), with_headers(scope, send))
        else:
            await WebSocketClose()(scope, receive, send)

    async def _answer(self, request: Request, send: Send) -> None:
        try:
            await self._admit(request, send)
        except ClientDisconnect:
            return
        except TripAdvanceError as error:
            await self._refusal(error, request)(request.scope, request.receive, send)

    def _refusal(self, error: TripAdvanceError, request: Request) -> Response:
        is_page = request.method == "GET" and place_over(request.scope["path"])
        if error.code == "WEB_SIGN_IN_FIRST" and (is_page or wants_page(request)):
            return RedirectResponse(LOGIN_PAGE, status_code=303)
        return refusal(error, request, self._settings)

    async def _admit(self, request: Request, send: Send) -> None:
        """Have the application answer, or raise why it must not."""
        path = request.scope["path"]  # not request.url, of which Host is a part
        if request.method not in {"GET", "HEAD", "POST"}:
            raise Refused("WEB_METHOD_REFUSED")
        # No page of another origin can send this header, so no Origin is asked for.
        if (token := _token_of_program(request)) is not None:
            if path == FIGURES_PATH and self._may_scrape(token):
                await self._passage.form(request, send)
            else:
                await self._admit_program(request, token, send)
            return
        if request.method == "POST" and not _is_from_here(request):
            raise Refused("WEB_OTHER_ORIGIN")
        if (request.method, path) in _OPEN or path.startswith(PUBLIC_FOLDER):
            await self._passage.form(request, send)
            return
        user = await run_in_threadpool(self._user, request)
        if user is None:
            raise Refused("WEB_SIGN_IN_FIRST")
        request.state.user = user
        await self._admit_user(request, user, send)

    async def _admit_user(self, request: Request, user: User, send: Send) -> None:
        path, is_post = request.scope["path"], request.method == "POST"
        if place := place_over(path):
            if not user.role.may(place.least):
                raise Refused("WEB_NOT_ALLOWED")
            await self._passage.form(request, send)
        elif is_post and _EVENT.fullmatch(path):
            event, body = await self._passage.look_through(request, user)
            await run_in_threadpool(self._note_deed, request, event)
            await self._passage.event(body, request, send)
        elif not is_post and (stream := _STREAM.fullmatch(path)):
            asked = request.query_params
            tab = stream["tab"] or asked.get("session_hash") or asked.get("upload_id")
            signed_in = self._watching(lambda: self._user(request))
            await self._passage.stream(tab, signed_in, request, user, send)
        elif not is_post and _LOOKS.fullmatch(path):
            await self._passage.form(request, send)
        else:
            await self._admit_to_files(request, user, send)

    async def _admit_to_files(self, request: Request, user: User, send: Send) -> None:
        path, is_post = request.scope["path"], request.method == "POST"
        if is_post and path == UPLOAD:
            await self._passage.upload(request, user, send)
        elif not is_post and (file := _FILE.fullmatch(path)):
            await self._passage.file(file["path"], request, user, send)
        else:
            raise Refused("WEB_NOT_FOUND")

    async def _admit_program(self, request: Request, token: str, send: Send) -> None:
        known = await run_in_threadpool(self._accounts.user_of_program, token)
        if known is None:
            raise Refused("WEB_TOKEN_REFUSED")
        user, details = known
        request.state.user = user
        path, is_post = request.scope["path"], request.method == "POST"
        is_call = self._is_call(path, is_post, details.scope)
        if is_call and is_post:
            event, body = await self._passage.look_through(request, user)
            # Gradio would believe this number more than the name in the address.
            if event.get("fn_index") is not None:
                raise Refused("WEB_REQUEST_INVALID")
            await self._passage.event(body, request, send)
        elif is_call:
            find = self._accounts.user_of_program
            signed_in = self._watching(lambda: find(token))
            await self._passage.stream(None, signed_in, request, user, send)
        elif not is_post and _DESCRIPTION.fullmatch(path):
            await self._passage.form(request, send)
        else:
            await self._admit_to_files(request, user, send)

    def _may_scrape(self, token: str) -> bool:
        wanted = self._settings.metrics_token
        return wanted is not None and compare_digest(
            token.encode(), wanted.get_secret_value().encode()
        )

    def _is_call(self, path: str, is_post: bool, scope: TokenScope) -> bool:
        """Tell whether a program calls something, or waits for the answer to a call.

        ``WEB_NOT_ALLOWED`` where its token is not meant for that.
        """
        call = (_CALL if is_post else _ANSWER_TO_CALL).fullmatch(path)
        is_mcp = self._settings.mcp and _MCP.fullmatch(path) is not None
        if not is_mcp and (call is None or call["name"] not in self._calls):
            return False
        is_prediction = call is not None and call["name"].startswith(_PREDICTIONS)
        if not is_prediction and scope is not TokenScope.AS_USER:
            raise Refused("WEB_NOT_ALLOWED")
        return True

    def _note_deed(self, request: Request, event: dict[str, Any]) -> None:
        """Keep the session of somebody who does something from ending for idleness."""
        trigger = event.get("trigger_id")
        if isinstance(trigger, int) and trigger not in self._timers:
            self._user(request, active=True)

    def _watching(self, find: Callable[[], object]) -> SignedIn:
        def is_signed_in() -> bool:
            try:
                return find() is not None
            except Unavailable:
                return False

        return lambda: run_in_threadpool(is_signed_in)

    def _user(self, request: Request, *, active: bool = False) -> User | None:
        # What a page does by itself, in a browser that somebody left, must not keep
        # the session alive.
        active = active or place_over(request.scope["path"]) is not None
        token = request.cookies.get(SESSION_COOKIE)
        return self._accounts.user_of(token, active=active) if token else None


def _token_of_program(request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _is_from_here(request: Request) -> bool:
    """Tell whether a browser says that the request comes from a page of this origin.

    A request that says nothing is refused: all browsers send ``Origin`` on a POST.
    """
    origin = urlsplit(request.headers.get("origin", "")).netloc
    fetch_site = request.headers.get("sec-fetch-site", "same-origin")
    is_own = bool(origin) and origin == request.headers.get("host")
    return is_own and fetch_site == "same-origin"
