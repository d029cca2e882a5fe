"""What programs may ask for, with a token: prices, by Gradio's API.

The names begin as a token for predictions allows. ``queue=False``, for a call from
outside must be answered at once, and MCP's calls to the queue bear no token.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import gradio as gr
from fastapi import Request
from gradio.events import api
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.trips import Trip
from tripadvance_core.errors import Refused, TripAdvanceError
from tripadvance_core.messages import Language
from ui.answers import answer_to_error
from ui.rendering import chosen_language
from ui.trip_form import TripForm

CALLED_BY: Final = "/gradio_api/run/"
"""How the addresses of calls begin."""

_LOG = logging.getLogger(__name__)
_REFUSAL: Final = "refusal"

T = TypeVar("T")
Asked = dict[str, Any]


def add_api(services: Services) -> None:
    """Add the calls to the pages that are being built."""
    prediction, clock = services.prediction, services.clock
    default_language = services.settings.language

    def told(request: gr.Request, answer: Callable[[], T]) -> T:
        return _told(request, answer, default_language)

    def predict_price(trip: Asked, request: gr.Request) -> dict[str, Any]:
        """Return the price of one trip with its ranges, reasons and past fares.

        Parameters:
            trip: "date" (YYYY-MM-DD), "start_city" and "end_city"; where known, "airline", "duration_minutes", "quote_date" (the day of purchase, today by default) and "further", an object with values of the further columns that the model has learned from. What is not told is taken to be what is usual on the route.

        Returns:
            "priced" (price, low, high, low_95, high_95, doubts, the trip as it was priced and which of its fields were assumed), "level" and "usual" (where the price stands among the past fares of the route), "base" and "reasons" (which add up to the price), "past_fares", "currency", "model_id" and "model_number".
        """  # noqa: D406, D407 - in the form that Gradio reads

        def answer() -> dict[str, Any]:
            quote = prediction.quote(_trip(trip))
            return quote.model_dump(mode="json") | {"level": quote.level}

        return told(request, answer)

    def predict_many(trips: list[Asked], request: gr.Request) -> dict[str, Any]:
        """Return the prices of up to 1,000 trips, in the order in which they are asked.

        Parameters:
            trips: a list of trips, each as predict_price takes it.

        Returns:
            "trips", each as "priced" of predict_price, "currency", "model_id" and "model_number".
        """  # noqa: D406, D407 - in the form that Gradio reads

        def answer() -> dict[str, Any]:
            if not isinstance(trips, list):
                raise Refused("TRIP_INVALID", field="trips")
            asked = [_trip(trip) for trip in trips]
            return prediction.price(asked).model_dump(mode="json")

        return told(request, answer)

    def predict_calendar(
        trip: Asked, month: str, request: gr.Request
    ) -> dict[str, Any]:
        """Return the cheapest airline of each day of a month, on one route.

        Parameters:
            trip: as predict_price takes it, without "date"; with "airline" only that one is asked.
            month: YYYY-MM.

        Returns:
            "days" (priced, level, whether it is the cheapest), "usual" (what is usual on the route), "currency", "model_id" and "model_number".
        """  # noqa: D406, D407 - in the form that Gradio reads

        def answer() -> dict[str, Any]:
            today = clock().astimezone(services.settings.zone).date()
            first = TripForm({"month": month}).month(today)
            if not isinstance(trip, dict):
                raise Refused("TRIP_INVALID", field="trip")
            asked = _trip({**trip, "date": first.isoformat()})
            return prediction.calendar(asked, first).model_dump(mode="json")

        return told(request, answer)

    for call in (predict_price, predict_many, predict_calendar):
        api(call, api_name=call.__name__, queue=False)


class CallErrors:
    """Answers a call that failed with a fitting status, a code and a sentence.

    Gradio answers 500 to whatever a function raises, and without a code.
    """

    def __init__(self, app: ASGIApp, default_language: Language) -> None:
        self._app = app
        self._default_language = default_language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request as an ASGI application."""
        if scope["type"] != "http" or not scope["path"].startswith(CALLED_BY):
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self._app(scope, receive, hold)
        if held and held[0].get("status", 500) >= 500:
            # Where no call has left an error, Gradio could not make one of the request.
            error = scope["state"].get(_REFUSAL) or Refused("WEB_REQUEST_INVALID")
            language = _language(Request(scope), self._default_language)
            await answer_to_error(error, language)(scope, receive, send)
            return
        for message in held:
            await send(message)


def _told(
    request: gr.Request, answer: Callable[[], T], default_language: Language
) -> T:
    """Return the answer, or leave the error where ``CallErrors`` finds it."""
    try:
        return answer()
    except TripAdvanceError as error:
        raise _left(request, error, default_language) from error
    except Exception as error:
        _LOG.exception("A call failed")
        broken = TripAdvanceError("WEB_BROKEN")
        raise _left(request, broken, default_language) from error


def _left(
    request: gr.Request, error: TripAdvanceError, default_language: Language
) -> gr.Error:
    inner: Request | None = getattr(request, "request", None)  # MCP brings none along
    language = default_language
    if inner is not None:
        setattr(inner.state, _REFUSAL, error)
        language = _language(inner, default_language)
    return gr.Error(error.sentence(language), title=error.code, print_exception=False)


def _language(request: Request, default: Language) -> Language:
    """Return the language of the user whose program asks."""
    user = getattr(request.state, "user", None)
    return chosen_language(request.cookies, (user and user.language) or default)


def _trip(asked: Mapping[str, Any]) -> Trip:
    """Read a trip.

    Raises
    ------
    Refused
        ``TRIP_INVALID``, naming the field.
    """
    try:
        return Trip.model_validate(asked)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "trip"
        raise Refused("TRIP_INVALID", field=field) from error
