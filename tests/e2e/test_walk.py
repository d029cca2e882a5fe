"""From the first administrator to a price: the whole of it, as two people do it.

The administrator reads English, the analyst Portuguese.
"""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from tests.browsing import faults_of

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

PATIENCE_MS = 120_000
PASSWORD = "uma frase bem longa"
SAMPLE = Path(__file__).parents[2] / "sample_xlsx" / "flights.xlsx"


def in_language(open_context: Any, url: str, language: str) -> Page:
    context = open_context(SimpleNamespace(url=url))
    context.add_cookies([{"name": "lang", "value": language, "url": url}])
    page: Page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def visit(
    page: Page,
    url: str,
    place: str,
    told: str | re.Pattern[str],
    *,
    charts: bool = False,
) -> list[str]:
    """Open a page, wait until it tells something, return what is wrong with it."""
    page.goto(url)
    expect(page.locator(place)).to_contain_text(told, timeout=PATIENCE_MS)
    if charts:
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=PATIENCE_MS)
    unfilled = page.locator("gradio-app .empty").filter(visible=True)
    expect(unfilled).to_have_count(0, timeout=PATIENCE_MS)
    return faults_of(page)


def spoiled_fares() -> str:
    """Return fares like the demo's: an unknown header, and a row that is no flight."""
    sheet = openpyxl.load_workbook(SAMPLE, read_only=True).active
    lines = ["fecha,start_city,end_city,airline,duration,price"]
    for date, start, end, airline, minutes, price in sheet.iter_rows(
        min_row=2, max_row=401, values_only=True
    ):
        lines.append(f"{date},{start},{end},{airline},{minutes},{1.01 * price:.2f}")
    return "\n".join([*lines, "31/02/2025,Recife,Natal,Gol,60,100"])


def confirm(page: Page, button: str, reason: str) -> None:
    page.locator(f"#{button}").click()
    page.locator(f"#{button}-reason").get_by_role("textbox").fill(reason)
    page.locator(f"#{button}-yes").click()
    # The question goes when it is done; who leaves the page before may take it back.
    expect(page.locator(f"#{button}-yes")).to_be_hidden(timeout=PATIENCE_MS)


