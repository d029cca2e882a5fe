"""The web app beside a bare Gradio app: its start, its weight, and 50 people at once.

Both apps run on this machine, one after the other, and are asked alike::

    python benchmarks/web_app.py

Start: from the process to the first answered page. Weight: what a browser gets over the
wire for a page with an empty cache. Load: 25 people open pages one after another,
20 ask for prices, 5 hand in files of 20 MB, for a minute; a page is there when the data
of all its parts are. The bare app has one page, one handler that returns at once, and
takes the same files.
"""

import asyncio
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import click
import httpx
import psutil
from people import Failed, hand_in, open_page
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.domain.users import Role, User
from tripadvance_core.services.audit import Actor
from tripadvance_core.services.night import NightOrder
from tripadvance_core.settings import load_settings

SAMPLE = Path(__file__).parents[1] / "sample_xlsx" / "flights.xlsx"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
BROWSING, PREDICTING, UPLOADING = 25, 20, 5
UPLOAD_BYTES = 20 * 1000**2
STARTS = 3
THINK_SECONDS = 2.0
HEALTH_SECONDS = 0.25
PAGES = ("/", "/data", "/models", "/metrics", "/training")
TRIP = "/predict?from=São+Paulo&to=Recife&date=2025-12-10"
BARE_APP = """
import gradio as gr

with gr.Blocks() as app:
    shown, file = gr.HTML(), gr.File()
    app.load(lambda: "<p>Hello</p>", None, shown)
app.launch(quiet=True)
"""


