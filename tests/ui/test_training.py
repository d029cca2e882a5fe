"""Training: what is under way, past runs, experiments, the settings of the nights."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.ports import free_port
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.domain.entities import (
    ColumnMapping,
    Experiment,
    RunStatus,
    StepUnderWay,
    TrainingRun,
)
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.domain.times import utc_now
from tripadvance_core.domain.users import Role
from tripadvance_core.services.audit import AuditLog, Event
from tripadvance_core.services.claims import LEASE
from tripadvance_core.services.night import NightOrder
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.leases import acquire, release
from tripadvance_core.storage.repository import Repositories

pytestmark = pytest.mark.servers

PATIENCE_MS = 60_000
PASSWORD = "uma frase bem longa"
VIEWER = "caio@exemplo.com"


@pytest.fixture(scope="module")
def trained(
    serve: Any,
    tmp_path_factory: pytest.TempPathFactory,
    make_fares: Callable[..., bytes],
) -> Iterator[Any]:
    """A web app with one past night and a waiting file; no Prefect answers it."""
    data_dir = tmp_path_factory.mktemp("trained")
    settings = load_settings(
        data_dir, boosting_rounds=20, max_leaves=16, min_partition_bytes=1
    )
    with opened_services(settings) as services:
        for number, name in ((1, "janeiro.csv"), (2, "<b>fevereiro</b>.csv")):
            services.uploads.ingest(
                make_fares(300, seed=number), name, ColumnMapping(), owner="ana"
            )
            if number == 1:
                order = NightOrder(holder="test", ignore_window=True)
                services.night.run_partition(order, services.training)
    with serve(data_dir, prefect_port=str(free_port())) as site:
        token = site.accounts.first_admin_token()
        site.accounts.create_first_admin(token, "ana@exemplo.com", "Ana", PASSWORD)
        site.user(VIEWER, Role.VIEWER)
        yield site


def deeds(site: Any, event: Event) -> list[str]:
    """Return what was dealt with by deeds of a kind, the newest first."""
    log = AuditLog(site.database, utc_now).page(1, 100).items
    return [entry.details["about"] for entry in log if entry.event == event]


def shown(page: Page, name: str) -> Any:
    """Return a part of the page once it has been filled."""
    part = page.locator(f"#{name}")
    expect(part.locator(".ta")).to_be_visible(timeout=PATIENCE_MS)
    return part


def put_run(site: Any, **fields: Any) -> TrainingRun:
    """Write a run as an experiment that has not ended."""
    run = TrainingRun(
        **{
            "id": "experiment-1",
            "number": 0,
            "upload_ids": ("x",),
            "size_bytes": 24_100,
            "status": RunStatus.ORDERED,
            "token": "",
            "started_at": utc_now(),
            "experiment": Experiment(by="bia@exemplo.com", note="mais fundo"),
        }
        | fields
    )
    runs = Repositories(site.database).runs
    runs.remove({"_id": run.id})
    runs.add(run)
    return run


def type_into(page: Page, name: str, text: str) -> None:
    page.locator(f"#{name}").get_by_role("textbox").fill(text)


def test_past_night_is_listed_and_leads_to_its_report(trained: Any, enter: Any) -> None:
    page = enter(trained, "/training")
    expect(shown(page, "training-under-way")).to_contain_text("Nada treina agora")
    past = shown(page, "training-past")
    expect(past.locator("tbody tr")).to_have_count(1)
    past.get_by_role("link", name="Treino 1").click()
    report = shown(page, "training-past")
    for text in (
        "O primeiro MASTER: supera o preço mediano da rota.",
        "Linhas e grupos suficientes",
        "Mediana da rota",
        "Conferir as linhas",
        "janeiro.csv",
        "Linhas reservadas para avaliação",
        "As da instalação",
    ):
        expect(report).to_contain_text(text, timeout=PATIENCE_MS)
    expect(page.locator("#training-under-way .ta")).to_have_count(0)


def test_report_of_no_run_says_so(trained: Any, enter: Any) -> None:
    page = enter(trained, "/training?run=99", language="en")
    expect(page.locator("#training-past").get_by_role("alert")).to_contain_text(
        "There is no training 99", timeout=PATIENCE_MS
    )


def test_experiment_that_prefect_does_not_start_is_told_and_leaves_nothing(
    trained: Any, enter: Any
) -> None:
    page = enter(trained, "/train")
    shown(page, "train")
    files = page.locator("#train-files input")
    files.click(timeout=PATIENCE_MS)
    page.get_by_role("option", name="<b>fevereiro</b>.csv · na fila").click()
    page.keyboard.press("Escape")
    type_into(page, "night-max-leaves", "99999")
    page.locator("#train-start").click()
    expect(page.get_by_text("Folhas: Use um número até 65.536.")).to_be_visible(
        timeout=PATIENCE_MS
    )
    type_into(page, "night-max-leaves", "8")
    page.locator("#train-start").click()
    expect(
        page.get_by_text("O Prefect não responde, por isso nada foi iniciado")
    ).to_be_visible(timeout=PATIENCE_MS)
    assert [run.number for run in Repositories(trained.database).runs.select()] == [1]


def test_progress_is_followed_until_the_run_ends(trained: Any, enter: Any) -> None:
    lease = acquire(trained.database, LEASE, "test", utc_now(), 600)
    assert lease is not None
    under_way = StepUnderWay(name="train", since=utc_now(), rounds_done=120, rounds=240)
    run = put_run(
        trained,
        number=2,
        status=RunStatus.OPEN,
        token=lease.token,
        steps={"preprocess": {"wall_seconds": 1.5, "cpu_seconds": 1.4}},
        under_way=under_way,
        flow_run_id="11111111-2222-3333-4444-555555555555",
    )
    page = enter(trained, "/training")
    told = shown(page, "training-under-way")
    expect(told).to_contain_text("120 de 240 rodadas")
    expect(told).to_contain_text("bia@exemplo.com. mais fundo")
    expect(told.locator("[aria-current=step]")).to_contain_text("Treinar")
    link = told.get_by_role("link", name="Abrir este treino no Prefect")
    assert link.get_attribute("href").endswith(f"/runs/flow-run/{run.flow_run_id}")
    runs = Repositories(trained.database).runs
    runs.change({"_id": run.id}, {"under_way.rounds_done": 200})
    expect(told).to_contain_text("200 de 240 rodadas", timeout=PATIENCE_MS)
    runs.change({"_id": run.id}, {"status": RunStatus.FAILED, "failure": "RUN_BROKEN"})
    release(trained.database, lease)
    expect(told).to_contain_text("Nada treina agora", timeout=PATIENCE_MS)
    expect(page.locator("#training-past")).to_contain_text("Falhou")
    runs.remove({"_id": run.id})


def test_order_is_stopped_once_that_is_confirmed(trained: Any, enter: Any) -> None:
    run = put_run(trained)
    page = enter(trained, "/training", language="en")
    told = shown(page, "training-under-way")
    expect(told).to_contain_text("Waiting")
    told.get_by_role("link", name="Stop…").click()
    page.locator("#training-stop-no").click(timeout=PATIENCE_MS)
    page.wait_for_url("**/training")
    shown(page, "training-under-way").get_by_role("link", name="Stop…").click()
    page.locator("#training-stop-yes").click(timeout=PATIENCE_MS)
    expect(page.locator("#training-under-way")).to_contain_text(
        "Nothing trains now", timeout=PATIENCE_MS
    )
    runs = Repositories(trained.database).runs
    stopped = runs.get(run.id)
    assert (stopped.status, stopped.stopped_by) == (
        RunStatus.STOPPED,
        "ana@exemplo.com",
    )
    assert deeds(trained, Event.TRAINING_STOPPED) == [run.id]
    runs.remove({"_id": run.id})


def test_settings_are_stored_with_a_reason_and_brought_back(
    trained: Any, enter: Any
) -> None:
    page = enter(trained, "/night", language="en")
    expect(shown(page, "night")).to_contain_text("The installation's own")
    expect(shown(page, "night-schedule")).to_contain_text("Prefect does not answer")
    gain = page.locator("#night-min-gain").get_by_role("textbox")
    expect(gain).to_have_value("0.01")
    type_into(page, "night-min-gain", "2")
    page.locator("#night-store").click()
    stored = page.locator("#night-stored")
    expect(page.get_by_text("Say why the settings change.")).to_be_visible(
        timeout=PATIENCE_MS
    )
    type_into(page, "night-reason", "too many switches")
    page.locator("#night-store").click()
    expect(stored).to_contain_text(
        "Least gain (share): Use a number below 1.", timeout=PATIENCE_MS
    )
    type_into(page, "night-min-gain", "0.025")
    type_into(page, "night-cron", "30 12 * * *")
    page.locator("#night-store").click()
    expect(stored).to_contain_text("Version 1 stored", timeout=PATIENCE_MS)
    expect(stored).to_contain_text("has not reached Prefect yet")
    expect(page.locator("#night")).to_contain_text("outside the window")
    versions = page.locator("#night-versions")
    expect(versions).to_contain_text("too many switches")
    expect(versions).to_contain_text("Least gain (share): 0.01 → 0.025")
    kept = Repositories(trained.database).night_settings.get("00000001")
    assert (kept.values.min_gain, kept.by) == (0.025, "ana@exemplo.com")

    versions.get_by_role("link", name="Bring the installation's own").click()
    expect(shown(page, "night-restoring")).to_contain_text("are not in force")
    expect(gain).to_have_value("0.01")
    type_into(page, "night-reason", "back again")
    page.locator("#night-store").click()
    expect(stored).to_contain_text("Version 2 stored", timeout=PATIENCE_MS)
    restored = Repositories(trained.database).night_settings.get("00000002")
    assert restored.values == NightSettings.of(load_settings(Path(trained.data_dir)))
    assert deeds(trained, Event.SETTINGS_CHANGED) == ["2", "1"]


def test_viewer_reads_and_changes_nothing(trained: Any, enter: Any) -> None:
    run = put_run(trained)
    page = enter(trained, f"/training?stop={run.id}", email=VIEWER)
    told = shown(page, "training-under-way")
    expect(told).to_contain_text("Esperando")
    expect(told.get_by_role("link", name="Parar…")).to_have_count(0)
    expect(told.get_by_role("link", name="Treinar agora")).to_have_count(0)
    expect(page.locator("#training-stop-yes")).to_be_hidden()
    page.goto(f"{trained.url}/night")
    shown(page, "night")
    expect(page.locator("#night-form")).to_be_hidden()
    assert page.goto(f"{trained.url}/train").status == 403
    Repositories(trained.database).runs.remove({"_id": run.id})


def test_start_page_says_what_needs_attention(trained: Any, enter: Any) -> None:
    left = put_run(
        trained,
        id="a-night",
        number=7,
        status=RunStatus.OPEN,
        token="of a dead process",
        experiment=None,
        started_at=utc_now() - timedelta(hours=5),
    )
    page = enter(trained, "/")
    status = shown(page, "status")
    expect(status).to_contain_text("Pede atenção")
    needed = status.get_by_role("link", name="O treino 7 falhou")
    assert needed.get_attribute("href") == "/training?run=7"
    waiting = status.get_by_role("link", name="<b>fevereiro</b>.csv")
    assert waiting.get_attribute("href").startswith("/file?id=")
    Repositories(trained.database).runs.remove({"_id": left.id})
