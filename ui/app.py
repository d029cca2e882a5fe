"""The web app: Gradio's pages in a FastAPI application, behind the gate."""

from collections.abc import Callable
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

from tripadvance_core.bootstrap import Services
from tripadvance_core.errors import Refused, TripAdvanceError, Unavailable
from tripadvance_core.services.scheduler import Scheduler
from ui import health
from ui.answers import refusal
from ui.api import CallErrors, add_api
from ui.chores import Chore, doing
from ui.desk import Desk
from ui.document import OwnDocument
from ui.files import Owners, gradio_folder, sweeping
from ui.headers import PUBLIC_FOLDER
from ui.labels import labels
from ui.open_pages import remember_less
from ui.pages import (
    account,
    audit,
    data,
    file,
    files,
    first_admin,
    home,
    login,
    metrics,
    models,
    night,
    predict,
    register,
    reset,
    train,
    training,
    upload,
    users,
)
from ui.places import (
    DATA,
    FILE,
    HOME,
    METRICS,
    MODELS,
    NIGHT,
    PREDICT,
    TRAIN,
    TRAINING,
    UPLOAD,
    Place,
)
from ui.prometheus import Counted, Prometheus
from ui.request_ids import RequestIds
from ui.security import Gate
from ui.theme import theme

MAX_FILE = "200mb"
_STATIC = Path(__file__).parent / "static"
_BUILDERS: dict[Place, Callable[[Desk], None]] = {
    HOME: home.build,
    PREDICT: predict.build,
    DATA: data.build,
    UPLOAD: upload.build,
    FILE: file.build,
    TRAINING: training.build,
    TRAIN: train.build,
    NIGHT: night.build,
    METRICS: metrics.build,
    MODELS: models.build,
}
_WITH_ROUTES = (
    login,
    first_admin,
    register,
    reset,
    account,
    users,
    audit,
    files,
    models,
)
_AT_ONCE = 8
_QUEUED = 1_000
_TELL_EVERY = timedelta(seconds=30)


def create_app(services: Services, scheduler: Scheduler) -> FastAPI:
    """Return the application; the caller runs it with one worker.

    Gradio keeps its queue in the process, so two workers would not find each other's
    events.
    """
    folder = gradio_folder(services.settings)
    owners = Owners(folder)
    pages = _pages(services, scheduler)
    prometheus = Prometheus(services.figures)
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=doing(sweeping(folder, owners), _telling(services)),
    )
    _answer_errors(app, services)
    _add_middleware(app, services, owners, pages, prometheus)

    app.include_router(prometheus.routes())
    for page in (health, *_WITH_ROUTES):
        app.include_router(page.routes(services))
    app.mount(PUBLIC_FOLDER, StaticFiles(directory=_STATIC))
    gr.mount_gradio_app(
        app,
        pages,
        HOME.path,
        auth_dependency=lambda request: request.state.user.email,
        max_file_size=MAX_FILE,
        theme=theme(),
        i18n=labels(),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=_is_mcp_asked(services),
    )
    remember_less(app, pages)
    return app


def _telling(services: Services) -> Chore:
    """Return the chore of delivering alerts, whoever has noted them."""
    return Chore(services.alerts.deliver_due, _TELL_EVERY)


def _is_mcp_asked(services: Services) -> bool:
    """Tell whether to answer MCP too.

    Raises
    ------
    Unavailable
        ``MCP_MISSING`` where what it needs is not installed.
    """
    if services.settings.mcp and find_spec("mcp") is None:
        raise Unavailable("MCP_MISSING")
    return services.settings.mcp


def _pages(services: Services, scheduler: Scheduler) -> gr.Blocks:
    """Return all pages of Gradio's; each has an address and loads only its own."""
    pages = gr.Blocks(title="TripAdvance", analytics_enabled=False)
    desk = Desk(services, scheduler, pages)
    with pages:
        _BUILDERS[HOME](desk)
        add_api(services)
    for place, build in _BUILDERS.items():
        if place is not HOME:
            with pages.route(place.title, place.path, show_in_navbar=False):
                build(desk)
    pages.queue(default_concurrency_limit=_AT_ONCE, max_size=_QUEUED)
    return pages


def _add_middleware(
    app: FastAPI,
    services: Services,
    owners: Owners,
    pages: gr.Blocks,
    prometheus: Prometheus,
) -> None:
    """Put the middleware in its order: the one that is added last stands outermost."""
    # Gradio reflects every origin, with credentials, unless its parent forbids it.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(CallErrors, default_language=services.settings.language)
    app.add_middleware(
        OwnDocument,
        default_language=services.settings.language,
        zone=services.settings.zone,
    )
    app.add_middleware(
        Gate,
        services=services,
        owners=owners,
        timers=_timers(pages),
        calls=_calls(pages),
    )
    app.add_middleware(Counted, prometheus=prometheus)
    app.add_middleware(RequestIds)


def _timers(pages: gr.Blocks) -> frozenset[int]:
    """Return the ids of the components that act without anybody's doing."""
    return frozenset(
        number for number, part in pages.blocks.items() if isinstance(part, gr.Timer)
    )


def _calls(pages: gr.Blocks) -> frozenset[str]:
    """Return the names of what programs may call."""
    return frozenset(
        str(handler.api_name)
        for handler in pages.fns.values()
        if handler.api_visibility == "public"
    )


def _answer_errors(app: FastAPI, services: Services) -> None:
    @app.exception_handler(TripAdvanceError)
    def refused(request: Request, error: TripAdvanceError) -> Response:
        return refusal(error, request, services.settings)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, _error: RequestValidationError) -> Response:
        return refused(request, Refused("WEB_REQUEST_INVALID"))

    @app.exception_handler(Exception)
    def broken(request: Request, _error: Exception) -> Response:
        return refused(request, TripAdvanceError("WEB_BROKEN"))
