"""What a program may ask for with a token: what programs may call, and nothing else.

The gate is asked directly; what stands behind it tells which requests came through.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tripadvance_core.bootstrap import build_services
from tripadvance_core.domain.users import User
from tripadvance_core.services import passwords
from tripadvance_core.services.api_tokens import Scope
from tripadvance_core.settings import load_settings
from ui.files import Owners, gradio_folder, own_folder
from ui.security import Gate

CALL = "/gradio_api/call/predict_trip"
RUN = "/gradio_api/run/predict_trip"


@dataclass
class Door:
    """The gate, its services and a user."""

    gate: Gate
    services: Any
    user: User

    def token(self, scope: Scope = Scope.PREDICTIONS) -> str:
        own = self.services.own_account
        return str(own.make_token(self.user, "program", scope, 9, "test"))

    def ask(
        self, method: str, path: str, token: str, content: Any = None, **headers: str
    ) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.gate)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://test"
            ) as client:
                bearer = {"authorization": f"Bearer {token}"} | headers
                return await client.request(method, path, headers=bearer, json=content)

        return asyncio.run(send())


async def telling(scope: Any, receive: Any, send: Any) -> None:
    """Answer with whose request came through."""
    user = scope.get("state", {}).get("user")
    body = json.dumps({"for": user and user.email}).encode()
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def open_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Door]]:
    monkeypatch.setattr(passwords, "BCRYPT_ROUNDS", 4)
    doors: list[Door] = []

    def build(**settings: Any) -> Door:
        services = build_services(load_settings(tmp_path, **settings))
        token = services.accounts.first_admin_token() or ""
        user = services.accounts.create_first_admin(
            token, "ana@exemplo.com", "Ana", "uma frase bem longa"
        )
        owners = Owners(gradio_folder(services.settings))
        calls = frozenset({"predict_trip", "train"})
        gate = Gate(telling, services, owners, frozenset(), calls)
        doors.append(Door(gate, services, user))
        return doors[-1]

    yield build
    for door in doors:
        door.services.database.close()


@pytest.fixture
def door(open_door: Callable[..., Door]) -> Door:
    return open_door()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", CALL),
        ("POST", RUN),
        ("GET", f"{CALL}/abc123"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/openapi.json"),
    ],
)
def test_token_opens_the_calls_in_the_name_of_its_user(
    door: Door, method: str, path: str
) -> None:
    answer = door.ask(method, path, door.token(), {"data": []})
    assert answer.json() == {"for": "ana@exemplo.com"}


def test_token_of_prometheus_opens_the_figures_and_nothing_else(
    open_door: Callable[..., Door],
) -> None:
    secret = "a token of the scraper's own"
    door = open_door(metrics_token=secret)
    answer = door.ask("GET", "/prometheus", secret)
    assert (answer.status_code, answer.json()) == (200, {"for": None})
    for method, path in (("GET", "/"), ("POST", CALL), ("GET", "/prometheus/x")):
        assert door.ask(method, path, secret, {}).status_code == 401
    assert door.ask("GET", "/prometheus", f"{secret}!").status_code == 401
    everything = door.token(Scope.AS_USER)
    assert door.ask("GET", "/prometheus", everything).status_code == 404


def test_nobody_reads_the_figures_where_no_token_is_set(door: Door) -> None:
    for token in ("", "None", "x" * 20):
        assert door.ask("GET", "/prometheus", token).status_code == 401


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/account"),
        ("POST", "/account/password"),
        ("POST", "/users/invite"),
        ("POST", "/auth/login"),
        ("GET", "/login/"),
        ("GET", "/config"),
        ("POST", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/queue/data"),
        ("POST", "/gradio_api/call/private_handler"),
        ("POST", "/gradio_api/run/private_handler"),
        ("POST", "/gradio_api/mcp"),
        ("POST", "/gradio_api/mcp/"),
        ("GET", "/gradio_api/mcp/sse"),
    ],
)
def test_token_opens_nothing_else(
    door: Door, method: str, path: str, scope: Scope
) -> None:
    assert door.ask(method, path, door.token(scope), {"data": []}).status_code == 404


def test_token_for_predictions_does_nothing_else(door: Door) -> None:
    train = "/gradio_api/call/train"
    answer = door.ask("POST", train, door.token(), {"data": []})
    assert answer.status_code == 403
    as_user = door.token(Scope.AS_USER)
    assert door.ask("POST", train, as_user, {"data": []}).status_code == 200


def test_number_of_a_handler_does_not_win_over_the_name(door: Door) -> None:
    for path in (CALL, RUN):
        answer = door.ask("POST", path, door.token(), {"data": [], "fn_index": 3})
        assert answer.json()["code"] == "WEB_REQUEST_INVALID"


def test_file_of_another_is_no_input(door: Door) -> None:
    other = door.user.model_copy(update={"id": "other"})
    for user, status in ((door.user, 200), (other, 404)):
        file = own_folder(door.services.settings, user) / "a.csv"
        body = {"data": [{"path": str(file), "meta": {"_type": "gradio.FileData"}}]}
        answer = door.ask("POST", CALL, door.token(), body)
        assert answer.status_code == status


@pytest.mark.parametrize("token", ["", "x", "ta_" + "x" * 43])
def test_unknown_token_is_refused(door: Door, token: str) -> None:
    answer = door.ask("POST", CALL, token, {"data": []})
    assert (answer.status_code, answer.json()["code"]) == (401, "WEB_TOKEN_REFUSED")


def test_revoked_token_is_refused(door: Door) -> None:
    token = door.token()
    (kept,) = door.services.own_account.tokens(door.user)
    door.services.own_account.revoke_token(door.user, kept.id, "test")
    assert door.ask("POST", CALL, token, {"data": []}).status_code == 401


def test_cookie_opens_no_call(door: Door) -> None:
    session = door.services.accounts.open_session(door.user)
    cookie = {"cookie": f"tripadvance_session={session}", "origin": "http://test"}
    headers = {"authorization": "Basic x", **cookie}
    assert door.ask("POST", CALL, "", {"data": []}, **headers).status_code == 404
    assert door.ask("POST", CALL, "x", {"data": []}, **cookie).status_code == 401


def test_mcp_opens_where_the_setting_says_so_to_tokens_for_everything(
    open_door: Callable[..., Door],
) -> None:
    door = open_door(mcp=True)
    as_user = door.token(Scope.AS_USER)
    assert door.ask("POST", "/gradio_api/mcp/", as_user, {}).status_code == 200
    for_predictions = door.token()
    assert door.ask("POST", "/gradio_api/mcp/", for_predictions, {}).status_code == 403
    assert door.ask("POST", "/gradio_api/mcp/", "x", {}).status_code == 401
