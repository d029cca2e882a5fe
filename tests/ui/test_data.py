"""Files: handing them in, reading them otherwise, what is told of them afterwards."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.servers

PATIENCE_MS = 60_000
PASSWORD = "uma frase bem longa"

FARES = (
    "fecha;origem;destino;cia;duração (min);preço\n"
    "13/04/2026;São Paulo;Recife;Gol;180;450,50\n"
    "15/04/2026;São Paulo;Salvador;Latam;150;380,00\n"
    "31/02/2026;São Paulo;Natal;Azul;190;500,00\n"
)


@pytest.fixture(scope="module")
def empty_site(serve: Any) -> Iterator[Any]:
    """A web app on which nothing has been handed in yet."""
    with serve() as site:
        token = site.accounts.first_admin_token()
        site.accounts.create_first_admin(token, "ana@exemplo.com", "Ana", PASSWORD)
        yield site


def hand_in(page: Page, *files: Path) -> None:
    chooser = page.locator("#upload-files input[type=file]")
    chooser.wait_for(state="attached", timeout=PATIENCE_MS)
    chooser.set_input_files(list(files))


def choose(page: Page, dropdown: str, option: str) -> None:
    field = page.locator(f"#{dropdown} input")
    expect(field).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_timeout(500)  # what came with the file's first reading settles
    field.click()
    page.get_by_role("option", name=option).click()
    expect(field).to_have_value(option)


def test_file_with_an_unknown_header_is_mapped_kept_and_withdrawn(
    empty_site: Any, enter: Any, tmp_path: Path
) -> None:
    file = tmp_path / "tarifas.csv"
    file.write_text(FARES, encoding="utf-8")
    page = enter(empty_site, "/upload")
    hand_in(page, file)
    shown = page.locator("#upload-shown")
    expect(shown).to_contain_text(
        "Faltam estas colunas no arquivo: date", timeout=PATIENCE_MS
    )
    expect(page.locator("#upload-keep")).to_be_hidden()

    choose(page, "reading-date", "fecha")
    page.locator("#upload-again").click()
    expect(shown).to_contain_text("Linhas recusadas", timeout=PATIENCE_MS)
    expect(shown).to_contain_text("A data não é um dia do calendário")
    page.locator("#upload-keep").click()
    page.locator("#upload-kept").get_by_role("link", name="tarifas.csv").click()

    expect(page.locator("#file")).to_contain_text("2 / 3", timeout=PATIENCE_MS)
    expect(page.locator("#file-refused")).to_contain_text(
        "A data não é um dia do calendário", timeout=PATIENCE_MS
    )
    with page.expect_download() as download:
        page.get_by_role("link", name="como foi enviado").click()
    assert Path(download.value.path()).read_text(encoding="utf-8") == FARES

    page.locator("#file-withdraw").click()
    page.locator("#file-withdraw-yes").click()
    expect(page.get_by_text("Diga por quê")).to_be_visible(timeout=PATIENCE_MS)
    page.locator("#file-withdraw-reason").get_by_role("textbox").fill(
        "enviado por engano"
    )
    page.locator("#file-withdraw-yes").click()
    expect(page.locator("#file")).to_contain_text("retirado", timeout=PATIENCE_MS)
    expect(page.locator("#file")).to_contain_text("enviado por engano")

    page.goto(f"{empty_site.url}/audit")
    for deed, told in ((0, "retirou um arquivo"), (1, "enviou um arquivo")):
        row = page.locator("tbody tr").nth(deed)
        expect(row).to_contain_text(told)
        expect(row).to_contain_text("tarifas.csv")


def test_data_page_lists_files_and_fares_in_english(site: Any, enter: Any) -> None:
    page = enter(site, "/data?status=held", language="en")
    files = page.locator("#data-files")
    expect(files).to_contain_text("Rows accepted", timeout=PATIENCE_MS)
    expect(files.locator("tbody tr")).to_have_count(1)
    expect(files.locator("[aria-current]")).to_have_text("held")
    expect(page.locator("#data-fares")).to_contain_text("The fares")


def test_several_files_are_looked_at_one_by_one(
    empty_site: Any, enter: Any, tmp_path: Path
) -> None:
    good, bad = tmp_path / "boas.csv", tmp_path / "nada.csv"
    good.write_text(FARES.replace("fecha", "data"), encoding="utf-8")
    bad.write_text("só;texto\n1;2\n", encoding="utf-8")
    page = enter(empty_site, "/upload")
    hand_in(page, good, bad)
    shown = page.locator("#upload-shown")
    expect(
        shown.get_by_role("heading", name=re.compile("nada.csv", re.IGNORECASE))
    ).to_be_visible(timeout=PATIENCE_MS)
    choose(page, "upload-focus", "boas.csv")
    expect(shown).to_contain_text("Linhas aceitas", timeout=PATIENCE_MS)
    page.locator("#upload-keep").click()
    kept = page.locator("#upload-kept")
    expect(kept).to_contain_text("na fila", timeout=PATIENCE_MS)
    expect(kept).to_contain_text("não pode ser lido e não foi guardado")
