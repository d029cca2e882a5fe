"""Models and their metrics: the list, the card, moving MASTER, the charts."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.ports import free_port
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.domain.times import utc_now
from tripadvance_core.domain.users import Role
from tripadvance_core.services.alerts import Alerts
from tripadvance_core.services.night import NightOrder
from tripadvance_core.services.registry import Registry
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.folder import FolderStore

pytestmark = pytest.mark.servers

PATIENCE_MS = 60_000
ADMINISTRATOR = "ana@exemplo.com"
PASSWORD = "uma frase bem longa"
SERIOUS = {"serious", "critical"}
HOSTILE = "<img src=x onerror=alert(1)>.csv"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("modelled")


@pytest.fixture
def registry(modelled: Any, data_dir: Path) -> Registry:
    """Return the registry of the site, to look and to act behind the page's back."""
    database, objects = modelled.database, FolderStore(data_dir / "objects")
    alerts = Alerts(load_settings(data_dir), database, utc_now)
    return Registry(database, objects, alerts, utc_now)


@pytest.fixture(scope="module")
def modelled(
    serve: Any, make_fares: Callable[..., bytes], data_dir: Path
) -> Iterator[Any]:
    """A web app with three models, of which the first is MASTER."""
    small = {"boosting_rounds": 15, "max_leaves": 16, "threads": 1, "min_gain": 0.9}
    with opened_services(load_settings(data_dir, **small)) as services:
        accounts = services.accounts
        accounts.create_first_admin(
            accounts.first_admin_token(), ADMINISTRATOR, "Ana", PASSWORD
        )
        for seed, name in enumerate(("primeira.csv", HOSTILE, "terceira.csv")):
            content = make_fares(400, seed)
            services.uploads.ingest(content, name, ColumnMapping(), owner="ana")
            order = NightOrder(holder="test", ignore_window=True)
            services.night.run_partition(order, services.training)
        assert services.registry.master().number == 1
    with serve(data_dir, prefect_port=str(free_port())) as site:
        yield site


def client_of(site: Any, role: Role) -> Any:
    user = site.user(f"{role}@exemplo.com", role)
    client = site.client()
    client.cookies.set("tripadvance_session", site.new_session(user.email))
    return client


def shown(page: Page, place: str = "models") -> Locator:
    found = page.locator(f"#{place}")
    expect(found.locator("h1, h2").first).to_be_visible(timeout=PATIENCE_MS)
    return found


def serious_faults(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html']}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


def drawn(page: Page) -> list[str]:
    """Return the charts that are drawn, by the ids of their places."""
    page.locator(".js-plotly-plot").first.wait_for(timeout=PATIENCE_MS)
    plots = page.locator("[id^=metrics-]:has(.js-plotly-plot)")
    return [plot.get_attribute("id") or "" for plot in plots.all()]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("pt-BR", ("Modelos", "Desafiante", "Em espera", "Quem foi MASTER e quando")),
        ("en", ("Models", "Challenger", "On hold", "Who was MASTER when")),
    ],
)
def test_list_leads_to_the_card_with_data_gates_and_proofs(
    modelled: Any, registry: Registry, enter: Any, language: str, words: tuple[str, ...]
) -> None:
    page = enter(modelled, "/models", language)
    models = shown(page)
    for text in words:
        expect(models).to_contain_text(text, ignore_case=True, timeout=PATIENCE_MS)
    rows = models.locator(".ta-list tbody tr")
    expect(rows).to_have_count(3, timeout=PATIENCE_MS)
    expect(rows.first).to_contain_text("v3", timeout=PATIENCE_MS)

    models.get_by_role("link", name="MASTER", exact=True).click()
    expect(rows).to_have_count(1, timeout=PATIENCE_MS)
    page.go_back()
    models.get_by_role("link", name="v2", exact=True).click()
    card = shown(page, "model-card")
    model = registry.version("v2")
    expect(card).to_contain_text(model.panels[0].digest, timeout=PATIENCE_MS)
    expect(card).to_contain_text(HOSTILE, timeout=PATIENCE_MS)
    assert card.locator("img").count() == 0
    gates = [g for d in registry.decisions(model.id) for g in d.decision.gates]
    expect(card.locator(".ta-gates li")).to_have_count(len(gates), timeout=PATIENCE_MS)
    sign = "," if language == "pt-BR" else "."
    expect(card.locator(".ta-list").first).to_contain_text(
        re.compile(rf"\d+\{sign}\d% \(\d+\{sign}\d%"), timeout=PATIENCE_MS
    )


def test_master_of_a_moment_is_told(modelled: Any, enter: Any) -> None:
    page = enter(modelled, "/models?at=2020-01-01T00:00")
    expect(shown(page).get_by_role("status")).to_contain_text(
        "Em 01/01/2020 00:00 ainda não havia MASTER", timeout=PATIENCE_MS
    )
    page.goto(f"{modelled.url}/models?at=2100-01-01")
    expect(shown(page).get_by_role("status")).to_contain_text(
        "modelo v1", timeout=PATIENCE_MS
    )
    page.goto(f"{modelled.url}/models?at=ontem")
    expect(shown(page).get_by_role("status")).to_contain_text(
        "não é um momento", timeout=PATIENCE_MS
    )


