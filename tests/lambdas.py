"""AWS Lambda's Invoke API over HTTP, for functions of this process."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

MINUTES = 60_000


@dataclass(frozen=True)
class FakeContext:
    """What Lambda tells a function of its call."""

    milliseconds_left: int = 15 * MINUTES

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds_left


@dataclass
class Lambdas:
    """The functions that can be called, and who called what so far."""

    functions: dict[str, Callable[[Any, Any], Any]] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def names_called(self) -> list[str]:
        return [name for name, _ in self.calls]

    def answer(self, name: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and body, as Lambda's Python runtime gives them."""
        if name not in self.functions:
            missing = {"x-amzn-ErrorType": "ResourceNotFoundException"}
            return 404, missing, {"Message": f"Function not found: {name}"}
        event = json.loads(body)
        self.calls.append((name, event))
        try:
            return 200, {}, self.functions[name](event, FakeContext())
        except Exception as error:  # noqa: BLE001 - as Lambda does
            told = {"errorMessage": str(error), "errorType": type(error).__name__}
            return 200, {"X-Amz-Function-Error": "Unhandled"}, told


@contextmanager
def serving(lambdas: Lambdas) -> Iterator[str]:
    """Answer calls; give the address."""

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = self.path.split("/")[3]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, answer = lambdas.answer(name, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            for header, value in {
                **headers,
                "Content-Length": str(len(content)),
            }.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def lambdas(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lambdas]:
    """Functions that AWS clients of this process find."""
    served = Lambdas()
    with serving(served) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield served
