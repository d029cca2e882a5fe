"""compose.yaml as far as no engine is needed: whole, closed, and without a secret."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.settings import Settings as PrefectSettings

from flows.names import TAG
from tripadvance_core.settings import Settings

DEPLOYMENTS = Path(__file__).parents[2] / "deployments"
TEXT = (DEPLOYMENTS / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (DEPLOYMENTS / "compose.env.example").read_text(encoding="utf-8")
PLACE = re.compile(r"(?<!\$)\$\{(\w+)(:-[^}]*|:\?[^}]*)?\}")
SECRET = re.compile("PASSWORD|SECRET|AUTH")


def test_every_variable_is_explained_and_no_other() -> None:
    used = {name for name, _ in PLACE.findall(TEXT)}
    explained = set(re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE))
    assert used == explained


def test_variable_is_required_or_has_a_default() -> None:
    told = {name for name, rest in PLACE.findall(TEXT) if rest}
    assert told == {name for name, _ in PLACE.findall(TEXT)}


def test_example_holds_no_secret() -> None:
    values = dict(re.findall(r"^(\w+)=(.*)", EXAMPLE, re.MULTILINE))
    assert {v for name, v in values.items() if SECRET.search(name)} == {""}


def test_no_secret_is_written_down_and_none_has_a_default() -> None:
    for name, service in SERVICES.items():
        for variable, value in service["environment"].items():
            if SECRET.search(variable) and "KEY_ID" not in variable:
                assert PLACE.search(str(value)), (name, variable)
    assert [
        n for n, rest in PLACE.findall(TEXT) if SECRET.search(n) and ":-" in rest
    ] == []


def test_images_are_ours_or_of_one_version() -> None:
    for name, service in SERVICES.items():
        if "build" in service:
            assert service["build"]["context"] == ".."
            assert service["build"]["target"] in {"app", "server"}
        else:
            assert re.search(r":\S*\d+\.\d+|:RELEASE\.\d{4}-", service["image"]), name


def test_only_web_app_and_prefects_ui_are_published_and_that_on_loopback() -> None:
    published = {n: s["ports"] for n, s in SERVICES.items() if "ports" in s}
    assert published == {
        "prefect-server": ["127.0.0.1:4200:4200"],
        "web": ["${TRIPADVANCE_PUBLISH:-127.0.0.1:7860}:7860"],
    }
    assert not [n for n, s in SERVICES.items() if "network_mode" in s]


def test_stores_have_no_way_out() -> None:
    assert COMPOSE["networks"]["stores"]["internal"]
    for name in ("mongodb", "objects", "postgres", "redis"):
        assert SERVICES[name]["networks"] == ["stores"]


def test_whoever_is_waited_for_tells_when_it_is_ready() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            waited = SERVICES[other]
            if how["condition"] == "service_healthy":
                from_image = "build" in waited and "healthcheck" not in waited
                assert from_image or waited["healthcheck"]["test"], (name, other)
            else:
                assert how["condition"] == "service_completed_successfully"
                assert waited["restart"] == "on-failure"


def test_what_must_not_be_lost_lies_in_a_volume() -> None:
    mounted = {
        entry.partition(":")[0]
        for service in SERVICES.values()
        for entry in service.get("volumes", [])
    }
    assert mounted == {*COMPOSE["volumes"]}


def test_our_containers_may_do_nothing_beyond_their_work() -> None:
    ours = [service for service in SERVICES.values() if "build" in service]
    assert len(ours) == 6
    for service in ours:
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_settings_are_known() -> None:
    told = {v for s in SERVICES.values() for v in s["environment"]}
    ours = {v.removeprefix("TRIPADVANCE_").lower() for v in told if "TRIPADV" in v}
    assert ours
    assert ours <= {*Settings.model_fields}
    prefects = {v for v in told if v.startswith("PREFECT_") and "REDIS" not in v}
    known = _names(PrefectSettings)
    assert len(prefects) > 10
    assert prefects - known == set()


def _names(model: Any, path: str = "PREFECT") -> set[str]:
    """Return the variables of a model of Prefect's settings, however deep."""
    found = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        here = f"{path}_{name.upper()}"
        if hasattr(inner, "model_fields"):
            found |= _names(inner, here)
        else:
            choices = getattr(field.validation_alias, "choices", [])
            found |= {here, *(c.upper() for c in choices if isinstance(c, str))}
    return found


def test_worker_and_deploy_speak_of_one_pool() -> None:
    command = SERVICES["worker"]["command"]
    assert command[command.index("--pool") + 1] == TAG
    assert SERVICES["deploy"]["command"] == ["tripadvance", "deploy"]


@pytest.mark.parametrize("name", ["prefect-server", "prefect-services"])
def test_processes_of_prefects_server_share_what_they_know(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert "@postgres:" in environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    for variable in (
        "PREFECT_MESSAGING_BROKER",
        "PREFECT_MESSAGING_CACHE",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
    ):
        assert environment[variable].startswith("prefect_redis.")
