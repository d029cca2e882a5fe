"""What answers without a session, from elsewhere, or in too large a size: nothing."""

import hashlib
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tripadvance_core.domain.times import to_text, utc_now
from tripadvance_core.domain.users import Role
from tripadvance_core.errors import Refused
from ui.places import ALL, place_over

pytestmark = pytest.mark.servers

COOKIE = "tripadvance_session"
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/login/"),
    ("GET", "/first-admin/"),
    ("GET", "/register/"),
    ("GET", "/forgot/"),
    ("GET", "/reset/"),
    ("POST", "/auth/login"),
    ("POST", "/auth/logout"),
    ("POST", "/auth/first-admin"),
    ("POST", "/auth/register"),
    ("POST", "/auth/forgot"),
    ("POST", "/auth/reset"),
}
NEEDED_BY_THE_PAGE = {
    ("GET", "/"),
    ("GET", "/theme.css"),
    ("GET", "/assets/x"),
    ("GET", "/static/x"),
    ("POST", "/gradio_api/queue/join"),
    ("GET", "/gradio_api/queue/data"),
    ("GET", "/gradio_api/heartbeat/x"),
    ("POST", "/gradio_api/cancel"),
    ("POST", "/gradio_api/reset"),
    ("POST", "/gradio_api/upload"),
    ("GET", "/gradio_api/upload_progress"),
}
# Run apart, for importing Gradio warns and the tests hold every warning an error.
LIST_ROUTES = """
import json, re
from flows.scheduler import PrefectScheduler
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.settings import load_settings
from ui.app import create_app

def routes(router, prefix=""):
    for route in router.routes:
        nested = getattr(route, "original_router", None) or getattr(route, "app", None)
        path = prefix + getattr(route, "path", "")
        if hasattr(nested, "routes"):
            yield from routes(nested, path)
        elif methods := getattr(route, "methods", None):
            yield from ((method, re.sub(r"{[^}]*}", "x", path)) for method in methods)

with opened_services(load_settings()) as services:
    print(json.dumps(sorted(routes(create_app(services, PrefectScheduler())))))
"""


@pytest.fixture(scope="module")
def routes() -> set[tuple[str, str]]:
    """Every method and path of the application's own route table."""
    listed = subprocess.run(
        [sys.executable, "-c", LIST_ROUTES], capture_output=True, text=True, check=True
    )
    found = {(method, path) for method, path in json.loads(listed.stdout)}
    assert len(found) > 60
    assert found >= OPEN
    return found


def status(client: httpx.Client, method: str, path: str, **options: Any) -> int:
    """Return the status alone, for the body of a stream never ends."""
    if method == "POST":
        options.setdefault("json", {})
    with client.stream(method, path, **options) as response:
        return response.status_code


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# Without a session


def test_every_route_off_the_open_list_is_refused(
    anonymous: httpx.Client, routes: set[tuple[str, str]]
) -> None:
    for method, path in routes - OPEN:
        is_page = method == "GET" and place_over(path) is not None
        to_login_page = 303
        expected = to_login_page if is_page else 401
        assert status(anonymous, method, path) == expected, (method, path)


@pytest.mark.parametrize(
    "path",
    [
        "//config",
        "/login/../config",
        "/login/%2e%2e/config",
        "/login//",
        "/login/config",
        "/public/../config",
        "/public/%2e%2e/app.py",
        "/public/..%2fsecurity.py",
        "/healthz/config",
        "/gradio_api//info",
        "/gradio_api/mcp/sse",
        "/gradio_api/file=/etc/passwd",
    ],
)
def test_tricks_with_paths_are_refused(site: Any, path: str) -> None:
    # Written by hand: httpx would tidy the path up.
    answer = raw_request(site, f"GET {path} HTTP/1.1\r\nHost: {netloc(site)}\r\n\r\n")
    assert answer.split()[1] in {b"401", b"404"}


