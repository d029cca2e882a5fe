"""The gate: without a session nothing answers but a short list of open paths.

Gradio leaves many of its routes open, whatever its own login says (its configuration,
other users' files, its queue). So the gate stands before the whole application and
lets through only what the pages here need.
"""

import logging
import re
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from tripadvance_core.bootstrap import Services
from tripadvance_core.errors import Refused, TripAdvanceError, Unavailable
from tripadvance_core.messages import Language, sentence
from tripadvance_core.services.accounts import ABSOLUTE_LIMIT, User
from ui.places import place_at
from ui.rendering import chosen_language

_LOG = logging.getLogger(__name__)

SESSION_COOKIE = "tripadvance_session"
MAX_BODY_BYTES = 64 * 1024

LOGIN_PAGE = "/login/"
FIRST_ADMIN_PAGE = "/first-admin/"
PUBLIC_FOLDER = "/public/"

# By method as well, for Gradio has a login of its own under the same path.
_OPEN = {
    ("GET", LOGIN_PAGE),
    ("GET", FIRST_ADMIN_PAGE),
    ("GET", "/healthz"),
    ("POST", "/auth/login"),
    ("POST", "/auth/logout"),
    ("POST", "/auth/first-admin"),
}
# All that Gradio's front end asks for on these pages; no uploads, no files.
_SIGNED_IN_PATHS = re.compile(
    r"/theme\.css|/(assets|static|files)/.+"
    r"|/gradio_api/(queue/(join|data)|upload|upload_progress)"
)
_LASTING = ("/assets/", "/static/", PUBLIC_FOLDER)

_POLICY_ELSEWHERE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Gradio's front end does not start without 'unsafe-inline' and 'unsafe-eval'.
_POLICY_OF_GRADIO = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

_STATUS_OF_CODE = {"LOGIN_REFUSED": 401, "LOGIN_LOCKED": 429}


class Gate:
    """Lets a request through, or answers it with the reason why not."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._accounts = services.accounts
        self._default_language = services.settings.language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request as an ASGI application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(Request(scope, receive), _with_headers(scope, send))
        else:
            await WebSocketClose()(scope, receive, send)

    async def _answer(self, request: Request, send: Send) -> None:
        language = chosen_language(request.cookies, self._default_language)
        try:
            refusal_or_body = await self._examine(request, language)
        except ClientDisconnect:
            return
        except Unavailable as error:
            refusal_or_body = answer_to_error(error, language)
        if isinstance(refusal_or_body, Response):
            await refusal_or_body(request.scope, request.receive, send)
        else:
            receive = _replaying(refusal_or_body, request.receive)
            await self._app(request.scope, receive, send)

    async def _examine(self, request: Request, language: Language) -> Response | bytes:
        """Return a refusal, or the body of a request that may pass."""
        refusal = await self._refusal(request, language)
        if refusal is not None:
            return refusal
        body = await _body_within_limit(request)
        return _refused(413, "WEB_TOO_LARGE", language) if body is None else body

    async def _refusal(self, request: Request, language: Language) -> Response | None:
        path = request.scope["path"]  # not request.url, of which Host is a part
        if request.method not in {"GET", "HEAD", "POST"}:
            return _refused(405, "WEB_METHOD_REFUSED", language)
        if request.method == "POST" and not _is_from_here(request):
            return _refused(403, "WEB_OTHER_ORIGIN", language)
        if (request.method, path) in _OPEN or path.startswith(PUBLIC_FOLDER):
            return None
        user = await run_in_threadpool(self._user, request)
        if user is None:
            if _wants_page(request):
                return RedirectResponse(LOGIN_PAGE, status_code=303)
            return _refused(401, "WEB_SIGN_IN_FIRST", language)
        if place_at(path) is None and not _SIGNED_IN_PATHS.fullmatch(path):
            return _refused(404, "WEB_NOT_FOUND", language)
        request.state.user = user
        return None

    def _user(self, request: Request) -> User | None:
        # Only opening a page is activity: a page that refreshes itself, in a browser
        # that somebody left, must not keep the session alive.
        active = place_at(request.scope["path"]) is not None
        token = request.cookies.get(SESSION_COOKIE)
        return self._accounts.user_of(token, active=active) if token else None


def signed_in(location: str, token: str, request: Request) -> JSONResponse:
    """Answer a sign-in: where to go, and the cookie that holds the session."""
    answer = JSONResponse({"location": location})
    answer.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(ABSOLUTE_LIMIT.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.scope["scheme"] == "https",
    )
    return answer


def answer_to_error(error: TripAdvanceError, language: Language) -> JSONResponse:
    """Answer with the sentence of an error under a fitting HTTP status.

    What the sentence of ``Unavailable`` names, addresses and folders, goes to the log.
    """
    if isinstance(error, Unavailable):
        _LOG.error("%s", error)
        return _refused(503, "WEB_UNAVAILABLE", language)
    status = _STATUS_OF_CODE.get(error.code, 422) if isinstance(error, Refused) else 500
    return JSONResponse(
        {"code": error.code, "message": error.sentence(language)}, status
    )


def _refused(status: int, code: str, language: Language) -> JSONResponse:
    return JSONResponse({"code": code, "message": sentence(code, language)}, status)


def _is_from_here(request: Request) -> bool:
    """Tell whether a browser says that the request comes from a page of this origin.

    A request that says nothing is refused: all browsers send ``Origin`` on a POST.
    """
    origin = urlsplit(request.headers.get("origin", "")).netloc
    fetch_site = request.headers.get("sec-fetch-site", "same-origin")
    is_own = bool(origin) and origin == request.headers.get("host")
    return is_own and fetch_site == "same-origin"


def _wants_page(request: Request) -> bool:
    by_a_person = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and (
        by_a_person or place_at(request.scope["path"]) is not None
    )


async def _body_within_limit(request: Request) -> bytes | None:
    """Read the body, or return None as soon as it proves too large."""
    if int(request.headers.get("content-length", 0)) > MAX_BODY_BYTES:
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body first, for it was read already."""
    unread: list[Message] = [{"type": "http.request", "body": body}]

    async def replay() -> Message:
        return unread.pop() if unread else await receive()

    return replay


def _with_headers(scope: Scope, send: Send) -> Send:
    """Return a ``send`` that adds the security headers to every answer."""
    path = scope["path"]
    policy = _POLICY_OF_GRADIO if place_at(path) else _POLICY_ELSEWHERE

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers["content-security-policy"] = policy
            if not path.startswith(_LASTING):
                headers["cache-control"] = "no-store"
        await send(message)

    return send_with_headers
