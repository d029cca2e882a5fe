"""Alerts, taken by a real web server and a real mail server on this machine."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from tripadvance_core.domain.entities import (
    ColumnMapping,
    Experiment,
    RunStatus,
    TrainingRun,
    UploadStatus,
)
from tripadvance_core.services import alerts as alerts_module
from tripadvance_core.services import destinations
from tripadvance_core.services.alerts import CUT_OFF, PAUSES, Alert
from tripadvance_core.services.claims import PartitionRequest
from tripadvance_core.storage.repository import Repository

PASSWORD = "pass-of-the-hook"

# apprise imports it, where it is there, for encrypted e-mails.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")


class Hook:
    """A web server that keeps what is posted to it, and answers as it is told."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self.hold = threading.Event()
        self.hold.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.hold.wait(30)
                body = self.rfile.read(int(self.headers["content-length"]))
                if hook.status == 200:
                    hook.messages.append(json.loads(body))
                self.send_response(hook.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self.server.serve_forever, args=[0.05], daemon=True
        ).start()

    @property
    def url(self) -> str:
        return f"json://ana:{PASSWORD}@127.0.0.1:{self.server.server_port}/hook"

    @property
    def texts(self) -> list[str]:
        return [message["message"] for message in self.messages]


@pytest.fixture
def hook() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.hold.set()
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def alerted(open_house: Callable[..., Any], hook: Hook) -> Any:
    """Services that tell the hook, in English."""
    return open_house(
        alert_urls=hook.url, language="en", public_url="https://trip.test"
    )


def noted(house: Any) -> list[Alert]:
    outbox = Repository(house.services.database, "alerts", Alert)
    return outbox.select(order=[("noted_at", 1)])


def note(house: Any) -> None:
    """Note that some run has failed."""
    house.services.alerts.run_failed(
        TrainingRun(
            id="run",
            number=1,
            upload_ids=(),
            size_bytes=1,
            status=RunStatus.OPEN,
            token="x",
            started_at=house.clock.now,
        ),
        "RUN_BROKEN",
    )