@pytest.mark.parametrize("host", ["x/login/?", "x/login/#", "127.0.0.1/healthz?", ""])
def test_path_is_not_read_from_the_host_header(site: Any, host: str) -> None:
    answer = raw_request(site, f"GET /config HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert answer.split()[1] in {b"400", b"401"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(anonymous: httpx.Client, method: str) -> None:
    assert status(anonymous, method, "/auth/login") == 405


def test_browser_is_sent_to_the_login_page(anonymous: httpx.Client) -> None:
    answer = anonymous.get(
        "/?next=https://evil.example", headers={"accept": "text/html"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login/"


@pytest.mark.parametrize(
    ("path", "status_code"),
    [("/users", 403), ("/config", 404), ("/gradio_api/file=/etc/passwd", 404)],
)
def test_refusal_is_a_page_for_a_person_and_json_for_a_program(
    caio: httpx.Client, path: str, status_code: int
) -> None:
    page = caio.get(path, headers={"accept": "text/html"})
    assert page.status_code == caio.get(path).status_code == status_code
    assert caio.get(path).json()["message"] in page.text
    assert "<h1>Não deu certo</h1>" in page.text
    assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("token", ["x", "a" * 5000, "../..", "null", "%00", "e" * 64])
def test_forged_cookie_is_refused(anonymous: httpx.Client, token: str) -> None:
    cookie = {"cookie": f"{COOKIE}={token}"}
    assert status(anonymous, "GET", "/", headers=cookie) == 303
    assert status(anonymous, "GET", "/theme.css", headers=cookie) == 401


def test_websocket_is_refused(site: Any) -> None:
    answer = raw_request(
        site,
        f"GET /gradio_api/queue/data HTTP/1.1\r\nHost: {netloc(site)}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    assert answer.split()[1] == b"403"


# With a session


def test_only_what_the_page_needs_answers(
    ana: httpx.Client, routes: set[tuple[str, str]]
) -> None:
    heads = {("HEAD", path) for _, path in NEEDED_BY_THE_PAGE}
    answered = {
        (method, path): code
        for method, path in routes - OPEN - NEEDED_BY_THE_PAGE - heads
        if place_over(path) is None and (code := status(ana, method, path)) != 404
    }
    assert answered == {}


def test_page_is_served_to_its_user(ana: httpx.Client) -> None:
    page = ana.get("/", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert '<html\n\tlang="pt-BR"' in page.text
    assert page.text.index("/public/boot.js") < page.text.index("gradio_config")


def test_upload_is_taken_and_given_back_to_its_owner(ana: httpx.Client) -> None:
    answer = ana.post("/gradio_api/upload", files={"files": ("a.csv", b"a,b")})
    (path,) = answer.json()
    assert ana.get(f"/gradio_api/file={path}").content == b"a,b"


def test_sign_out_ends_the_session_on_the_server(ana: httpx.Client) -> None:
    token = ana.cookies[COOKIE]
    assert status(ana, "GET", "/") == 200
    answer = ana.post("/auth/logout", json={})
    assert answer.json() == {"location": "/login/"}
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert status(ana, "GET", "/", headers={"cookie": f"{COOKIE}={token}"}) == 303


def test_only_what_somebody_does_keeps_a_session_from_going_idle(
    site: Any, ana: httpx.Client
) -> None:
    session = {"_id": digest(ana.cookies[COOKIE])}
    quiet_since = to_text(utc_now() - timedelta(minutes=20))

    def is_active_after(method: str, path: str, **event: Any) -> bool:
        site.database.update("sessions", session, {"seen_at": quiet_since})
        status(ana, method, path, json=event)
        return bool(site.database.find("sessions", session)[0]["seen_at"] > quiet_since)

    join = "/gradio_api/queue/join"
    assert not is_active_after("GET", "/theme.css")
    assert not is_active_after("GET", "/gradio_api/heartbeat/tab-of-ana")
    assert not is_active_after("POST", join, data=[])
    timers = timers_of(ana)
    assert timers
    for timer in timers:
        assert not is_active_after("POST", join, data=[], trigger_id=timer)
    assert is_active_after("POST", join, data=[], trigger_id=max(timers) + 1)
    assert is_active_after("GET", "/")


def timers_of(client: httpx.Client) -> list[int]:
    page = client.get("/", headers={"accept": "text/html"}).text
    config = re.search(r"window.gradio_config = (\{.*?\});?</script>", page, re.DOTALL)
    assert config is not None
    components = json.loads(config[1])["components"]
    return [part["id"] for part in components if part["type"] == "timer"]


# Roles


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users"),
        ("GET", "/audit"),
        ("POST", "/users/invite"),
        ("POST", "/users/role"),
        ("POST", "/users/delete"),
        ("POST", "/users/anything"),
    ],
)
def test_users_are_managed_by_administrators_alone(
    ana: httpx.Client, bia: httpx.Client, caio: httpx.Client, method: str, path: str
) -> None:
    assert status(ana, method, path) != 403
    for client in (bia, caio):
        assert status(client, method, path) == 403


def test_page_asks_for_its_least_role(
    site: Any, bia: httpx.Client, caio: httpx.Client
) -> None:
    for place in ALL:
        for client, role in ((bia, Role.ANALYST), (caio, Role.VIEWER)):
            refused = status(client, "GET", place.path) == 403
            assert refused is not role.may(place.least), place.path


def test_failure_inside_is_told_without_its_details(
    site: Any, anonymous: httpx.Client
) -> None:
    token = site.new_session()
    site.database.insert("users", {"_id": "z", "secret_field": "secret value"})
    site.database.update("sessions", {"_id": digest(token)}, {"user_id": "z"})
    answer = anonymous.get("/", headers={"cookie": f"{COOKIE}={token}"})
    site.database.delete("users", {"_id": "z"})
    assert (answer.status_code, answer.json()["code"]) == (500, "WEB_BROKEN")
    assert "secret" not in answer.text


# Signing in


def test_login_sets_a_cookie_that_scripts_and_other_sites_cannot_use(
    site: Any, anonymous: httpx.Client
) -> None:
    answer = site.sign_in(anonymous)
    assert answer.json() == {"location": "/"}
    flags = {flag.strip().lower() for flag in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=lax", "path=/"} <= flags
    assert "secure" not in flags
    assert status(anonymous, "GET", "/") == 200


def test_cookie_is_secure_behind_https(site: Any) -> None:
    with site.client(**{"x-forwarded-proto": "https"}) as client:
        assert "; Secure" in site.sign_in(client).headers["set-cookie"]


def test_login_fixes_no_session_and_ends_the_former(
    site: Any, anonymous: httpx.Client
) -> None:
    former = site.new_session()
    anonymous.cookies.set(COOKIE, former)
    token = site.sign_in(anonymous).cookies[COOKIE]
    assert token != former
    assert site.accounts.user_of(former) is None
    with site.client() as fixed:
        fixed.cookies.set(COOKIE, "chosen-by-somebody-else")
        site.sign_in(fixed)
    assert site.accounts.user_of("chosen-by-somebody-else") is None


def test_wrong_password_is_told_in_the_language_of_the_reader(
    anonymous: httpx.Client,
) -> None:
    wrong = {"email": "ana@exemplo.com", "password": "not the password"}
    portuguese = anonymous.post("/auth/login", json=wrong)
    english = anonymous.post("/auth/login", json=wrong, headers={"cookie": "lang=en"})
    assert portuguese.status_code == english.status_code == 401
    assert portuguese.json()["message"].startswith("E-mail ou senha incorretos.")
    assert english.json()["message"].startswith("Wrong e-mail or password.")


def test_sixth_attempt_finds_the_account_locked(
    site: Any, anonymous: httpx.Client
) -> None:
    wrong = {"email": "bia@exemplo.com", "password": "not the password"}
    codes = [anonymous.post("/auth/login", json=wrong).status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]
    assert site.sign_in(anonymous).status_code == 200


@pytest.mark.parametrize(
    "value", [{"$ne": None}, {"$gt": ""}, ["x"], 1, None, "x" * 999]
)
@pytest.mark.parametrize("field", ["email", "password"])
def test_fields_are_text_of_fitting_length(
    anonymous: httpx.Client, field: str, value: Any
) -> None:
    form = {"email": "ana@exemplo.com", "password": "not the password", field: value}
    answer = anonymous.post("/auth/login", json=form)
    assert answer.status_code == 422
    assert answer.json()["code"] == "WEB_REQUEST_INVALID"
    assert "not the password" not in answer.text


def test_there_is_no_second_first_administrator(anonymous: httpx.Client) -> None:
    form = {
        "token": "x",
        "name": "Bia",
        "email": "bia@exemplo.com",
        "password": "outra frase longa",
        "password_again": "outra frase longa",
    }
    answer = anonymous.post("/auth/first-admin", json=form)
    assert (answer.status_code, answer.json()["code"]) == (
        422,
        "FIRST_ADMIN_LINK_ENDED",
    )
    differing = anonymous.post("/auth/first-admin", json=form | {"password_again": ""})
    assert differing.json()["code"] == "PASSWORDS_DIFFER"


def test_account_is_locked_in_every_process(site: Any, anonymous: httpx.Client) -> None:
    wrong = {"email": "ana@exemplo.com", "password": "not the password"}
    for _ in range(3):
        assert anonymous.post("/auth/login", json=wrong).status_code == 401
    for code in ["LOGIN_REFUSED"] * 2 + ["LOGIN_LOCKED"]:  # in this process
        with pytest.raises(Refused, match=code):
            site.accounts.sign_in(*wrong.values(), "203.0.113.7")
    assert anonymous.post("/auth/login", json=wrong).status_code == 429


# From elsewhere


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_post_from_another_origin_is_refused(
    ana: httpx.Client, routes: set[tuple[str, str]], headers: dict[str, str]
) -> None:
    posts = sorted(path for method, path in routes if method == "POST")
    assert len(posts) > 25
    answered = {path: status(ana, "POST", path, headers=headers) for path in posts}
    assert set(answered.values()) == {403}, answered
    assert status(ana, "GET", "/") == 200


def test_post_without_origin_is_refused(site: Any) -> None:
    with httpx.Client(base_url=site.url) as client:
        assert status(client, "POST", "/auth/login") == 403


@pytest.mark.parametrize("path", ["/", "/login/", "/healthz"])
def test_no_origin_is_given_leave_to_read(ana: httpx.Client, path: str) -> None:
    foreign = {"origin": "https://evil.example", "host": "trip.example.com"}
    with ana.stream("GET", path, headers=foreign) as answer:
        granted = [k for k in answer.headers if k.startswith("access-control")]
    assert granted == []


@pytest.mark.parametrize(
    "path", ["/", "/login/", "/first-admin/", "/healthz", "/config", "/public/app.css"]
)
def test_every_answer_has_the_security_headers(ana: httpx.Client, path: str) -> None:
    headers = ana.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert ("no-store" in headers.get("cache-control", "")) is ("app.css" not in path)
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/login/", "/first-admin/"])
def test_own_pages_allow_no_inline_script(anonymous: httpx.Client, path: str) -> None:
    assert "unsafe" not in anonymous.get(path).headers["content-security-policy"]


# Too large


def netloc(site: Any) -> str:
    return urlsplit(site.url).netloc


def raw_request(site: Any, text: str) -> bytes:
    address = urlsplit(site.url)
    with socket.create_connection((address.hostname, address.port), 20) as connection:
        connection.sendall(text.encode())
        return connection.recv(4096)


def test_body_that_says_it_is_too_large_is_not_waited_for(site: Any) -> None:
    answer = raw_request(
        site,
        f"POST /auth/login HTTP/1.1\r\nHost: {netloc(site)}\r\nOrigin: {site.url}\r\n"
        "Content-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n",
    )
    assert answer.split()[1] == b"413"


def test_body_that_does_not_say_its_size_is_cut_off(anonymous: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(80):
            yield b" " * 1024

    answer = anonymous.post("/auth/login", content=endless())
    assert answer.status_code == 413


# Stopping


def test_stop_does_not_wait_for_unfinished_requests(serve: Callable[[], Any]) -> None:
    with serve() as site:
        address = urlsplit(site.url)
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(
                f"POST /auth/login HTTP/1.1\r\nHost: {netloc(site)}\r\n"
                f"Origin: {site.url}\r\nContent-Length: 100\r\n\r\n{{".encode()
            )
            httpx.get(f"{site.url}/healthz")  # by now the former has been read
            site.process.send_signal(signal.SIGTERM)
            site.process.wait(30)
