"""Request bodies: read within a limit, and looked through before Gradio reads them.

Each function that finds something amiss raises ``Refused``: ``WEB_TOO_LARGE`` or
``WEB_REQUEST_INVALID``.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive, Scope

from tripadvance_core.errors import Refused


async def body_within(limit: int, request: Request) -> bytes:
    """Read the body, but no further than it proves too large."""
    refuse_larger(limit, request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refused("WEB_TOO_LARGE")
    return bytes(body)


def refuse_larger(limit: int, request: Request) -> None:
    """Refuse a request that says itself that its body is too large."""
    if int(request.headers.get("content-length", 0)) > limit:
        raise Refused("WEB_TOO_LARGE")


def replaying(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body first, for it was read already."""
    unread: list[Message] = [{"type": "http.request", "body": body}]

    async def replay() -> Message:
        return unread.pop() if unread else await receive()

    return replay


def uncompressed(scope: Scope) -> Scope:
    """Return the scope of a request that asks for an answer that can be read here."""
    headers = Headers(scope=scope).mutablecopy()
    del headers["accept-encoding"]
    return {**scope, "headers": headers.raw}


def limited(receive: Receive, limit: int) -> Receive:
    """Return a ``receive`` for an upload, which ends it as soon as it is too large.

    Gradio removes its temporary files at this one exception only, so it also tells of
    a client that went away. By its words Gradio chooses the status 413.
    """
    taken = 0

    async def receive_within_limit() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MultiPartException("The client went away.")
        taken += len(message.get("body", b""))
        if taken > limit:
            raise MultiPartException("Over the maximum allowed size.")
        return message

    return receive_within_limit


def json_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object in which no name stands twice.

    Of two values of one name the gate might see another than Gradio.
    """
    try:
        content = json.loads(body, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise Refused("WEB_REQUEST_INVALID") from error
    if not isinstance(content, dict):
        raise Refused("WEB_REQUEST_INVALID")
    return content


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a name stands twice")
    return content


def files_may_be_had(content: Any, may_have: Callable[[str], bool]) -> bool:
    """Tell whether all files that are named anywhere in the content may be had.

    Gradio fetches a file whose path is a web address; such a path is nobody's.
    """
    return all(
        isinstance(path, str) and may_have(path) for path in _file_paths(content)
    )


def _file_paths(content: Any) -> Iterator[Any]:
    """Give the path of everything that Gradio may take for a file."""
    unseen = [content]
    while unseen:
        match unseen.pop():
            case dict() as value:
                if value.get("path") is not None or value.get("url") is not None:
                    yield value.get("path")
                unseen.extend(value.values())
            case list() as values:
                unseen.extend(values)
