"""What Prometheus reads: figures, and requests without anything of anybody in them."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from tripadvance_core.domain.entities import RunStatus, UploadStatus
from tripadvance_core.services.figures import Figures, MasterFigures, NightFigures
from ui.prometheus import FIGURES_PATH, Counted, Prometheus

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIGURES = Figures(
    uploads={UploadStatus.PENDING: 2},
    waiting_bytes=1234,
    oldest_waiting_at=NOON,
    runs={RunStatus.DONE: 7},
    night=NightFigures(9, 2, "HOLD", NOON, NOON + timedelta(minutes=3)),
    master=MasterFigures(8, NOON, {"MAPE": 9.5}),
    undecided=1,
    undelivered_alerts=3,
)


def asked(figures: Figures, *requests: tuple[str, str]) -> dict[Any, float]:
    """Make requests, then read every sample by its name and labels."""
    service: Any = SimpleNamespace(read=lambda: figures)
    prometheus = Prometheus(service)
    app = FastAPI()
    app.include_router(prometheus.routes())
    app.add_middleware(Counted, prometheus=prometheus)

    @app.get("/things/{thing}")
    def thing(thing: str) -> str:
        return thing

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError

    async def ask() -> str:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test"
        ) as client:
            for method, path in requests:
                await client.request(method, path)
            return (await client.get(FIGURES_PATH)).text

    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(asyncio.run(ask()))
        for sample in family.samples
    }


def test_figures_of_the_installation_are_told() -> None:
    told = asked(FIGURES)
    assert told[("tripadvance_uploads", "pending")] == 2
    assert told[("tripadvance_waiting_bytes",)] == 1234
    noon = NOON.timestamp()
    assert told[("tripadvance_oldest_waiting_timestamp_seconds",)] == noon
    assert told[("tripadvance_runs", "done")] == 7
    assert told[("tripadvance_last_night_outcome", "HOLD")] == 1
    assert told[("tripadvance_last_night_attempts",)] == 2
    assert told[("tripadvance_last_night_duration_seconds",)] == 180
    assert told[("tripadvance_last_night_end_timestamp_seconds",)] == noon + 180
    assert told[("tripadvance_master_number",)] == 8
    assert told[("tripadvance_master_since_timestamp_seconds",)] == noon
    assert told[("tripadvance_master_error", "MAPE")] == 9.5
    assert told[("tripadvance_decisions_open",)] == 1
    assert told[("tripadvance_alerts_undelivered",)] == 3
    assert told[("process_resident_memory_bytes",)] > 10**7


def test_what_there_is_not_yet_is_left_out() -> None:
    nothing = Figures({}, 0, None, {}, None, None, 0, 0)
    names = {name for name, *_ in asked(nothing)}
    assert not any(name.startswith("tripadvance_last_night") for name in names)
    assert "tripadvance_master_number" not in names


def test_requests_are_counted_by_template_never_by_what_stands_in_its_place() -> None:
    told = asked(
        FIGURES,
        ("GET", "/things/secret-1"),
        ("GET", "/things/secret-2"),
        ("GET", "/nothing/secret-3"),
        ("SECRET4", "/things/secret-5"),
        ("GET", "/broken"),
    )
    counted = {labels: n for labels, n in told.items() if labels[0] == _REQUESTS}
    assert counted == {
        (_REQUESTS, "/things/{thing}", "2xx", "GET"): 2,
        (_REQUESTS, "4xx", "GET", "other"): 1,
        (_REQUESTS, "/things/{thing}", "4xx", "other"): 1,
        (_REQUESTS, "/broken", "5xx", "GET"): 1,
    }
    seconds = "tripadvance_request_seconds_count"
    assert told[(seconds, "/things/{thing}", "2xx", "GET")] == 2
    assert not any("secret" in str(labels).lower() for labels in told)


_REQUESTS = "tripadvance_requests_total"
