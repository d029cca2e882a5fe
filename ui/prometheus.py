"""What a Prometheus server reads: figures of the installation and of its requests."""

import time
from collections.abc import Iterator
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tripadvance_core.services.figures import Figures, FiguresService
from ui.places import place_at

FIGURES_PATH = "/prometheus"

_METHODS = {"GET", "HEAD", "POST"}
_OTHER = "other"


class Prometheus:
    """Counts requests, and reads the figures whenever somebody asks."""

    def __init__(self, figures: FiguresService) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(_InstallationCollector(figures))
        labels = ["route", "method", "status"]
        self._requests = Counter(
            "tripadvance_requests",
            "Requests answered, by the template of their route.",
            labels,
            registry=self._registry,
        )
        self._latency = Histogram(
            "tripadvance_request_seconds",
            "Seconds until an answer begins.",
            labels,
            registry=self._registry,
        )

    def routes(self) -> APIRouter:
        """Return the route that answers with everything."""
        router = APIRouter()

        @router.get(FIGURES_PATH)
        def figures() -> Response:
            return Response(
                generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST
            )

        return router

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one request that was answered."""
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        labels = (_route(scope), method, f"{status // 100}xx")
        self._requests.labels(*labels).inc()
        self._latency.labels(*labels).observe(seconds)


class Counted:
    """Has every request counted, those too that the gate refuses."""

    def __init__(self, app: ASGIApp, prometheus: Prometheus) -> None:
        self._app = app
        self._prometheus = prometheus

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request as an ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status, seconds = 500, None

        async def noting(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status, seconds = message["status"], time.perf_counter() - began
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            # By now the router has left in the scope which route it was.
            took = time.perf_counter() - began if seconds is None else seconds
            self._prometheus.count(scope, status, took)


class _InstallationCollector(Collector):
    def __init__(self, figures: FiguresService) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures.read()
        yield from _of_uploads(figures)
        yield from _of_runs(figures)
        yield from _of_master(figures)
        yield _gauge(
            "decisions_open",
            "Challengers that are held beside MASTER.",
            figures.undecided,
        )
        yield _gauge(
            "alerts_undelivered",
            "Alerts that have not arrived.",
            figures.undelivered_alerts,
        )


def _of_uploads(figures: Figures) -> Iterator[Metric]:
    uploads = GaugeMetricFamily(
        "tripadvance_uploads", "Files by status.", labels=["status"]
    )
    for status, count in figures.uploads.items():
        uploads.add_metric([status], count)
    yield uploads
    yield _gauge("waiting_bytes", "Size of the files that wait.", figures.waiting_bytes)
    if figures.oldest_waiting_at is not None:
        yield _moment(
            "oldest_waiting",
            "When the oldest waiting file came.",
            figures.oldest_waiting_at,
        )


def _of_runs(figures: Figures) -> Iterator[Metric]:
    runs = GaugeMetricFamily(
        "tripadvance_runs", "Trainings by status.", labels=["status"]
    )
    for status, count in figures.runs.items():
        runs.add_metric([status], count)
    yield runs
    night = figures.night
    if night is None:
        return
    yield _gauge("last_night_number", "Number of the last training.", night.number)
    yield _gauge("last_night_attempts", "How often it was begun.", night.attempts)
    outcome = GaugeMetricFamily(
        "tripadvance_last_night_outcome", "1 for what became of it.", labels=["outcome"]
    )
    outcome.add_metric([night.outcome], 1)
    yield outcome
    yield _moment("last_night_start", "When it began.", night.started_at)
    if night.finished_at is not None:
        took = night.finished_at - night.started_at
        yield _moment("last_night_end", "When it ended.", night.finished_at)
        yield _gauge(
            "last_night_duration_seconds", "How long it took.", took.total_seconds()
        )


def _of_master(figures: Figures) -> Iterator[Metric]:
    master = figures.master
    if master is None:
        return
    yield _gauge("master_number", "Number of the model that reigns.", master.number)
    yield _moment("master_since", "Since when it reigns.", master.since)
    errors = GaugeMetricFamily(
        "tripadvance_master_error",
        "Its error on reserved rows: MAPE in percent, MAE and RMSE in money.",
        labels=["metric"],
    )
    for metric, error in master.errors.items():
        errors.add_metric([metric], error)
    yield errors


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tripadvance_{name}", about, value=value)


def _moment(name: str, about: str, moment: datetime) -> Metric:
    """Give a moment, from which an age is reckoned by whoever looks: ``time() - …``."""
    return _gauge(f"{name}_timestamp_seconds", about, moment.timestamp())


def _route(scope: Scope) -> str:
    """Return the template of the route: ids in it stand as their names."""
    place = place_at(scope["path"])
    if place is not None:
        return place.path
    return str(getattr(scope.get("route"), "path", "")) or _OTHER