def test_unknown_model_is_told(modelled: Any, enter: Any) -> None:
    page = enter(modelled, "/models?model=v99")
    expect(page.locator("#models").get_by_role("alert")).to_contain_text(
        "v99", timeout=PATIENCE_MS
    )
    page.goto(f"{modelled.url}/metrics?model=v99")
    expect(page.locator("#metrics").get_by_role("alert")).to_contain_text(
        "v99", timeout=PATIENCE_MS
    )


def test_only_administrators_may_move_master(
    modelled: Any, registry: Registry, enter: Any
) -> None:
    page = enter(modelled, "/models?model=v2")
    expect(page.locator("#model-promote")).to_be_visible(timeout=PATIENCE_MS)
    ana = {"email": ADMINISTRATOR}
    modelled.database.update("users", ana, {"role": Role.ANALYST})
    # The page that was opened as an administrator, in the hands of an analyst now.
    page.locator("#model-promote").click()
    expect(page.get_by_text("O seu papel não permite isso")).to_be_visible(
        timeout=PATIENCE_MS
    )
    page.reload()
    shown(page, "model-card")
    expect(page.locator("#model-promote")).to_be_hidden(timeout=PATIENCE_MS)
    modelled.database.update("users", ana, {"role": Role.ADMINISTRATOR})
    assert registry.master().number == 1


def test_rebuild_is_offered_for_a_master_of_withdrawn_files_alone(
    modelled: Any, registry: Registry, enter: Any
) -> None:
    master = registry.master()
    page = enter(modelled, f"/models?model=v{master.number}")
    shown(page, "model-card")
    expect(page.locator("#model-rebuild")).to_be_hidden()
    changed = {"_id": master.id}
    modelled.database.update(
        "models", changed, {"withdrawn_upload_ids": [master.upload_ids[0]]}
    )
    page.reload()
    page.locator("#model-rebuild").click(timeout=PATIENCE_MS)
    page.locator("#model-rebuild-reason").get_by_role("textbox").fill("eram testes")
    page.locator("#model-rebuild-yes").click()
    expect(
        page.get_by_text("O Prefect não responde, por isso nada foi iniciado")
    ).to_be_visible(timeout=PATIENCE_MS)
    modelled.database.update("models", changed, {"withdrawn_upload_ids": []})


def test_master_is_moved_with_a_reason_and_back(
    modelled: Any, registry: Registry, enter: Any
) -> None:
    page = enter(modelled, "/models?model=v2")
    expect(page.locator("#model-change")).to_contain_text(
        "no lugar de v1", timeout=PATIENCE_MS
    )
    page.locator("#model-promote").click()
    page.locator("#model-promote-yes").click()
    expect(page.get_by_text("Diga por quê")).to_be_visible(timeout=PATIENCE_MS)
    assert registry.master().number == 1

    reason = page.locator("#model-promote-reason").get_by_role("textbox")
    reason.fill("melhor nas rotas do Norte")
    page.locator("#model-promote-yes").click()
    expect(page.locator("#models .ta-done").first).to_have_text(
        "MASTER", timeout=PATIENCE_MS
    )
    assert registry.master().number == 2

    expect(page.locator("#model-change")).to_contain_text(
        "do v2 para o v1", timeout=PATIENCE_MS
    )
    page.locator("#model-rollback").click()
    page.locator("#model-rollback-reason").get_by_role("textbox").fill("foi engano")
    page.locator("#model-rollback-yes").click()
    expect(page.locator("#models")).to_contain_text("impedido", timeout=PATIENCE_MS)
    assert registry.master().number == 1

    page.goto(f"{modelled.url}/models")
    timeline = shown(page).locator(".ta-timeline li")
    expect(timeline).to_have_count(3, timeout=PATIENCE_MS)
    expect(timeline.first).to_contain_text(
        "foi engano (por ana@exemplo.com)", timeout=PATIENCE_MS
    )
    page.goto(f"{modelled.url}/audit")
    deeds = page.locator("tbody tr")
    expect(deeds.nth(0)).to_contain_text("trouxe de volta o MASTER anterior")
    expect(deeds.nth(0)).to_contain_text("v1")
    expect(deeds.nth(1)).to_contain_text("tornou um modelo MASTER")
    expect(deeds.nth(1)).to_contain_text("v2")


def test_lost_race_for_master_is_told_and_changes_nothing(
    modelled: Any, registry: Registry, enter: Any
) -> None:
    page = enter(modelled, "/models?model=v3")
    expect(page.locator("#model-promote")).to_be_visible(timeout=PATIENCE_MS)
    registry.promote("v2", reason="first", by="bia")
    page.locator("#model-promote").click()
    page.locator("#model-promote-reason").get_by_role("textbox").fill("também quero")
    page.locator("#model-promote-yes").click()
    expect(
        page.get_by_text("Outro modelo virou MASTER nesse meio-tempo")
    ).to_be_visible(timeout=PATIENCE_MS)
    assert registry.master().number == 2
    registry.rollback(reason="back", by="bia")