def test_two_people_walk_from_the_first_login_to_a_price_and_back(
    running: Any,
    open_context: Any,
    tmp_path: Path,
) -> None:
    url = running.web_url
    faults: list[str] = []

    admin = in_language(open_context, url, "en")
    (link,) = re.findall(r"http://\S+/first-admin/#\S+", running.output)[-1:]
    admin.goto(link)
    admin.get_by_label("Name").fill("Ana")
    admin.get_by_label("E-mail").fill("ana@exemplo.com")
    admin.get_by_label("Password", exact=True).fill(PASSWORD)
    admin.get_by_label("Repeat the password").fill(PASSWORD)
    faults += faults_of(admin)
    admin.get_by_role("button", name="Create and sign in").click()
    expect(admin.locator("#status")).to_contain_text("Model v1", timeout=PATIENCE_MS)
    faults += faults_of(admin)

    faults += visit(admin, f"{url}/users", "main", "ana@exemplo.com")
    admin.locator("#invite_role").select_option("analyst")
    admin.get_by_role("button", name="Create invitation").click()
    invitation = admin.locator("#invite_link")
    expect(invitation).to_have_value(re.compile("http.*#"), timeout=PATIENCE_MS)

    bia = in_language(open_context, url, "pt-BR")
    bia.goto(invitation.input_value())
    bia.get_by_label("Nome").fill("Bia")
    bia.get_by_label("E-mail").fill("bia@exemplo.com")
    bia.get_by_label("Senha", exact=True).fill(PASSWORD)
    bia.get_by_label("Repita a senha").fill(PASSWORD)
    faults += faults_of(bia)
    bia.get_by_role("button").last.click()
    expect(bia.locator("#status")).to_contain_text("Modelo v1", timeout=PATIENCE_MS)

    file = tmp_path / "tarifas.csv"
    file.write_text(spoiled_fares(), encoding="utf-8")
    faults += visit(bia, f"{url}/upload", "#upload-intro", "Enviar arquivos")
    bia.locator("#upload-files input[type=file]").set_input_files(file)
    shown = bia.locator("#upload-shown")
    expect(shown).to_contain_text("Faltam estas colunas", timeout=PATIENCE_MS)
    bia.wait_for_timeout(500)  # what came with the first reading settles
    bia.locator("#reading-date input").click()
    bia.get_by_role("option", name="fecha").click()
    bia.locator("#upload-again").click()
    expect(shown).to_contain_text("Por que linhas são recusadas", timeout=PATIENCE_MS)
    faults += faults_of(bia)
    bia.locator("#upload-keep").click()
    bia.locator("#upload-kept").get_by_role("link", name="tarifas.csv").click()
    expect(bia.locator("#file")).to_contain_text("400 / 401", timeout=PATIENCE_MS)
    upload_id = bia.url.partition("id=")[2]
    expect(bia.locator("#file-refused")).to_contain_text(
        "não é um dia do calendário", timeout=PATIENCE_MS
    )
    faults += faults_of(bia)
    faults += visit(bia, f"{url}/data", "#data-files", "tarifas.csv", charts=True)

    # An experiment of the analyst's; the runner trains it while she watches.
    faults += visit(bia, f"{url}/train?file={upload_id}", "#train", "Treinar agora")
    expect(bia.locator("#train-files")).to_contain_text(
        "tarifas.csv", timeout=PATIENCE_MS
    )
    bia.locator("#train-start").click()
    bia.wait_for_url("**/training", timeout=PATIENCE_MS)
    runs = bia.locator("#training-past")
    expect(runs.get_by_text("Experimento").first).to_be_visible(timeout=PATIENCE_MS)
    expect(runs).to_contain_text("v2", timeout=2 * PATIENCE_MS)
    faults += faults_of(bia)
    faults += visit(bia, f"{url}/training?run=2", "#training-past", "Experimento")
    faults += visit(bia, f"{url}/metrics", "#metrics", "MAPE", charts=True)

    # An analyst asks for prices, and moves no MASTER.
    trip = "/predict?from=São Paulo&to=Rio de Janeiro&date=2025-10-10"
    faults += visit(bia, url + trip, "#prices", re.compile(r"US\$\s\d"))
    sheet = tmp_path / "viagens.csv"
    sheet.write_text(
        "data,origem,destino,cia,duração (min)\n10/10/2025,São Paulo,Recife,Gol,180\n"
    )
    faults += visit(bia, f"{url}/predict?view=sheet", "#prices", "planilha")
    bia.locator("#sheet-file input[type=file]").set_input_files(sheet)
    bia.locator("#sheet-ask").click()
    with bia.expect_download() as download:
        bia.locator("#sheet-told a[download]").click()
    assert "model_id" in Path(download.value.path()).read_text(encoding="utf-8-sig")
    faults += visit(bia, f"{url}/models?model=v2", "#models", "v2")
    expect(bia.locator("#model-promote")).to_be_hidden()

    # The administrator promotes the experiment, takes its file out, and moves back.
    faults += visit(admin, f"{url}/models?model=v2", "#models", "v2")
    confirm(admin, "model-promote", "it knows the new file")
    expect(admin.locator("#models")).to_contain_text("MASTER", timeout=PATIENCE_MS)
    faults += visit(admin, url, "#status", "Model v2")
    faults += visit(admin, f"{url}/file?id={upload_id}", "#file", "tarifas.csv")
    confirm(admin, "file-withdraw", "made up")
    faults += visit(admin, f"{url}/models?model=v2", "#models", "withdrawn")
    confirm(admin, "model-rebuild", "without the made-up fares")
    admin.wait_for_url("**/training", timeout=PATIENCE_MS)
    # Without that file there are the rows, and so the model, of the first night.
    expect(admin.locator("#training-past")).to_contain_text(
        "Rebuild", timeout=2 * PATIENCE_MS
    )
    faults += visit(admin, url, "#status", "Model v1")
    faults += visit(admin, f"{url}/models?model=v1", "#models", "MASTER")
    confirm(admin, "model-rollback", "it knows too little else")
    faults += visit(admin, f"{url}/models", "#models", "it knows too little else")
    faults += visit(admin, url, "#status", "Model v2")

    bia.get_by_role("button", name="Sair").click()
    bia.wait_for_url("**/login/")
    faults += faults_of(bia)
    assert faults == []
