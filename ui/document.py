"""Our own lines in Gradio's document: what its head lacks, and the bar at the top.

Gradio adds its ``head=`` from JavaScript, after it has chosen the language by the
browser's; the language and the style must be there before. The bar is there before
Gradio has started, and is the same as on the pages that are not Gradio's.
"""

import re
from zoneinfo import ZoneInfo

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class OwnDocument:
    """Rewrites the document of the pages that Gradio serves."""

    def __init__(
        self, app: ASGIApp, default_language: Language, zone: ZoneInfo
    ) -> None:
        self._app = app
        self._default_language = default_language
        self._zone = zone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request as an ASGI application."""
        place = place_at(scope["path"]) if scope["type"] == "http" else None
        if place is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        language = chosen_language(request.cookies, self._default_language)
        words = Words(language, self._zone)
        bar = render(
            "header.html",
            words,
            user=request.state.user,
            menu=BAR,
            here=place.marked,
        )
        await self._app(uncompressed(scope), receive, _rewriting(send, language, bar))


def _rewriting(send: Send, language: Language, bar: str) -> Send:
    held: list[Message] = []

    async def send_rewritten(message: Message) -> None:
        held.append(message)
        if message["type"] == "http.response.start" or message.get("more_body"):
            return
        start, *parts = held
        document = b"".join(part.get("body", b"") for part in parts)
        body = _rewritten(document, language, bar)
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return send_rewritten


def _rewritten(document: bytes, language: Language, bar: str) -> bytes:
    named = document.replace(b'lang="en"', f'lang="{language}"'.encode(), 1)
    headed = _BASE.sub(b"", named, count=1).replace(b"<head>", _HEAD, 1)
    return _BODY.sub(lambda tag: tag[0] + bar.encode(), headed, count=1)
