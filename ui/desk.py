"""Where handlers of Gradio's pages learn who asks, and how their errors are told."""

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.users import Role, User
from tripadvance_core.errors import Corrupted, Refused, TripAdvanceError, Unavailable
from tripadvance_core.messages import Language
from tripadvance_core.services.audit import Event
from tripadvance_core.services.scheduler import Scheduler
from ui.rendering import Words, chosen_language, render
from ui.request_ids import ids_of

_LOG = logging.getLogger(__name__)
# Private, else a handler is an API endpoint of its own.
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_LOST = {"NOT_FOUND", "OBJECT_NOT_FOUND"}
"""What storage says when something is gone that another document names."""


@dataclass(frozen=True)
class Reader:
    """Who looks at a page, what the address asks for, and how to write for them."""

    user: User
    words: Words
    query: Mapping[str, str]
    sent_from: str

    @property
    def language(self) -> Language:
        """The language of what is shown."""
        return self.words.language

    def say(self, code: str, **details: Any) -> str:
        """Return a sentence of the catalogue."""
        return self.words.say(code, **details)

    def render(self, template: str, **context: Any) -> str:
        """Fill in a template; every value is escaped."""
        return render(template, self.words, reader=self, **context)

    @property
    def page(self) -> int:
        """The page of a list that the address asks for, the first by default."""
        return self.number_in("page")

    def number_in(self, name: str) -> int:
        """Return what the address asks for by that name, 1 where it is no number."""
        asked = self.query.get(name, "")[:9]
        return int(asked) if asked.isascii() and asked.isdigit() else 1

    def address(self, **changes: Any) -> str:
        """Return the address of the same page with some of its query changed."""
        asked = {k: v for k, v in self.query.items() if not k.startswith("__")}
        return "?" + urlencode({**asked, **changes})

    def address_of_page(self, number: int) -> str:
        """Return the address of another page of the same list."""
        return self.address(page=number)

    def may(self, least: str) -> bool:
        """Tell whether the reader has that role, or one above it."""
        return self.user.role.may(Role(least))


Act = Callable[..., Any]
"""What a handler does: takes the reader, then the values of its inputs."""


class Desk:
    """Puts handlers behind events: checks the role, tells errors, stays private."""

    def __init__(
        self, services: Services, scheduler: Scheduler, pages: gr.Blocks
    ) -> None:
        self.services = services
        self.scheduler = scheduler
        self._pages = pages

    def on(
        self,
        event: Any,
        act: Act,
        inputs: Any = None,
        outputs: Any = None,
        *,
        least: Role = Role.VIEWER,
        **options: Any,
    ) -> Any:
        """Call ``act`` on an event of Gradio's, for readers who may.

        A ``TripAdvanceError`` becomes its sentence in the reader's language; any other
        error is logged and told as a fault of ours. ``act`` may be a generator.
        """
        return event(self._handler(act, least), inputs, outputs, **_QUIET | options)

    def on_any(
        self,
        events: Sequence[Any],
        act: Act,
        inputs: Any = None,
        outputs: Any = None,
        *,
        least: Role = Role.VIEWER,
        **options: Any,
    ) -> None:
        """Call ``act`` on any of several events; see ``on``."""
        handler = self._handler(act, least)
        gr.on(events, handler, inputs, outputs, **_QUIET | options)

    def load(self, act: Act, outputs: Any, **options: Any) -> Any:
        """Call ``act`` whenever the page is opened."""
        return self.on(self._pages.load, act, None, outputs, **options)

    def fill(self, place: gr.HTML, act: Act, *events: Any, inputs: Any = None) -> None:
        """Write what ``act`` renders into a place, on opening and on some events.

        What goes wrong is told in the place itself.
        """

        def rendered(request: gr.Request, *values: Any) -> str:
            try:
                return str(act(self.reader(request), *values))
            except Exception as error:  # noqa: BLE001 - told in the page and logged
                words = self._words(request)
                message = _told(error, words, request)
                return render("failure.html", words, message=message)

        for event in (self._pages.load, *events):
            event(rendered, inputs, place, **_QUIET)

    def reader(self, request: gr.Request) -> Reader:
        """Return who sends a request.

        Raises
        ------
        Refused
            ``WEB_SIGN_IN_FIRST`` where the user does not exist any more.
        """
        user = self.services.accounts.user_named(request.username or "")
        if user is None:
            raise Refused("WEB_SIGN_IN_FIRST")
        return Reader(
            user,
            self._words(request),
            dict(request.query_params),
            request.client.host if request.client else "unknown",
        )

    def log(self, reader: Reader, event: Event, about: str) -> None:
        """Note in the log of actions what a reader did, and to what."""
        self.services.audit.record(
            event, reader.user.id, address=reader.sent_from, about=about
        )

    def _words(self, request: gr.Request) -> Words:
        settings = self.services.settings
        language = chosen_language(request.cookies, settings.language)
        return Words(language, settings.zone)

    def _handler(self, act: Act, least: Role) -> Act:
        def at_once(request: gr.Request, *values: Any) -> Any:
            with self._telling(request):
                return act(self._admitted(request, least), *values)

        def step_by_step(request: gr.Request, *values: Any) -> Iterator[Any]:
            with self._telling(request):
                yield from act(self._admitted(request, least), *values)

        return step_by_step if inspect.isgeneratorfunction(act) else at_once

    def _admitted(self, request: gr.Request, least: Role) -> Reader:
        reader = self.reader(request)
        if not reader.user.role.may(least):
            raise Refused("WEB_NOT_ALLOWED")
        return reader

    @contextmanager
    def _telling(self, request: gr.Request) -> Iterator[None]:
        try:
            yield
        except gr.Error:
            raise
        except Exception as error:
            message = _told(error, self._words(request), request)
            raise gr.Error(
                message, title="TripAdvance", duration=None, print_exception=False
            ) from error


def _told(error: Exception, words: Words, request: gr.Request) -> str:
    """Return what a person is told of an error; a fault of ours goes to the log."""
    if isinstance(error, Unavailable):
        _LOG.error("%s", error, extra=ids_of(request))
        return words.say("WEB_UNAVAILABLE")
    if isinstance(error, TripAdvanceError) and not _is_fault(error):
        return words.error(error)
    _LOG.error("A handler failed", exc_info=error, extra=ids_of(request))
    return words.say("WEB_BROKEN")


def _is_fault(error: TripAdvanceError) -> bool:
    return isinstance(error, Corrupted) or error.code in _LOST
