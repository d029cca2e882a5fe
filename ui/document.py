"""Our own lines in Gradio's document: what its head lacks, and the bar at the top.

Gradio adds its ``head=`` from JavaScript, after it has chosen the language by the
browser's; the language and the style must be there before. The bar is there before
Gradio has started, and is the same as on the pages that are not Gradio's.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus
from zoneinfo import ZoneInfo

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tripadvance_core.domain.users import User
from tripadvance_core.messages import Language
from ui.bodies import uncompressed
from ui.places import BAR, place_at
from ui.rendering import Words, chosen_language, render

_HEAD = (
    b"<head>"
    b'<script src="/public/boot.js"></script>'
    b'<link rel="icon" href="/public/icon.svg">'
    b'<link rel="stylesheet" href="/public/app.css">'
)
_BODY = re.compile(rb"<body[^>]*>")
# With it, links such as ?page=2 and #content would lead to the start page.
_BASE = re.compile(rb"<base [^>]*>")
_MOST_KEPT = 512
_ORIGIN = ("host", "x-forwarded-host", "x-forwarded-proto")
"""The headers by which Gradio tells the page where it is."""

_Key = tuple[str | None, ...]


@dataclass(frozen=True)
class _Document:
    """The answer with a document, parted where the bar belongs."""

    start: Message
    above: bytes
    below: bytes

    async def send(self, bar: str, send: Send) -> None:
        """Answer with the document and a bar in it."""
        body = self.above + bar.encode() + self.below
        start = {**self.start, "headers": list(self.start["headers"])}
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        await send(start)
        await send({"type": "http.response.body", "body": body})


class OwnDocument:
    """Rewrites the documents of the pages that Gradio serves, and keeps them.

    Gradio writes the same document for a page and a user each time, slowly.
    """

    def __init__(
        self, app: ASGIApp, default_language: Language, zone: ZoneInfo
    ) -> None:
        self._app = app
        self._default_language = default_language
        self._zone = zone
        self._documents: OrderedDict[_Key, _Document] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request as an ASGI application."""
        place = place_at(scope["path"]) if scope["type"] == "http" else None
        if place is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        language = chosen_language(request.cookies, self._default_language)
        document = await self._document(request, language, receive)
        words = Words(language, self._zone)
        bar = render(
            "header.html",
            words,
            user=request.state.user,
            menu=BAR,
            here=place.marked,
        )
        await document.send(bar, send)

    async def _document(
        self, request: Request, language: Language, receive: Receive
    ) -> _Document:
        key = _key(request, language)
        kept = self._documents.get(key)
        if kept is not None:
            self._documents.move_to_end(key)
            return kept
        document = await self._written(request.scope, language, receive)
        if document.start["status"] == HTTPStatus.OK:
            self._documents[key] = document
            if len(self._documents) > _MOST_KEPT:
                self._documents.popitem(last=False)
        return document

    async def _written(
        self, scope: Scope, language: Language, receive: Receive
    ) -> _Document:
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        # What an address asks for beyond the page is asked for by the page's script.
        bare = {**uncompressed(scope), "query_string": b""}
        await self._app(bare, receive, hold)
        start, *parts = held
        content = b"".join(part.get("body", b"") for part in parts)
        return _Document(start, *_rewritten(content, language))


def _key(request: Request, language: Language) -> _Key:
    origin = (request.headers.get(name) for name in _ORIGIN)
    scope = request.scope
    user: User = request.state.user
    return (
        scope["method"],
        scope["scheme"],
        scope["path"],
        user.email,
        language,
        *origin,
    )


def _rewritten(document: bytes, language: Language) -> tuple[bytes, bytes]:
    """Return the document above and below the bar."""
    named = document.replace(b'lang="en"', f'lang="{language}"'.encode(), 1)
    headed = _BASE.sub(b"", named, count=1).replace(b"<head>", _HEAD, 1)
    body = _BODY.search(headed)
    place = body.end() if body else 0
    return headed[:place], headed[place:]
