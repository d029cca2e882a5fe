"""Prices: one trip, a month, a spreadsheet, and the calls of programs."""

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tripadvance_core.bootstrap import opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.services.api_tokens import Scope
from tripadvance_core.services.night import NightOrder
from tripadvance_core.settings import load_settings

pytestmark = pytest.mark.servers

PATIENCE_MS = 60_000
PASSWORD = "uma frase bem longa"
SERIOUS = {"serious", "critical"}

TRIP = "/predict?from=GRU&to=salvador&date=2025-07-10&airline=G3"
MONTH = "/predict?view=calendar&from=Recife&to=Salvador&month=2025-07"
TRIPS = (
    "data;origem;destino;cia;duração (min)\n"
    "25/07/2025;Salvador;Recife;Gol;95\n"
    "31/02/2025;Salvador;Recife;Gol;95\n"
    "25/07/2025;Salvador;Nárnia;Gol;95\n"
)


@pytest.fixture(scope="module")
def data_dir(
    make_fares: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A data folder with an administrator and a MASTER."""
    folder = tmp_path_factory.mktemp("priced")
    small = {"boosting_rounds": 20, "max_leaves": 16, "threads": 1}
    with opened_services(load_settings(folder, **small)) as services:
        services.accounts.create_first_admin(
            services.accounts.first_admin_token(), "ana@exemplo.com", "Ana", PASSWORD
        )
        services.uploads.ingest(
            make_fares(1_500), "fares.csv", ColumnMapping(), owner="ana"
        )
        order = NightOrder(holder="test", ignore_window=True)
        services.night.run_partition(order, services.training)
        assert services.registry.master() is not None
    return folder


@pytest.fixture(scope="module")
def priced(serve: Any, data_dir: Path) -> Iterator[Any]:
    """The web app on that folder."""
    with serve(data_dir) as site:
        yield site


def serious_faults(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html']}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


def prices_of(page: Page) -> Any:
    prices = page.locator("#prices")
    expect(prices.locator("h1")).to_be_visible(timeout=PATIENCE_MS)
    return prices


def test_trip_is_priced_explained_and_varied(priced: Any, enter: Any) -> None:
    page = enter(priced, "/predict")
    prices = prices_of(page)
    expect(prices).to_contain_text("MASTER v1")
    page.get_by_label("Origem").fill("São Paulo")
    page.get_by_label("Destino").fill("Salvador")
    page.get_by_label("Dia da viagem").fill("2025-07-10")
    page.get_by_label("Companhia aérea").fill("Gol")
    page.get_by_role("button", name="Calcular o preço").click()
    page.wait_for_url(re.compile("from=S%C3%A3o\\+Paulo"))

    quote = prices.locator("#quote")
    expect(quote).to_contain_text("10/07/2025, qui.", timeout=PATIENCE_MS)
    expect(quote.locator(".ta-price b")).to_have_text(
        re.compile(r"^US\$\s[\d.]+,\d\d$")
    )
    expect(quote).to_contain_text("80 em cada 100 preços reais ficam entre")
    expect(quote).to_contain_text("Duração (min): 130")
    why = prices.locator("#why")
    expect(why).to_contain_text("Companhia aérea")
    expect(prices.locator("#past tbody tr")).to_have_count(8)

    what_if = prices.locator("#what-if")
    expect(what_if.locator("tbody tr")).to_have_count(15)
    what_if.get_by_role("link", name="Companhia aérea").click()
    expect(what_if.locator("tbody tr")).to_have_count(3, timeout=PATIENCE_MS)
    what_if.get_by_role("link", name="Azul").click()
    expect(quote).to_contain_text("· Azul", timeout=PATIENCE_MS)
    expect(page.get_by_label("Companhia aérea")).to_have_value("Azul")


def test_reasons_on_the_page_add_up_to_the_price(priced: Any, enter: Any) -> None:
    page = enter(priced, TRIP)
    amounts = page.locator("#why td:last-child")
    expect(amounts.last).to_be_visible(timeout=PATIENCE_MS)
    *parts, total = (cents_in(text) for text in amounts.all_inner_texts())
    assert sum(parts) == total


def cents_in(written: str) -> int:
    """Read an amount as the page writes it in Portuguese."""
    figures = int(re.sub(r"\D", "", written))
    return -figures if re.match("[−-]", written) else figures


def test_unknown_city_has_a_price_with_a_doubt_and_no_range(
    priced: Any, enter: Any
) -> None:
    quote = enter(priced, TRIP.replace("salvador", "Nárnia")).locator("#quote")
    expect(quote).to_contain_text("não uma faixa", timeout=PATIENCE_MS)
    expect(quote.locator(".ta-range")).to_have_count(0)


def test_trip_that_is_none_is_refused_beside_its_form(priced: Any, enter: Any) -> None:
    page = enter(priced, TRIP.replace("salvador", "<b>x</b>"))
    alert = page.locator("#prices").get_by_role("alert")
    expect(alert).to_contain_text("não é um nome de cidade", timeout=PATIENCE_MS)
    expect(page.get_by_label("Destino")).to_have_value("<b>x</b>")


def test_month_has_its_cheapest_day_and_leads_to_trips(priced: Any, enter: Any) -> None:
    page = enter(priced, MONTH)
    calendar = page.locator("#calendar")
    expect(calendar.locator("td a")).to_have_count(31, timeout=PATIENCE_MS)
    cheapest = calendar.locator(".ta-cheapest")
    expect(cheapest.first).to_contain_text("menor")
    amounts = [int(text) for text in calendar.locator("td b").all_inner_texts()]
    assert int(cheapest.first.locator("b").inner_text()) == min(amounts)
    for word in set(calendar.locator(".ta-word:not(.ta-star)").all_inner_texts()):
        assert word in {"baixo", "típico", "alto"}
    calendar.get_by_role("link", name="Mês seguinte").click()
    expect(calendar).to_contain_text(re.compile("ago. 2025", re.IGNORECASE))
    cheapest.first.locator("a").click()
    expect(page.locator("#quote")).to_contain_text("/08/2025", timeout=PATIENCE_MS)


def test_spreadsheet_comes_back_with_prices(
    priced: Any, enter: Any, tmp_path: Path
) -> None:
    file = tmp_path / "viagens de março.csv"
    file.write_text(TRIPS, encoding="utf-8")
    page = enter(priced, "/predict?view=sheet")
    chooser = page.locator("#sheet-file input[type=file]")
    chooser.wait_for(state="attached", timeout=PATIENCE_MS)
    chooser.set_input_files(file)
    page.get_by_role("button", name="Calcular os preços").click(timeout=PATIENCE_MS)
    told = page.locator("#sheet-told")
    expect(told).to_contain_text("Linhas recusadas", timeout=PATIENCE_MS)
    expect(told).to_contain_text("A data não é um dia do calendário")
    with page.expect_download() as download:
        told.get_by_role("link", name="viagens de março-precos.csv").click()
    assert download.value.suggested_filename == "viagens de março-precos.csv"
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [bool(row["predicted_price"]) for row in rows] == [True, False, True]
    assert "Não se aprendeu" in rows[2]["doubt"]

    address = told.get_by_role("link").first.get_attribute("href")
    with priced.client() as nobody:
        assert nobody.get(address).status_code in {303, 401}


def test_spreadsheet_that_leaves_something_open_is_asked_about(
    priced: Any, enter: Any, tmp_path: Path
) -> None:
    file = tmp_path / "viagens.csv"
    file.write_text(TRIPS.replace("origem", "saída de onde"), encoding="utf-8")
    page = enter(priced, "/predict?view=sheet")
    chooser = page.locator("#sheet-file input[type=file]")
    chooser.wait_for(state="attached", timeout=PATIENCE_MS)
    chooser.set_input_files(file)
    page.get_by_role("button", name="Calcular os preços").click(timeout=PATIENCE_MS)
    told = page.locator("#sheet-told")
    expect(told).to_contain_text("start_city", timeout=PATIENCE_MS)
    field = page.locator("#reading-start_city input")
    expect(field).to_be_visible()
    page.wait_for_timeout(500)  # the panel settles
    field.click()
    page.get_by_role("option", name="saída de onde").click()
    page.get_by_role("button", name="Calcular os preços").click()
    expect(told).to_contain_text("viagens-precos.csv", timeout=PATIENCE_MS)


def test_page_speaks_english(priced: Any, enter: Any) -> None:
    page = enter(priced, TRIP, language="en")
    quote = page.locator("#quote")
    expect(quote).to_contain_text("10 Jul 2025", timeout=PATIENCE_MS)
    expect(quote).to_contain_text("80 of 100 true prices lie between $")
    page.goto(f"{priced.url}{MONTH}")
    expect(page.locator("#calendar")).to_contain_text("least", timeout=PATIENCE_MS)
    page.goto(f"{priced.url}/predict?view=api")
    expect(page.locator("#prices")).to_contain_text(
        "Programs ask for the same prices", timeout=PATIENCE_MS
    )


def test_without_a_model_the_page_says_what_to_do(empty: Any, enter: Any) -> None:
    prices = prices_of(enter(empty, "/predict?view=sheet"))
    expect(prices).to_contain_text("Ainda não há modelo")
    expect(prices.get_by_role("link", name="Enviar arquivos")).to_be_visible()


@pytest.fixture
def empty(priced: Any) -> Iterator[Any]:
    """The web app as it was before there was a MASTER."""
    (pointer,) = priced.database.find("pointers")
    priced.database.delete("pointers", {})
    yield priced
    priced.database.insert("pointers", pointer)


@pytest.fixture(scope="module")
def call(priced: Any, data_dir: Path) -> Iterator[Callable[..., httpx.Response]]:
    """Give a way to call, as a program does, with a token for predictions."""
    with opened_services(load_settings(data_dir)) as services:
        user = services.accounts.user_named("ana@exemplo.com")
        token = services.own_account.make_token(
            user, "program", Scope.PREDICTIONS, 9, "test"
        )
    bearer = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=priced.url, headers=bearer, timeout=60) as client:
        yield lambda name, *data: client.post(
            f"/gradio_api/run/{name}", json={"data": data}
        )


ASKED = {"date": "2025-07-10", "start_city": "GRU", "end_city": "SSA", "airline": "G3"}


def test_program_and_page_are_told_the_same_price(
    priced: Any, enter: Any, call: Any
) -> None:
    answer = call("predict_price", ASKED)
    assert answer.status_code == 200
    (quote,) = answer.json()["data"]
    shown = enter(priced, TRIP).locator(".ta-price b")
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    assert cents_in(shown.inner_text()) == round(100 * quote["priced"]["price"])
    assert quote["priced"]["trip"]["start_city"] == "São Paulo"
    assert quote["level"] in {"LOW", "TYPICAL", "HIGH"}

    (many,) = call("predict_many", [ASKED, ASKED]).json()["data"]
    assert many["trips"] == [quote["priced"]] * 2
    route = {name: ASKED[name] for name in ("start_city", "end_city")}
    (calendar,) = call("predict_calendar", route, "2025-07").json()["data"]
    assert len(calendar["days"]) == 31


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("predict_price", [{**ASKED, "end_city": "<b>"}], "CITY_INVALID"),
        ("predict_price", [{**ASKED, "date": "tomorrow"}], "TRIP_INVALID"),
        ("predict_price", [{**ASKED, "price": 1}], "TRIP_INVALID"),
        ("predict_price", ["GRU"], "TRIP_INVALID"),
        ("predict_price", [], "WEB_REQUEST_INVALID"),
        ("predict_many", ["GRU"], "TRIP_INVALID"),
        ("predict_many", [[ASKED] * 1_001], "TOO_MANY_TRIPS"),
        ("predict_calendar", [ASKED, "July"], "MONTH_INVALID"),
        ("predict_calendar", [None, "2025-07"], "TRIP_INVALID"),
    ],
)
def test_call_that_cannot_be_met_is_told_why(
    call: Any, name: str, data: Any, code: str
) -> None:
    answer = call(name, *data)
    assert answer.status_code == 422
    assert answer.json()["code"] == code
    assert answer.json()["message"] == answer.json()["detail"]


def test_call_before_there_is_a_model_finds_none(empty: Any, call: Any) -> None:
    answer = call("predict_price", ASKED)
    assert (answer.status_code, answer.json()["code"]) == (404, "NO_MASTER")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everyone_can_use_the_page(
    priced: Any, enter: Any, width: int, scheme: str
) -> None:
    sized = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme}
    page = enter(priced, TRIP, **sized)
    for address, shows in (
        (TRIP, "#past"),
        (MONTH, "#calendar"),
        ("/predict?view=sheet", "#sheet-file"),
        ("/predict?view=api", "#prices pre"),
    ):
        page.goto(priced.url + address)
        expect(page.locator(shows).first).to_be_visible(timeout=PATIENCE_MS)
        assert serious_faults(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


@pytest.mark.skipif(find_spec("mcp") is not None, reason="MCP is installed")
def test_mcp_that_is_not_installed_is_told_at_the_start(data_dir: Path) -> None:
    asked = {"TRIPADVANCE_MCP": "true", "TRIPADVANCE_DATA_DIR": str(data_dir)}
    started = subprocess.run(
        [sys.executable, "-m", "deployments.web"],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert started.returncode == 1
    assert "tripadvance[mcp]" in started.stderr