def test_model_is_downloaded_by_analysts_and_not_by_viewers(
    modelled: Any, registry: Registry
) -> None:
    model = registry.version("v1")
    with client_of(modelled, Role.ANALYST) as client:
        answer = client.get(f"/models/{model.id}.zip")
        assert answer.headers["content-disposition"] == "attachment; filename=v1.zip"
        assert client.get("/models/nothing.zip").status_code == 404
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert {"v1/model-card.md", "v1/model-card.json"} < set(names)
    with client_of(modelled, Role.VIEWER) as client:
        assert client.get(f"/models/{model.id}.zip").status_code == 403
    with modelled.client() as stranger:
        assert stranger.get(f"/models/{model.id}.zip").status_code in {303, 401}


@pytest.mark.parametrize(
    ("language", "title"),
    [("pt-BR", "MAE (erro médio), USD"), ("en", "MAE (mean error), USD")],
)
def test_metrics_over_time_are_drawn_and_listed(
    modelled: Any, enter: Any, language: str, title: str
) -> None:
    page = enter(modelled, "/metrics?metric=mean_absolute_error", language)
    assert drawn(page) == ["metrics-time"]
    expect(page.locator("#metrics-time")).to_contain_text(title, timeout=PATIENCE_MS)
    numbers = page.locator("#metrics-time-numbers")
    numbers.locator("summary").click()
    expect(numbers.locator("tbody tr")).to_have_count(3, timeout=PATIENCE_MS)
    expect(numbers.locator("tbody tr").last).to_contain_text("–", timeout=PATIENCE_MS)


def test_errors_of_one_model_are_drawn_with_their_numbers(
    modelled: Any, enter: Any
) -> None:
    page = enter(modelled, "/metrics?model=v3")
    page.locator("#metrics-importance .js-plotly-plot").wait_for(timeout=PATIENCE_MS)
    assert set(drawn(page)) == {
        *("metrics-points", "metrics-prices", "metrics-routes", "metrics-airlines"),
        *("metrics-months", "metrics-coverage", "metrics-date", "metrics-importance"),
    }
    airlines = page.locator("#metrics-airlines-numbers")
    airlines.locator("summary").click()
    expect(airlines.locator("tbody tr")).to_have_count(3, timeout=PATIENCE_MS)
    expect(airlines).to_contain_text("Gol", timeout=PATIENCE_MS)


def test_two_models_are_put_side_by_side_by_a_form(
    modelled: Any, registry: Registry, enter: Any
) -> None:
    page = enter(modelled, "/metrics?a=v3&b=v3")
    metrics = page.locator("#metrics")
    expect(metrics.get_by_role("alert")).to_contain_text(
        "Os dois lados são o modelo v3", timeout=PATIENCE_MS
    )
    page.get_by_label("Primeiro").select_option("v3")
    page.get_by_label("Segundo").select_option("v1")
    page.get_by_role("button", name="Comparar").click()
    expect(metrics).to_contain_text("v3 ao lado do v1", timeout=PATIENCE_MS)
    model = registry.version("v3")
    expect(metrics).to_contain_text(
        f"Em {model.metrics.rows} linhas", timeout=PATIENCE_MS
    )
    expect(metrics).to_contain_text("MAPE:", timeout=PATIENCE_MS)
    assert drawn(page) == ["metrics-pair"]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/models", "models"),
        ("/models?model=v2", "model-card"),
        ("/metrics", "metrics"),
        ("/metrics?model=v2", "metrics"),
        ("/metrics?a=v3&b=v1", "metrics"),
    ],
)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_are_accessible_and_fit_their_width(
    modelled: Any, enter: Any, path: str, place: str, width: int, scheme: str
) -> None:
    page = enter(
        modelled,
        path,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
    )
    shown(page, place)
    if path.startswith("/metrics"):
        drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious_faults(page) == []


def test_without_models_the_pages_say_what_to_wait_for(serve: Any, enter: Any) -> None:
    with serve() as site:
        token = site.accounts.first_admin_token()
        site.accounts.create_first_admin(token, ADMINISTRATOR, "Ana", PASSWORD)
        page = enter(site, "/models")
        expect(page.locator("#models")).to_contain_text(
            "Ainda não há modelos", timeout=PATIENCE_MS
        )
        expect(page.locator("#models")).to_contain_text(
            "Ainda não houve MASTER", timeout=PATIENCE_MS
        )
        page.goto(f"{site.url}/metrics")
        expect(page.locator("#metrics")).to_contain_text(
            "Nada foi avaliado ainda", timeout=PATIENCE_MS
        )
        page.goto(f"{site.url}/metrics?a=&b=")
        expect(page.locator("#metrics")).to_contain_text(
            "Nada foi avaliado ainda", timeout=PATIENCE_MS
        )