def fail(house: Any, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(house.services.training, "train", lambda *_a, **_o: 1 / 0)
        for _ in range(times):
            with pytest.raises(ZeroDivisionError):
                house.run()


def tenfold(content: bytes) -> bytes:
    header, *lines = content.decode().splitlines()
    parts = (line.rpartition(",") for line in lines)
    dear = [f"{start},{float(price) * 10:.2f}" for start, _, price in parts]
    return "\n".join([header, *dear]).encode()


# What is told


def test_failed_night_is_told_with_its_number_code_and_attempts(
    alerted: Any, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerted.upload()
    fail(alerted, monkeypatch)
    alerted.services.alerts.deliver_due()
    (text,) = hook.texts
    assert text.startswith("Training 1 failed, start 1 of 3 (RUN_BROKEN).")
    assert text.endswith("https://trip.test/training?run=1")


def test_every_attempt_and_the_files_set_aside_are_told_once(
    alerted: Any, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerted.upload()
    fail(alerted, monkeypatch, times=3)
    alerted.run()
    assert [alert.code for alert in noted(alerted)] == [
        *["ALERT_RUN_FAILED"] * 3,
        "ALERT_RUN_SET_ASIDE",
    ]


def test_files_that_fail_once_more_after_they_were_handed_in_again_are_told_again(
    alerted: Any, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = alerted.upload()
    fail(alerted, monkeypatch, times=3)
    alerted.run()
    before = len(noted(alerted))
    alerted.clock.now = alerted.clock.now.replace(minute=30)
    content = alerted.services.objects.get(upload.raw.key)
    alerted.services.uploads.ingest(content, "a.csv", ColumnMapping(), owner="ana")
    fail(alerted, monkeypatch)
    assert len(noted(alerted)) == before + 1


def test_run_whose_process_was_killed_is_told_by_whoever_takes_it_over(
    alerted: Any,
) -> None:
    alerted.upload()
    claims = alerted.services.claims
    claims.claim("token of a process that died", PartitionRequest())
    claims.claim("token of the next", PartitionRequest())
    (alert,) = noted(alerted)
    assert CUT_OFF in alert.text


def test_experiment_that_fails_is_left_to_its_page(alerted: Any) -> None:
    alerted.upload()
    run = alerted.services.claims.claim("token", PartitionRequest())
    experiment = run.model_copy(update={"experiment": Experiment(by="ana")})
    alerted.services.alerts.run_failed(experiment, "RUN_BROKEN")
    assert noted(alerted) == []


def test_file_that_contradicts_the_history_is_told_once_with_its_link(
    alerted: Any, hook: Hook, make_fares: Callable[..., bytes]
) -> None:
    alerted.upload(rows=400)
    dear = tenfold(make_fares(300, seed=2))
    for name in ("dear.csv", "again.csv"):
        upload, _ = alerted.services.uploads.ingest(
            dear, name, ColumnMapping(), owner="ana"
        )
        assert upload.status is UploadStatus.HELD
    (alert,) = noted(alerted)
    assert "(CONTRADICTS_HISTORY)" in alert.text
    assert alert.text.endswith(f"https://trip.test/file?id={upload.id}")


def test_file_whose_rows_are_lost_is_told(alerted: Any) -> None:
    upload, _ = alerted.upload(rows=60), alerted.upload(rows=400)
    alerted.services.objects.delete(upload.cleaned.key)
    alerted.run()
    held = [alert for alert in noted(alerted) if alert.code == "ALERT_UPLOAD_HELD"]
    assert ["(OBJECT_NOT_FOUND)" in alert.text for alert in held] == [True]


def test_new_master_is_told_with_the_reason(alerted: Any, hook: Hook) -> None:
    alerted.upload(rows=600)
    result = alerted.run()
    alerted.services.alerts.deliver_due()
    assert hook.texts == [
        "Model v1 is the new MASTER. The first MASTER: it beats the median price of "
        "the route. https://trip.test/models?model=v1"
    ]
    assert result.model.MASTER


def test_challenger_that_is_held_is_told_as_a_decision_to_make(
    open_house: Callable[..., Any], hook: Hook
) -> None:
    house = open_house(alert_urls=hook.url, min_partition_bytes=1, min_gain=0.9)
    house.upload(rows=400)
    house.upload(rows=60)
    house.run_until_done()
    told = {alert.code: alert.text for alert in noted(house)}
    assert sorted(told) == ["ALERT_CHALLENGER_HELD", "ALERT_NEW_MASTER"]
    assert "um administrador pode promovê-lo" in told["ALERT_CHALLENGER_HELD"]


def test_reason_that_a_person_gave_stays_on_one_line(alerted: Any) -> None:
    alerted.upload(rows=400)
    alerted.run()
    switch = alerted.services.registry.history()[0].model_copy(update={"id": "2"})
    alerted.services.alerts.new_master(switch, 1, "line\r\nSubject: x " + "y" * 500)
    text = noted(alerted)[-1].text
    assert "line Subject: x" in text
    assert "y" * 201 not in text


def test_nothing_is_noted_where_nobody_is_to_be_told(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    fail(house, monkeypatch)
    house.services.alerts.deliver_due()
    assert noted(house) == []
    assert not house.services.alerts.is_set_up


# How it is told


def test_crash_between_the_switch_and_its_alert_loses_nothing(
    alerted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerted.upload(rows=600)

    def crashes(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(alerted.services.alerts, "new_master", crashes)
        with pytest.raises(KeyboardInterrupt):
            alerted.run()
    assert alerted.services.registry.master() is not None
    assert noted(alerted) == []
    alerted.services.registry.repair()  # as every start does
    assert [alert.code for alert in noted(alerted)] == ["ALERT_NEW_MASTER"]
    alerted.services.registry.repair()
    assert len(noted(alerted)) == 1


def test_message_that_is_not_taken_is_tried_again_later_and_given_up_in_the_end(
    alerted: Any, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    note(alerted)
    alerts = alerted.services.alerts
    hook.status = 500
    alerts.deliver_due()
    alerts.deliver_due()  # nothing is due yet
    assert [alert.tries for alert in noted(alerted)] == [1]
    for pause in PAUSES:
        alerted.clock.now += pause
        alerts.deliver_due()
    (alert,) = noted(alerted)
    assert (alert.tries, alert.status) == (7, "given_up")
    assert alerts.undelivered() == 1
    alerted.clock.now += 2 * PAUSES[-1]
    alerts.deliver_due()
    assert noted(alerted)[0].tries == 7
    logged = [record.getMessage() for record in caplog.records]
    assert f"alert {alert.id}, try 7: ALERT_NOT_TAKEN" in logged


def test_message_is_delivered_when_its_server_is_back(alerted: Any, hook: Hook) -> None:
    note(alerted)
    hook.status = 503
    alerted.services.alerts.deliver_due()
    hook.status = 200
    alerted.clock.now += PAUSES[0]
    alerted.services.alerts.deliver_due()
    assert len(hook.messages) == 1
    assert alerted.services.alerts.undelivered() == 0


def test_two_who_deliver_at_once_tell_once(
    alerted: Any, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(alerted)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: alerted.services.alerts.deliver_due(), range(4)))
    assert len(hook.messages) == 1


def test_message_whose_messenger_died_is_taken_over(
    alerted: Any, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(alerted)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(alerts_module, "deliver", dies)
        with pytest.raises(KeyboardInterrupt):
            alerted.services.alerts.deliver_due()
    alerted.services.alerts.deliver_due()
    assert hook.messages == []  # the messenger may be at it still
    alerted.clock.now += 2 * PAUSES[0]
    alerted.services.alerts.deliver_due()
    assert len(hook.messages) == 1


def test_address_that_fails_keeps_no_other_from_being_told(
    open_house: Callable[..., Any], hook: Hook
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"json://127.0.0.1:{closed.getsockname()[1]}"
        house = open_house(alert_urls=f"{dead}, {hook.url}")
        note(house)
        house.services.alerts.deliver_due()
    assert len(hook.messages) == 1
    assert house.services.alerts.undelivered() == 1


def test_server_that_does_not_answer_is_not_waited_for(
    alerted: Any, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destinations, "DELIVERY_SECONDS", 0.2)
    note(alerted)
    hook.hold.clear()
    alerted.services.alerts.deliver_due()
    assert [alert.tries for alert in noted(alerted)] == [1]
    hook.hold.set()


def test_address_stands_in_no_log_and_no_document(
    alerted: Any, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    note(alerted)
    hook.status = 500
    alerted.services.alerts.deliver_due()
    assert "ALERT_NOT_TAKEN" in caplog.text
    assert PASSWORD not in caplog.text
    assert PASSWORD not in str(alerted.services.database.find("alerts"))
    assert PASSWORD not in repr(alerted.services.settings)


def test_unknown_kind_of_address_is_a_message_that_is_not_taken(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(alert_urls="nonsense://x")
    (attempt,) = house.services.alerts.send_test()
    assert attempt.problem.code == "ALERT_NOT_TAKEN"


def test_email_arrives_as_plain_text(open_house: Callable[..., Any]) -> None:
    class Inbox:
        messages: list[Any] = []  # noqa: RUF012

        async def handle_DATA(self, _server: Any, _session: Any, mail: Any) -> str:
            self.messages.append(message_from_bytes(mail.content, policy=default))
            return "250 OK"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        house = open_house(
            alert_urls=f"mailto://127.0.0.1:{port}?from=trip@exemplo.com"
            "&to=ana@exemplo.com&mode=insecure"
        )
        (attempt,) = house.services.alerts.send_test()
    finally:
        controller.stop()
    assert attempt.problem is None
    (message,) = inbox.messages
    assert message["To"].endswith("ana@exemplo.com")
    assert (
        "os alertas do TripAdvance chegam aqui"
        in message.get_body(("plain",)).get_content()
    )


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("json://a", ["json://a"]),
        (
            "json://a, xml://b\n mailto://c?to=d,e",
            ["json://a", "xml://b", "mailto://c?to=d,e"],
        ),
        (" json://a,json://b, ", ["json://a", "json://b"]),
    ],
)
def test_addresses_are_told_apart(
    open_house: Callable[..., Any], text: str, addresses: list[str]
) -> None:
    house = open_house(alert_urls=text)
    found = house.services.settings.alert_addresses
    assert found == tuple(map(SecretStr, addresses))