@click.command()
@click.option("--seconds", default=60.0, show_default=True, help="Length of the load.")
def main(seconds: float) -> None:
    """Measure the web app beside a bare Gradio app."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        bare_script = data_dir / "bare.py"
        bare_script.write_text(BARE_APP)
        tokens = _prepare(data_dir)
        ours = App(
            [sys.executable, "-m", "deployments.web"],
            {"TRIPADVANCE_DATA_DIR": str(data_dir)},
            [{"tripadvance_session": token} for token in tokens],
            first_page="/login/",
        )
        bare = App([sys.executable, str(bare_script)], {}, [{}], first_page="/")
        console = Console()
        console.print(_starts(ours, bare))
        console.print(_weights(ours, bare))
        console.print(_loads(ours, bare, seconds))


@dataclass(frozen=True)
class App:
    """How an app is started and asked; ``cookies`` are those of its users."""

    command: list[str]
    environment: dict[str, str]
    cookies: list[dict[str, str]]
    first_page: str


@dataclass(frozen=True)
class Running:
    """An app that answers."""

    url: str
    process: psutil.Process
    seconds_to_first_page: float
    cpu_to_first_page: float


@contextmanager
def running(app: App) -> Iterator[Running]:
    """Start an app and wait for its first page."""
    port = _free_port()
    ports = {"TRIPADVANCE_WEB_PORT": str(port), "GRADIO_SERVER_PORT": str(port)}
    silent = {"GRADIO_ANALYTICS_ENABLED": "False"}
    environment = os.environ | silent | ports | app.environment
    began = time.perf_counter()
    process = subprocess.Popen(
        app.command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        while not _answers(url + app.first_page):
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        watched = psutil.Process(process.pid)
        times = watched.cpu_times()
        yield Running(url, watched, seconds, times.user + times.system)
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _prepare(data_dir: Path) -> list[str]:
    """Make an installation with a MASTER; return the tokens of its users."""
    settings = load_settings(data_dir)
    with opened_services(settings) as services:
        services.uploads.ingest(
            SAMPLE.read_bytes(), SAMPLE.name, ColumnMapping(), owner="benchmark"
        )
        services.night.run_partition(
            NightOrder(holder="benchmark", ignore_window=True), services.training
        )
        return [services.accounts.open_session(user) for user in _users(services)]


def _users(services: Services) -> list[User]:
    """Make an administrator, and analysts until nobody hands in two files at once."""
    accounts, password = services.accounts, secrets.token_urlsafe(16)
    admin = accounts.create_first_admin(
        accounts.first_admin_token() or "", "0@example.com", "Admin", password
    )
    by = Actor(admin, "benchmark")
    invitations = [
        services.administration.invite(Role.ANALYST, by) for _ in range(UPLOADING - 1)
    ]
    return [admin] + [
        accounts.register(link, f"{n}@example.com", "Analyst", password, by.address)
        for n, link in enumerate(invitations, start=1)
    ]


def _starts(ours: App, bare: App) -> Table:
    """Start each app in turn."""
    seconds: dict[str, list[tuple[float, float]]] = {
        "TripAdvance": [],
        "bare Gradio": [],
    }
    for _ in range(STARTS):
        for name, app in (("TripAdvance", ours), ("bare Gradio", bare)):
            with running(app) as started:
                seconds[name].append(
                    (started.seconds_to_first_page, started.cpu_to_first_page)
                )
    wall, cpu = (
        {
            name: statistics.median(run[part] for run in runs)
            for name, runs in seconds.items()
        }
        for part in (0, 1)
    )
    table = Table("", "wall s", "CPU s", title="Process to first answered page")
    for name in seconds:
        table.add_row(name, f"{wall[name]:.1f}", f"{cpu[name]:.1f}")
    table.add_row(
        "ratio",
        *(f"{each['TripAdvance'] / each['bare Gradio']:.2f}" for each in (wall, cpu)),
    )
    return table


def _weights(ours: App, bare: App) -> Table:
    """Open pages with an empty cache and count what comes over the wire."""
    table = Table("page", "MB", title="Over the wire, empty cache")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, app, pages in (
            ("TripAdvance", ours, ("/login/", *PAGES)),
            ("bare Gradio", bare, ("/",)),
        ):
            with running(app) as started:
                for path in pages:
                    cookies = {} if path == "/login/" else app.cookies[0]
                    size = _bytes_of_page(browser, started.url, path, cookies)
                    table.add_row(f"{name} {path}", f"{size / 1e6:.2f}")
        browser.close()
    return table


def _bytes_of_page(browser: Any, url: str, path: str, cookies: dict[str, str]) -> int:
    context = browser.new_context()
    context.add_cookies(
        [{"name": name, "value": value, "url": url} for name, value in cookies.items()]
    )
    page = context.new_page()
    received: list[int] = []
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on(
        "Network.loadingFinished",
        lambda event: received.append(int(event["encodedDataLength"])),
    )
    page.goto(url + path)
    page.wait_for_timeout(5000)
    context.close()
    return sum(received)


@dataclass
class Findings:
    """What one load has shown; times in seconds."""

    pages: list[float] = field(default_factory=list)
    prices: list[float] = field(default_factory=list)
    uploads: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    rss_before: int = 0
    rss_most: int = 0


def _loads(ours: App, bare: App, seconds: float) -> Table:
    table = Table(
        "",
        "pages",
        "p95 s",
        "prices",
        "p95 s",
        "uploads",
        "health p95, max ms",
        "RSS MB before, most",
        "errors",
        title=f"{BROWSING} browse, {PREDICTING} ask for prices, {UPLOADING} hand in 20 MB",
    )
    for name, app, pages, trip in (
        ("TripAdvance", ours, PAGES, TRIP),
        ("bare Gradio", bare, ("/",), "/"),
    ):
        with running(app) as started:
            found = _load(started, app, pages, trip, seconds)
        table.add_row(
            name,
            str(len(found.pages)),
            f"{_p95(found.pages):.2f}",
            str(len(found.prices)),
            f"{_p95(found.prices):.2f}",
            str(len(found.uploads)),
            f"{1000 * _p95(found.health):.0f}, {1000 * max(found.health):.0f}",
            f"{found.rss_before / 1e6:.0f}, {found.rss_most / 1e6:.0f}",
            str(len(found.errors)),
        )
        for error in sorted(set(found.errors))[:5]:
            print(name, error)
    return table


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else float("nan")


@dataclass(frozen=True)
class Group:
    """People who do the same, one thing after another, for a while."""

    deed: Literal["pages", "prices", "uploads", "health"]
    people: int
    paths: tuple[str, ...]
    url: str
    cookies: list[dict[str, str]]
    seconds: float

    @property
    def pause(self) -> float:
        """Seconds between two deeds of one person."""
        return HEALTH_SECONDS if self.deed == "health" else THINK_SECONDS

    async def act(self, client: httpx.AsyncClient, turn: int) -> None:
        """Do it once."""
        if self.deed == "health":
            await client.get(self.paths[0])  # which a bare app answers with 404
        elif self.deed == "uploads":
            await hand_in(client, secrets.token_bytes(100) * (UPLOAD_BYTES // 100))
        else:
            await open_page(client, self.paths[turn % len(self.paths)])


def _load(
    started: Running, app: App, pages: tuple[str, ...], trip: str, seconds: float
) -> Findings:
    """Let people come in processes of their own, so that none waits for another."""
    found = Findings(rss_before=started.process.memory_info().rss)
    asyncio.run(_read_once(started.url, app, (*pages, trip)))
    shared = (started.url, app.cookies, seconds)
    groups = (
        Group("pages", BROWSING, pages, *shared),
        Group("prices", PREDICTING, (trip,), *shared),
        Group("uploads", UPLOADING, (), *shared),
        Group("health", 1, ("/healthz",), *shared),
    )
    with ProcessPoolExecutor(len(groups), get_context("spawn")) as pool:
        waiting = {group.deed: pool.submit(come, group) for group in groups}
        while not all(future.done() for future in waiting.values()):
            found.rss_most = max(found.rss_most, started.process.memory_info().rss)
            time.sleep(HEALTH_SECONDS)
    for deed, future in waiting.items():
        times, errors = future.result()
        setattr(found, deed, times)
        found.errors += errors
    return found


async def _read_once(url: str, app: App, paths: Iterable[str]) -> None:
    """Read before the clock runs what is read but once."""
    async with _person(url, app.cookies[0]) as client:
        for path in paths:
            await open_page(client, path)


def come(group: Group) -> tuple[list[float], list[str]]:
    """Return how long each deed of a group took, and errors."""
    return asyncio.run(_come(group))


async def _come(group: Group) -> tuple[list[float], list[str]]:
    times: list[float] = []
    errors: list[str] = []
    end = time.monotonic() + group.seconds

    async def keep(person: int) -> None:
        cookies = group.cookies[person % len(group.cookies)]
        async with _person(group.url, cookies) as client:
            await asyncio.sleep(group.pause * secrets.randbelow(1000) / 1000)
            for turn in count(person):
                if time.monotonic() >= end:
                    return
                began = time.perf_counter()
                try:
                    await group.act(client, turn)
                    times.append(time.perf_counter() - began)
                except (httpx.HTTPError, Failed) as error:
                    errors.append(f"{type(error).__name__}: {error}"[:200])
                await asyncio.sleep(group.pause)

    await asyncio.gather(*(keep(person) for person in range(group.people)))
    return times, errors


def _person(url: str, cookies: dict[str, str]) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url,
        cookies=cookies,
        headers={"origin": url, "accept": "text/html, */*"},
        timeout=120,
    )


if __name__ == "__main__":
    main()
