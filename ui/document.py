"""Our own lines in the head of Gradio's document.

Gradio adds its ``head=`` from JavaScript, after it has chosen the language by the
browser's; the language and the style must be there before.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tripadvance_core.messages import Language
from ui.rendering import chosen_language

_HEAD = (
    b"<head>"
    b'<script src="/public/boot.js"></script>'
    b'<link rel="icon" href="/public/icon.svg">'
    b'<link rel="stylesheet" href="/public/app.css">'
)


class DocumentHead:
    """Rewrites the document of the pages that Gradio serves."""

    def __init__(
        self, app: ASGIApp, pages: frozenset[str], default_language: Language
    ) -> None:
        self._app = app
        self._pages = pages
        self._default_language = default_language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request as an ASGI application."""
        if scope["type"] != "http" or scope["path"] not in self._pages:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        language = chosen_language(request.cookies, self._default_language)
        await self._app(_uncompressed(scope), receive, _rewriting(send, language))


def _uncompressed(scope: Scope) -> Scope:
    headers = MutableHeaders(raw=list(Headers(scope=scope).raw))
    del headers["accept-encoding"]
    return {**scope, "headers": headers.raw}


def _rewriting(send: Send, language: Language) -> Send:
    held: list[Message] = []

    async def send_rewritten(message: Message) -> None:
        held.append(message)
        if message["type"] == "http.response.start" or message.get("more_body"):
            return
        start, *parts = held
        body = _rewritten(b"".join(part.get("body", b"") for part in parts), language)
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return send_rewritten


def _rewritten(document: bytes, language: Language) -> bytes:
    named = document.replace(b'lang="en"', f'lang="{language}"'.encode(), 1)
    return named.replace(b"<head>", _HEAD, 1)
