"""Answers of the web app beside its pages: refusals, and the cookie of a session."""

import logging

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from tripadvance_core.errors import NotFound, Refused, TripAdvanceError, Unavailable
from tripadvance_core.messages import Language, sentence
from tripadvance_core.services.sessions import ABSOLUTE_LIMIT
from tripadvance_core.settings import Settings
from ui.rendering import LANGUAGE_COOKIE, Words, chosen_language, render

_LOG = logging.getLogger(__name__)

SESSION_COOKIE = "tripadvance_session"
UPLOAD = "/gradio_api/upload"

_STATUS_OF_CODE = {
    "LOGIN_REFUSED": 401,
    "LOGIN_LOCKED": 429,
    "WEB_SIGN_IN_FIRST": 401,
    "WEB_TOKEN_REFUSED": 401,
    "WEB_OTHER_ORIGIN": 403,
    "WEB_NOT_ALLOWED": 403,
    "WEB_NOT_FOUND": 404,
    "WEB_METHOD_REFUSED": 405,
    "WEB_TOO_LARGE": 413,
    "WEB_UPLOADS_AT_ONCE": 429,
    "WEB_BUSY": 503,
}


def signed_in(
    location: str, token: str, request: Request, language: Language | None
) -> JSONResponse:
    """Answer a sign-in: where to go, the cookie of the session, the user's language."""
    answer = JSONResponse({"location": location})
    answer.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(ABSOLUTE_LIMIT.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.scope["scheme"] == "https",
    )
    if language is not None:
        keep_language(answer, language)
    return answer


def keep_language(answer: Response, language: Language) -> None:
    """Have the browser ask for that language from now on.

    Not only for the server: the page's own button sets the cookie, too.
    """
    year = 365 * 24 * 3600
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=year, samesite="lax")


def answer_to_error(error: TripAdvanceError, language: Language) -> JSONResponse:
    """Answer with the sentence of an error under a fitting HTTP status.

    What the sentence of ``Unavailable`` names, addresses and folders, goes to the log.
    """
    status, code, message = _told(error, language)
    # Gradio's front end shows what it finds under "detail".
    return JSONResponse({"code": code, "message": message, "detail": message}, status)


def refusal(error: TripAdvanceError, request: Request, settings: Settings) -> Response:
    """Answer with an error in the form that whoever asks can show: page, text or JSON."""
    words = Words(chosen_language(request.cookies, settings.language), settings.zone)
    if request.scope["path"] == UPLOAD:  # Gradio's front end shows the answer as it is
        status, _, message = _told(error, words.language)
        return PlainTextResponse(message, status)
    if wants_page(request):
        status, _, message = _told(error, words.language)
        return HTMLResponse(render("refused.html", words, message=message), status)
    return answer_to_error(error, words.language)


def wants_page(request: Request) -> bool:
    """Tell whether a person opens an address in a browser."""
    by_a_person = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and by_a_person


def _told(error: TripAdvanceError, language: Language) -> tuple[int, str, str]:
    if isinstance(error, Unavailable):
        _LOG.error("%s", error)
        return 503, "WEB_UNAVAILABLE", sentence("WEB_UNAVAILABLE", language)
    return _status(error), error.code, error.sentence(language)


def _status(error: TripAdvanceError) -> int:
    if isinstance(error, NotFound):
        return 404
    return _STATUS_OF_CODE.get(error.code, 422) if isinstance(error, Refused) else 500
