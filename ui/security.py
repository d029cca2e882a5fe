"""The gate: without a session nothing answers but a short list of open paths.

Gradio leaves many of its routes open, whatever its own login says (its configuration,
other users' files, its queue). So the gate stands before the whole application and
lets through only what the pages here need, and each of that to whom it belongs.
"""

import re
from collections import OrderedDict
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
from ui.answers import SESSION_COOKIE, answer_to_error, answer_to_upload_error
from ui.bodies import body_within, files_may_be_had, json_object, replaying
from ui.files import Owners
from ui.headers import PUBLIC_FOLDER, with_headers
from ui.places import (
    FIRST_ADMIN_PAGE,
    FORGOT_PAGE,
    LOGIN_PAGE,
    REGISTER_PAGE,
    RESET_PAGE,
    place_over,
)
from ui.rendering import chosen_language
from ui.streams import ending_with
from ui.upload_route import Uploads

MAX_FORM_BYTES = 64 * 1024
MAX_EVENT_BYTES = 8 * 2**20
MAX_TABS = 100_000

# By method as well, for Gradio has a login of its own under the same path.
_OPEN = {
    ("GET", LOGIN_PAGE),
    ("GET", FIRST_ADMIN_PAGE),
    ("GET", REGISTER_PAGE),
    ("GET", FORGOT_PAGE),
    ("GET", RESET_PAGE),
    ("GET", "/healthz"),
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
_UPLOAD = "/gradio_api/upload"
_JOIN = "/gradio_api/queue/join"
_EVENT = re.compile(rf"{_JOIN}|/gradio_api/(cancel|reset)")
_STREAM = re.compile(
    r"/gradio_api/(queue/data|upload_progress|heartbeat/(?P<tab>[^/]+))"
)


class Gate:
    """Lets a request through, or answers it with the reason why not.

    Parameters
    ----------
    owners
        Who may have which of Gradio's files.
    timers
        The ids of Gradio's components that act without anybody's doing.
    """

    def __init__(
        self, app: ASGIApp, services: Services, owners: Owners, timers: frozenset[int]
    ) -> None:
        self._app = app
        self._accounts = services.accounts
        self._default_language = services.settings.language
        self._owners = owners
        self._timers = timers
        self._tabs = _Tabs()
        self._uploads = Uploads(app, owners)

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
        if error.code == "WEB_SIGN_IN_FIRST" and _wants_page(request):
            return RedirectResponse(LOGIN_PAGE, status_code=303)
        language = chosen_language(request.cookies, self._default_language)
        if request.scope["path"] == _UPLOAD:
            return answer_to_upload_error(error, language)
        return answer_to_error(error, language)

    async def _admit(self, request: Request, send: Send) -> None:
        """Have the application answer, or raise why it must not."""
        path = request.scope["path"]  # not request.url, of which Host is a part
        if request.method not in {"GET", "HEAD", "POST"}:
            raise Refused("WEB_METHOD_REFUSED")
        if request.method == "POST" and not _is_from_here(request):
            raise Refused("WEB_OTHER_ORIGIN")
        if (request.method, path) in _OPEN or path.startswith(PUBLIC_FOLDER):
            await self._pass_on(request, send)
            return
        user = await run_in_threadpool(self._user, request)
        if user is None:
            raise Refused("WEB_SIGN_IN_FIRST")
        request.state.user = user
        if place := place_over(path):
            if not user.role.may(place.least):
                raise Refused("WEB_NOT_ALLOWED")
            await self._pass_on(request, send)
        elif request.method == "POST":
            await self._admit_post_to_gradio(request, user, send)
        else:
            await self._admit_get_from_gradio(request, user, send)

    async def _admit_post_to_gradio(
        self, request: Request, user: User, send: Send
    ) -> None:
        path = request.scope["path"]
        if path == _UPLOAD:
            await self._uploads.take(request, user, send)
        elif _EVENT.fullmatch(path):
            body = await body_within(MAX_EVENT_BYTES, request)
            event = await run_in_threadpool(json_object, body)
            self._tabs.check(event.get("session_hash"), user)
            await run_in_threadpool(self._check_event, request, user, event)
            await self._app(request.scope, replaying(body, request.receive), send)
        else:
            raise Refused("WEB_NOT_FOUND")

    async def _admit_get_from_gradio(
        self, request: Request, user: User, send: Send
    ) -> None:
        path = request.scope["path"]
        if stream := _STREAM.fullmatch(path):
            tab = stream["tab"] or request.query_params.get("session_hash")
            self._tabs.check(tab, user)
            await ending_with(
                lambda: run_in_threadpool(self._is_signed_in, request),
                self._app,
                request.scope,
                request.receive,
                send,
            )
        elif self._may_read(path, user):
            await self._pass_on(request, send)
        else:
            raise Refused("WEB_NOT_FOUND")

    async def _pass_on(self, request: Request, send: Send) -> None:
        body = await body_within(MAX_FORM_BYTES, request)
        await self._app(request.scope, replaying(body, request.receive), send)

    def _may_read(self, path: str, user: User) -> bool:
        file = _FILE.fullmatch(path)
        if file is None:
            return _LOOKS.fullmatch(path) is not None
        return self._owners.may_have(file["path"], user.id)

    def _check_event(self, request: Request, user: User, event: dict[str, Any]) -> None:
        """Refuse files of somebody else; note what was done by hand."""
        if not files_may_be_had(
            event, lambda path: self._owners.may_have(path, user.id)
        ):
            raise Refused("WEB_NOT_FOUND")
        trigger = event.get("trigger_id")
        if isinstance(trigger, int) and trigger not in self._timers:
            self._user(request, active=True)

    def _is_signed_in(self, request: Request) -> bool:
        try:
            return self._user(request) is not None
        except Unavailable:
            return False

    def _user(self, request: Request, *, active: bool = False) -> User | None:
        # What a page does by itself, in a browser that somebody left, must not keep
        # the session alive.
        active = active or place_over(request.scope["path"]) is not None
        token = request.cookies.get(SESSION_COOKIE)
        return self._accounts.user_of(token, active=active) if token else None


class _Tabs:
    """Knows whose each open page is, by the name that Gradio's front end gave it.

    The name is short and made in the browser, but whoever knows it reads the answers.
    """

    def __init__(self) -> None:
        self._users: OrderedDict[str, str] = OrderedDict()

    def check(self, tab: Any, user: User) -> None:
        """Give the page to its first user; ``WEB_NOT_FOUND`` if it is another's."""
        if tab is None:
            return
        if not isinstance(tab, str):
            raise Refused("WEB_REQUEST_INVALID")
        if self._users.setdefault(tab, user.id) != user.id:
            raise Refused("WEB_NOT_FOUND")
        self._users.move_to_end(tab)
        if len(self._users) > MAX_TABS:
            self._users.popitem(last=False)


def _is_from_here(request: Request) -> bool:
    """Tell whether a browser says that the request comes from a page of this origin.

    A request that says nothing is refused: all browsers send ``Origin`` on a POST.
    """
    origin = urlsplit(request.headers.get("origin", "")).netloc
    fetch_site = request.headers.get("sec-fetch-site", "same-origin")
    is_own = bool(origin) and origin == request.headers.get("host")
    return is_own and fetch_site == "same-origin"


def _wants_page(request: Request) -> bool:
    path = request.scope["path"]
    by_a_person = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and (by_a_person or place_over(path) is not None)
