"""Take a picture of every page, wide and narrow, light and dark: ``make screenshots``.

Works on an installation of its own, made from the sample fares in three nights, and
writes ``docs/screenshots/<page>-<width>-<scheme>.png``; of some pages where they are named.
"""

import io
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pandas as pd
from playwright.sync_api import Browser, sync_playwright

from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.services.night import NightOrder
from tripadvance_core.settings import load_settings

PROJECT = Path(__file__).parents[1]
FOLDER = PROJECT / "docs" / "screenshots"
SAMPLE = PROJECT / "sample_xlsx" / "flights.xlsx"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZES = {1280: 900, 390: 844}
SCHEMES = ("light", "dark")
NIGHTS = 3
SETTLE_MS = 2_500
TRIP = "from=São Paulo&to=Recife&date=2025-12-10&airline=Latam"
PAGES = {
    "login": "/login/",
    "home": "/",
    "prices": f"/predict?{TRIP}",
    "calendar": "/predict?view=calendar&from=São Paulo&to=Recife&month=2025-12",
    "sheet": "/predict?view=sheet",
    "api": "/predict?view=api",
    "data": "/data",
    "upload": "/upload",
    "file": "/file?id={upload}",
    "training": "/training",
    "report": "/training?run=3",
    "train": "/train",
    "night": "/night",
    "metrics": "/metrics",
    "comparison": "/metrics?a=v2&b=v3",
    "models": "/models",
    "model": "/models?model=v3",
    "account": "/account",
    "users": "/users",
    "audit": "/audit",
}


def main() -> None:
    """Make the installation, serve it, and take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        with opened_services(load_settings(data_dir)) as services:
            upload_id = _train(services)
            token = _administrator(services)
        with _served(data_dir) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            for page in sys.argv[1:] or PAGES:
                path = PAGES[page]
                address = url + path.format(upload=upload_id)
                _take(browser, page, address, None if page == "login" else token)
            browser.close()


def _train(services: Services) -> str:
    """Train on the sample fares in parts, night by night; return one of their ids."""
    fares = pd.read_excel(SAMPLE, engine="openpyxl")
    for night in range(NIGHTS):
        content = io.BytesIO()
        fares.iloc[night::NIGHTS].to_excel(content, index=False)
        upload, _ = services.uploads.ingest(
            content.getvalue(),
            f"tarifas-{night + 1}.xlsx",
            ColumnMapping(),
            owner="ana@exemplo.com",
        )
        services.night.run_partition(
            NightOrder(holder="screenshots", ignore_window=True), services.training
        )
    return upload.id


def _administrator(services: Services) -> str:
    link = services.accounts.first_admin_token() or ""
    user = services.accounts.create_first_admin(
        link, "ana@exemplo.com", "Ana", secrets.token_urlsafe(16)
    )
    return services.accounts.open_session(user)


@contextmanager
def _served(data_dir: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "deployments.web"],
        env=os.environ
        | {
            "TRIPADVANCE_DATA_DIR": str(data_dir),
            "TRIPADVANCE_WEB_PORT": str(port),
        },
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _answers(url):
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=30).is_success
    except httpx.TransportError:
        return False


def _take(browser: Browser, page: str, address: str, token: str | None) -> None:
    for width, height in SIZES.items():
        for scheme in SCHEMES:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            if token is not None:
                context.add_cookies(
                    [{"name": "tripadvance_session", "value": token, "url": address}]
                )
            shown = context.new_page()
            shown.goto(address)
            shown.wait_for_timeout(SETTLE_MS)  # a page says first that it loads
            shown.wait_for_function(
                "!document.body.innerText.includes('Carregando…')", timeout=120_000
            )
            shown.wait_for_timeout(SETTLE_MS)
            shown.screenshot(
                path=FOLDER / f"{page}-{width}-{scheme}.png", full_page=True
            )
            context.close()


if __name__ == "__main__":
    main()
