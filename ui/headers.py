"""The security headers of every answer."""

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from ui.places import place_at

PUBLIC_FOLDER = "/public/"

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
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_STRICT_TRANSPORT = "max-age=31536000"


def with_headers(scope: Scope, send: Send) -> Send:
    """Return a ``send`` that adds the security headers to every answer."""
    path = scope["path"]
    policy = _POLICY_OF_GRADIO if place_at(path) else _POLICY_ELSEWHERE

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers["content-security-policy"] = policy
            if scope["scheme"] == "https":
                headers["strict-transport-security"] = _STRICT_TRANSPORT
            if not path.startswith(_LASTING):
                headers["cache-control"] = "no-store"
        await send(message)

    return send_with_headers
