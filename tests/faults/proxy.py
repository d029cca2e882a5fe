"""A server on the way to another, which strikes one exchange when it is told to."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from threading import Event, Thread

_MOST_BYTES = 1 << 16


class Fate(StrEnum):
    """What becomes of the reply to a request that went through."""

    STALLED = "stalled"
    CUT = "cut in the middle"
    LOST = "lost"


class Proxy:
    """Passes connections on to a server.

    Of the requests that come after ``strike`` the first that holds some bytes meets
    its fate; so do no others, unless ``strike`` is told to go on.
    """

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._closed = False
        self._fate: Fate | bytes | None = None
        self._marker = b""
        self._again = False
        self.struck = Event()
        self._sockets: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    def strike(self, fate: Fate | bytes, marker: bytes, *, again: bool = False) -> None:
        """Let a request with these bytes meet a fate; bytes are an answer instead."""
        self.struck.clear()
        self._fate, self._marker, self._again = fate, marker, again

    def close(self) -> None:
        self._closed = True
        for each in (self._listening, *self._sockets):
            _close(each)

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._to)
            except OSError:
                continue
            self._sockets += [client, server]
            connection = _Connection(client, server)
            Thread(target=self._ask, args=(connection,), daemon=True).start()
            Thread(target=connection.answer, daemon=True).start()

    def _ask(self, connection: "_Connection") -> None:
        for request in _received(connection.client):
            fate = self._fate_of(request)
            if isinstance(fate, bytes):
                with suppress(OSError):
                    connection.client.sendall(fate)
                break
            connection.fate = connection.fate or fate
            with suppress(OSError):
                connection.server.sendall(request)
        connection.close()

    def _fate_of(self, request: bytes) -> Fate | bytes | None:
        if self._fate is None or self._marker not in request:
            return None
        fate = self._fate
        if not self._again:
            self._fate = None
        self.struck.set()
        return fate


class _Connection:
    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.fate: Fate | None = None

    def answer(self) -> None:
        for reply in _received(self.server):
            fate = self.fate  # once: the next request may come while this is sent
            if fate is Fate.STALLED:
                continue
            if fate is Fate.LOST:
                break
            with suppress(OSError):
                self.client.sendall(reply[: len(reply) // 2] if fate else reply)
            if fate is Fate.CUT:
                break
        self.close()

    def close(self) -> None:
        _close(self.client)
        _close(self.server)


@contextmanager
def proxy_to(address: str) -> Iterator[Proxy]:
    """Stand before a server, named as ``host:port``."""
    host, _, port = address.partition(":")
    proxy = Proxy(host, int(port))
    try:
        yield proxy
    finally:
        proxy.close()


def _received(from_: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):
        while received := from_.recv(_MOST_BYTES):
            yield received


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
