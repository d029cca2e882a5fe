"""What people see, in a real browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tripadvance_core.storage.repository import Repositories

pytestmark = pytest.mark.servers

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
PATIENCE_MS = 60_000
PASSWORD = "uma frase bem longa"

# The least ratio of contrast between a text and what lies behind it, by WCAG 2.2.
LEAST_CONTRAST = 4.5
POOR_CONTRAST = """least => {
  const canvas = document.createElement("canvas").getContext("2d");
  const channels = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const brightness = colour => {
    const [r, g, b] = channels(colour).slice(0, 3).map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (channels(colour)[3] === 255) return colour;
    }
    return "white";
  };
  const texts = [...document.querySelectorAll(".ta *")].filter(element =>
    element.checkVisibility() &&
    [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  if (!texts.length) return ["no text at all"];
  return texts.flatMap(element => {
    const pair = [getComputedStyle(element).color, behind(element)].map(brightness);
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    return ratio < least ? [`${ratio.toFixed(2)} ${element.outerHTML}`] : [];
  });
}"""
NAMELESS = """() => [...document.querySelectorAll(
    "input:not([type=hidden]), button, a[href]")]
  .filter(e => e.checkVisibility() && !e.innerText.trim() && !e.ariaLabel
    && ![...(e.labels ?? [])].some(label => label.innerText.trim()))
  .map(e => e.outerHTML)"""


def opened(site: Any, context: BrowserContext) -> Page:
    """Open the status page with a session of its own."""
    cookie = {"name": "tripadvance_session", "url": site.url}
    context.add_cookies([{**cookie, "value": site.new_session()}])
    page = context.new_page()
    page.goto(site.url)
    return page


def signed_in(site: Any, context: BrowserContext) -> Page:
    """Open the status page and wait until it shows."""
    page = opened(site, context)
    expect(page.locator("#status h1")).to_be_visible(timeout=PATIENCE_MS)
    return page


def test_first_administrator_comes_in_leaves_and_comes_back(
    serve: Any, open_context: Any
) -> None:
    with serve() as site:
        page = open_context(site).new_page()
        page.goto(f"{site.url}/first-admin/#{site.accounts.first_admin_token()}")
        page.get_by_label("Nome").fill("Ana")
        page.get_by_label("E-mail").fill("ana@exemplo.com")
        page.get_by_label("Senha", exact=True).fill(PASSWORD)
        page.get_by_label("Repita a senha").fill("outra frase longa")
        page.get_by_role("button", name="Criar e entrar").click()
        expect(page.get_by_role("alert")).to_contain_text("não são iguais")

        page.get_by_label("Repita a senha").fill(PASSWORD)
        page.get_by_role("button", name="Criar e entrar").click()
        status = page.locator("#status")
        expect(status).to_contain_text("Comece por aqui", timeout=PATIENCE_MS)
        expect(page.locator("#header")).to_contain_text("ana@exemplo.com")

        page.get_by_role("button", name="Sair").click()
        page.wait_for_url("**/login/")
        page.goto(site.url)
        expect(page).to_have_url(re.compile("/login/$"))

        page.get_by_label("E-mail").fill("ana@exemplo.com")
        page.get_by_label("Senha").fill("esta senha não é")
        page.get_by_role("button", name="Entrar").click()
        expect(page.get_by_role("alert")).to_contain_text("incorretos")
        page.get_by_label("Senha").fill(PASSWORD)
        page.get_by_label("Senha").press("Enter")
        expect(status).to_contain_text("Comece por aqui", timeout=PATIENCE_MS)


def test_page_tells_of_master_queue_and_last_night(
    site: Any, open_context: Any
) -> None:
    status = signed_in(site, open_context(site)).locator("#status")
    for text in (
        "Modelo v2",
        "desde 27/03/2026 00:00",
        "11,8%",
        "54,2%",
        "R$\xa01.234,50",
        "3 na fila, 4,5 kB",
        "Faltam 5,5 kB para o mínimo de 10 kB",
        "00:00 às 06:00 (America/Sao_Paulo)",
        "O desafiante é comprovadamente melhor que o MASTER.",
        "8,1% (de 1,2% a 15,0%; 132 grupos de rota × semana)",
        "3 min 12 s",
        "O treino com este arquivo falhou vezes demais",
    ):
        expect(status).to_contain_text(text)
    links = status.get_by_role("link").evaluate_all("all => all.map(a => a.href)")
    assert "http://127.0.0.1:4200/" in links
    assert any(
        link.endswith("/runs/flow-run/11111111-2222-3333-4444-555555555555")
        for link in links
    )


def test_file_names_are_text(site: Any, open_context: Any) -> None:
    status = signed_in(site, open_context(site)).locator("#status")
    expect(status).to_contain_text('<img src=x onerror="alert(1)">.xlsx')
    expect(status).to_contain_text("${alert(2)}{{7*7}}.csv")
    expect(status).to_contain_text("</div><script>alert(3)</script>.csv")
    expect(status).to_contain_text("<b>held</b>.csv")
    assert status.locator("img, script").count() == 0


def test_language_is_portuguese_until_the_reader_asks_for_english(
    site: Any, open_context: Any
) -> None:
    page = signed_in(site, open_context(site))
    expect(page.locator("h1")).to_have_text("Situação")
    assert page.evaluate("[document.documentElement.lang, navigator.language]") == [
        "pt-BR",
        "pt-BR",
    ]
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Status", timeout=PATIENCE_MS)
    expect(page.locator("#status")).to_contain_text("R$1,234.50")
    assert page.evaluate("document.documentElement.lang") == "en"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/")
    expect(page.locator("h1")).to_have_text("Sign in")


def test_page_refreshes_itself(site: Any, open_context: Any) -> None:
    page = signed_in(site, watched := open_context(site))
    watched.clock.install()
    page.reload()
    expect(page.locator("#status h1")).to_be_visible(timeout=PATIENCE_MS)
    uploads = Repositories(site.database).uploads
    uploads.change({"_id": "waiting-0"}, {"name": "chegou-agora.csv"})
    watched.clock.run_for(31_000)
    expect(page.locator("#status")).to_contain_text("chegou-agora.csv")
    uploads.change(
        {"_id": "waiting-0"}, {"name": '<img src=x onerror="alert(1)">.xlsx'}
    )


def test_failure_is_told_on_the_page(site: Any, open_context: Any) -> None:
    site.database.update("pointers", {"_id": "MASTER"}, {"model_id": "lost"})
    page = opened(site, open_context(site))
    alert = page.locator("#status").get_by_role("alert")
    expect(alert).to_contain_text("Algo deu errado", timeout=PATIENCE_MS)
    expect(alert).not_to_contain_text("lost")
    site.database.update("pointers", {"_id": "MASTER"}, {"model_id": "model-2"})
    page.reload()
    expect(page.locator("h1")).to_have_text("Situação", timeout=PATIENCE_MS)


def test_session_that_ends_meanwhile_leads_to_the_login_page(
    site: Any, open_context: Any
) -> None:
    page = signed_in(site, watched := open_context(site))
    watched.clock.install()
    page.reload()
    expect(page.locator("#status h1")).to_be_visible(timeout=PATIENCE_MS)
    site.database.delete("sessions", {})
    watched.clock.run_for(31_000)
    page.wait_for_url("**/login/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", ["/", "/login/", "/first-admin/"])
def test_page_can_be_read(
    site: Any, open_context: Any, path: str, size: str, scheme: str
) -> None:
    width, height = SIZES[size]
    context = open_context(
        site, viewport={"width": width, "height": height}, color_scheme=scheme
    )
    page = signed_in(site, context)
    page.goto(site.url + path)
    expect(page.locator("h1")).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate(POOR_CONTRAST, LEAST_CONTRAST) == []
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
