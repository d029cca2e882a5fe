"""The web app in a process of its own, on a data folder that the tests can write."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from tests.browsing import browser, open_context
from tests.ports import free_port
from tripadvance_core.domain.entities import (
    ColumnMapping,
    MasterPointer,
    ModelRole,
    ModelVersion,
    Promotion,
    RunStatus,
    StoredFile,
    TrainingRun,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.domain.promotion import (
    Outcome,
    PromotionDecision,
    PromotionPolicy,
)
from tripadvance_core.domain.times import utc_now
from tripadvance_core.domain.users import Role, User
from tripadvance_core.services.accounts import AccountService
from tripadvance_core.services.administration import Administration
from tripadvance_core.services.audit import Actor
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.storage.sqlite import SqliteDatabase

__all__ = ["browser", "open_context"]  # fixtures of every browser test

EMAIL = "ana@exemplo.com"
PASSWORD = "uma frase bem longa"
START_SECONDS = 180
MIDNIGHT = datetime(2026, 3, 25, 3, 0, tzinfo=UTC)  # in São Paulo
HOSTILE_NAMES = (
    '<img src=x onerror="alert(1)">.xlsx',
    "${alert(2)}{{7*7}}.csv",
    "</div><script>alert(3)</script>.csv",
)


@dataclass
class Site:
    """A running web app, and the database behind it."""

    url: str
    data_dir: Path
    log_file: Path
    database: SqliteDatabase
    accounts: AccountService
    administration: Administration
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """What the process has written so far."""
        return self.log_file.read_text(encoding="utf-8")

    def client(self, **headers: str) -> httpx.Client:
        """Return a client that says, like a browser, where its requests come from."""
        return httpx.Client(
            base_url=self.url, headers={"origin": self.url} | headers, timeout=60
        )

    def sign_in(self, client: httpx.Client) -> httpx.Response:
        return client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD})

    def new_session(self, email: str = EMAIL) -> str:
        """Return the token of a new session, by default of the administrator."""
        user = self.accounts.user_named(email)
        assert user is not None
        return self.accounts.open_session(user)

    def user(self, email: str, role: Role) -> User:
        """Return a user, who comes in by an invitation when asked for first."""
        if known := self.accounts.user_named(email):
            return known
        administrator = self.accounts.user_named(EMAIL)
        assert administrator is not None
        token = self.administration.invite(role, Actor(administrator, "test"))
        name = email.partition("@")[0]
        return self.accounts.register(token, email, name, PASSWORD, email)


@contextmanager
def served(data_dir: Path, **setting: str) -> Iterator[Site]:
    port = free_port()
    environment = os.environ | {
        "TRIPADVANCE_DATA_DIR": str(data_dir),
        "TRIPADVANCE_WEB_PORT": str(port),
        **{f"TRIPADVANCE_{name.upper()}": value for name, value in setting.items()},
    }
    log_file = data_dir / f"web-{port}.log"
    url = f"http://127.0.0.1:{port}"
    settings = load_settings(data_dir)
    database = SqliteDatabase(data_dir / "tripadvance.db")
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployments.web"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_it_answers(url, process, log_file)
            yield Site(
                url,
                data_dir,
                log_file,
                database,
                AccountService(settings, database, utc_now),
                Administration(database, utc_now),
                process,
            )
        finally:
            process.terminate()
            process.wait(30)
            database.close()


def wait_until_it_answers(
    url: str, process: subprocess.Popen[bytes], log: Path
) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at:
        assert process.poll() is None, log.read_text()
        try:
            httpx.get(f"{url}/healthz", timeout=5)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.fixture(scope="session")
def serve(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Any]:
    """Give a starter of web apps, each on a new data folder if none is named."""

    def start(data_dir: Path | None = None, **setting: str) -> Any:
        return served(data_dir or tmp_path_factory.mktemp("site"), **setting)

    return start


@pytest.fixture(scope="session")
def running_site(serve: Callable[..., Any]) -> Iterator[Site]:
    """One web app for all tests that only look, with an administrator and a night."""
    with serve() as site:
        token = site.accounts.first_admin_token()
        site.accounts.create_first_admin(token, EMAIL, "Ana", PASSWORD)
        fill(site.database)
        yield site


@pytest.fixture
def site(running_site: Site) -> Site:
    """The web app with nobody locked out."""
    running_site.database.delete("login_attempts", {})
    return running_site


@pytest.fixture
def anonymous(site: Site) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


@pytest.fixture
def ana(site: Site) -> Iterator[httpx.Client]:
    """A client that is signed in."""
    with site.client() as client:
        client.cookies.set("tripadvance_session", site.new_session())
        yield client


@pytest.fixture
def bia(site: Site) -> Iterator[httpx.Client]:
    """A client that is signed in as an analyst."""
    site.user("bia@exemplo.com", Role.ANALYST)
    with site.client() as client:
        client.cookies.set("tripadvance_session", site.new_session("bia@exemplo.com"))
        yield client


@pytest.fixture
def caio(site: Site) -> Iterator[httpx.Client]:
    """A client that is signed in as a viewer."""
    site.user("caio@exemplo.com", Role.VIEWER)
    with site.client() as client:
        client.cookies.set("tripadvance_session", site.new_session("caio@exemplo.com"))
        yield client


def metrics(mape: float) -> RegressionMetrics:
    return RegressionMetrics(
        rows=512,
        mean_absolute_error=1234.5,
        mean_squared_error=4e6,
        root_mean_squared_error=2e3,
        r2_score=0.9,
        mean_absolute_percentage_error=mape,
        accuracy_10_percent=54.2,
    )


def decision() -> PromotionDecision:
    return PromotionDecision(
        outcome=Outcome.PROMOTE,
        reason="MASTER_BEATEN",
        challenger_id="model-2",
        rival_id="model-1",
        rows=512,
        groups=132,
        gain=0.081,
        gain_low=0.012,
        gain_high=0.15,
        challenger_metrics=metrics(11.83),
        rival_metrics=metrics(12.87),
        policy=PromotionPolicy(),
    )


def stored(size_bytes: int) -> StoredFile:
    return StoredFile(key="raw/x", sha256="0" * 64, size_bytes=size_bytes)


def fill(database: SqliteDatabase) -> None:
    """Write two promotions, a finished run, hostile waiting files and a held one."""
    store = Repositories(database)
    for number, mape in ((1, 12.87), (2, 11.83)):
        at = MIDNIGHT + timedelta(days=number)
        store.models.add(
            ModelVersion(
                id=f"model-{number}",
                number=number,
                run_id=f"run-{number}",
                role=ModelRole.MASTER,
                created_at=at,
                files=(),
                predictions=stored(1),
                trained_on=stored(1),
                currency="BRL",
                upload_ids=("x",),
                training_rows=4210,
                holdout_rows=512,
                features=("route",),
                parameters={},
                metrics=metrics(mape),
                baseline_metrics=metrics(17.2),
                rival_id=None,
                rival_metrics=None,
                decision=decision(),
            )
        )
        switch = {
            "version": number,
            "model_id": f"model-{number}",
            "previous_model_id": None,
            "reason": "MASTER_BEATEN",
            "by": "night",
            "at": at,
        }
        store.promotions.add(Promotion(id=f"{number:08d}", **switch))
    store.pointers.add(MasterPointer(id="MASTER", **switch))
    store.runs.add(
        TrainingRun(
            id="run-2",
            number=2,
            upload_ids=("a", "b", "c"),
            size_bytes=24_100,
            status=RunStatus.DONE,
            token="token",
            started_at=MIDNIGHT,
            finished_at=MIDNIGHT + timedelta(seconds=192),
            flow_run_id="11111111-2222-3333-4444-555555555555",
            steps={"train": {"model_id": "model-2"}},
        )
    )
    for number, name in enumerate(HOSTILE_NAMES):
        store.uploads.add(upload(f"waiting-{number}", name))
    held = {"status": UploadStatus.HELD, "reason": "TRAINING_FAILED_TOO_OFTEN"}
    store.uploads.add(upload("held", "<b>held</b>.csv").model_copy(update=held))


def upload(upload_id: str, name: str) -> Upload:
    return Upload(
        id=upload_id,
        name=name,
        owner="ana",
        raw=stored(1500),
        mapping=ColumnMapping(),
        status=UploadStatus.PENDING,
        uploaded_at=utc_now(),
    )


@pytest.fixture
def enter(open_context: Any) -> Callable[..., Page]:
    """Give a way to open a page of a site, signed in, by default as administrator."""

    def open_page(
        site: Site,
        path: str = "/",
        language: str = "pt-BR",
        email: str = EMAIL,
        **options: Any,
    ) -> Page:
        context = open_context(site, **options)
        context.add_cookies([{"name": "lang", "value": language, "url": site.url}])
        cookie = {"name": "tripadvance_session", "url": site.url}
        context.add_cookies([{**cookie, "value": site.new_session(email)}])
        page: Page = context.new_page()
        page.goto(site.url + path)
        return page

    return open_page
