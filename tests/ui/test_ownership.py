"""What belongs to one user is not there for another: files, open pages, streams."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
import pytest

from tripadvance_core.domain.users import Role
from tripadvance_core.settings import load_settings
from ui.files import gradio_folder, own_folder
from ui.streams import CHECK_SECONDS

pytestmark = pytest.mark.servers

PATIENCE_SECONDS = 30
JOIN = "/gradio_api/queue/join"
MEGABYTE = 2**20


def upload(client: httpx.Client, content: bytes = b"a,b", name: str = "a.csv") -> str:
    answer = client.post("/gradio_api/upload", files={"files": (name, content)})
    assert answer.status_code == 200, answer.text
    (path,) = answer.json()
    return str(path)


def raw_status(site: Any, client: httpx.Client, target: str, method: str) -> int:
    """Ask for an address as it is written: httpx would tidy it up."""
    address = urlsplit(site.url)
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    with socket.create_connection((address.hostname, address.port), 20) as connection:
        connection.sendall(
            f"{method} {target} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Cookie: {cookies}\r\n\r\n".encode()
        )
        return int(connection.recv(4096).split()[1])


def event(path: str | None = None, tab: str | None = None, **more: Any) -> Any:
    """Return an event of a page, by default of one that was just opened."""
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    data = [] if path is None else [file]
    return {"data": data, "fn_index": 0, "session_hash": tab or uuid4().hex, **more}


# Documents


def test_kept_document_names_the_one_who_asks_for_it(
    ana: httpx.Client, bia: httpx.Client
) -> None:
    first = name_in_document(ana)
    assert name_in_document(bia) != first
    assert name_in_document(ana) == first


def name_in_document(person: httpx.Client) -> str:
    document = person.get("/data?page=2").text
    (name,) = re.findall(r'"username":\s*"([^"]+)"', document)
    return str(name)


# Files


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "form",
    [
        "/gradio_api/file={path}",
        "/gradio_api/file=/{path}",
        "/gradio_api/file={folder}/x/../{name}",
        "/gradio_api/file={folder}//{name}",
        "/gradio_api/file={encoded}",
        "/gradio_api/file%3D{path}",
        "/gradio_api/file/{path}",
        "//gradio_api/file={path}",
        "/gradio_api//file={path}",
        "/data/../gradio_api/file={path}",
    ],
)
def test_upload_of_another_is_not_there(
    site: Any, ana: httpx.Client, bia: httpx.Client, form: str, method: str
) -> None:
    path = upload(ana)
    target = form.format(
        path=path,
        folder=Path(path).parent,
        name=Path(path).name,
        encoded=quote(path, safe=""),
    )
    assert raw_status(site, bia, target, method) == 404
    assert ana.get(f"/gradio_api/file={path}").content == b"a,b"


def test_same_content_belongs_to_all_who_sent_it(
    ana: httpx.Client, bia: httpx.Client, caio: httpx.Client
) -> None:
    path = upload(ana, b"the same")
    assert upload(bia, b"the same") == path
    for owner in (ana, bia):
        assert owner.get(f"/gradio_api/file={path}").content == b"the same"
    assert caio.get(f"/gradio_api/file={path}").status_code == 404


def test_output_is_there_for_its_user_alone(
    site: Any, ana: httpx.Client, bia: httpx.Client
) -> None:
    settings = load_settings(site.data_dir)
    folder = own_folder(settings, site.user("ana@exemplo.com", Role.VIEWER))
    (folder / "prices.csv").write_bytes(b"a,b")
    path = f"/gradio_api/file={folder}/prices.csv"
    assert ana.get(path).content == b"a,b"
    assert bia.get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/proc/self/environ",
        "http://127.0.0.1:1/x",
        "file:///etc/passwd",
        "\0",
        "",
        "{data}/tripadvance.db",
        "{data}/gradio",
        "{data}/gradio/own",
        "ui/security.py",
    ],
)
def test_nothing_else_is_there_for_anybody(
    site: Any, ana: httpx.Client, path: str
) -> None:
    path = path.format(data=site.data_dir)
    if path and "\0" not in path:
        assert ana.get(f"/gradio_api/file={path}").status_code == 404
    assert ana.post(JOIN, json=event(path)).status_code == 404


def test_file_of_another_is_no_input(ana: httpx.Client, bia: httpx.Client) -> None:
    path = upload(ana, b"of Ana")
    assert bia.post(JOIN, json=event(path)).status_code == 404
    nested = event() | {"event_data": {"deep": [[{"x": {"path": path}}]]}}
    assert bia.post(JOIN, json=nested).status_code == 404
    assert ana.post(JOIN, json=event(path, "tab-of-ana-1")).status_code != 404


def test_address_in_the_web_is_no_input(ana: httpx.Client) -> None:
    for file in (
        {"path": "https://evil.example/x"},
        {"path": None, "url": "https://evil.example/x"},
        {"url": "https://evil.example/x", "meta": {"_type": "gradio.FileData"}},
        {"path": 7},
    ):
        answer = ana.post(JOIN, json=event() | {"data": [file]})
        assert answer.status_code == 404, file


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"data": [{"path": "x", "path": null}]}',
        b"[" * 100_000,
        b"\xff",
        b'{"session_hash": 7}',
    ],
)
def test_event_that_two_readers_might_read_differently_is_refused(
    ana: httpx.Client, body: bytes
) -> None:
    headers = {"content-type": "application/json"}
    answer = ana.post(JOIN, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "WEB_REQUEST_INVALID")


# Open pages


def test_open_page_belongs_to_its_first_user(
    ana: httpx.Client, bia: httpx.Client
) -> None:
    tab = "tab-of-ana-2"
    ana.post(JOIN, json=event(tab=tab))
    assert bia.post(JOIN, json=event(tab=tab)).status_code == 404
    cancel = {"session_hash": tab, "fn_index": 0, "event_id": "x"}
    assert bia.post("/gradio_api/cancel", json=cancel).status_code == 404
    data = f"/gradio_api/queue/data?session_hash={tab}"
    for path in (data, f"/gradio_api/heartbeat/{tab}"):
        assert bia.get(path).status_code == 404


def test_stream_ends_with_the_session(site: Any, bia: httpx.Client) -> None:
    with bia.stream("GET", "/gradio_api/heartbeat/tab-of-bia") as stream:
        parts = stream.iter_raw()
        assert b"ALIVE" in next(parts)
        site.accounts.sign_out(bia.cookies["tripadvance_session"])
        began = time.monotonic()
        assert list(parts) == []  # and so it ended
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_stream_goes_on_while_the_session_does(bia: httpx.Client) -> None:
    path = "/gradio_api/heartbeat/tab-of-bia-2"
    with bia.stream("GET", path, timeout=1.5 * CHECK_SECONDS) as stream:
        parts = stream.iter_raw()
        assert b"ALIVE" in next(parts)
        with pytest.raises(httpx.ReadTimeout):
            next(parts)


def test_progress_of_an_upload_is_told_to_its_user_alone(
    ana: httpx.Client, bia: httpx.Client
) -> None:
    files = {"files": ("a.csv", b"a")}
    ana.post("/gradio_api/upload?upload_id=of-ana", files=files)
    progress = "/gradio_api/upload_progress?upload_id=of-ana"
    answer = bia.get(progress)
    assert (answer.status_code, answer.json()["code"]) == (404, "WEB_NOT_FOUND")
    again = bia.post("/gradio_api/upload?upload_id=of-ana", files=files)
    assert again.status_code == 404


# Sizes


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Hold that nothing more lies in a folder in the end."""
    before = sorted(folder.rglob("*"))
    yield
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while sorted(folder.rglob("*")) != before and time.monotonic() < give_up_at:
        time.sleep(0.1)
    assert sorted(folder.rglob("*")) == before


def form_of(files: int, megabytes: int) -> Iterator[bytes]:
    """Write a form with files of zeros, a megabyte at a time."""
    for number in range(files):
        yield (
            f'--cut\r\nContent-Disposition: form-data; name="files"; '
            f'filename="{number}.csv"\r\n\r\n'
        ).encode()
        for _ in range(megabytes):
            yield bytes(MEGABYTE)
        yield b"\r\n"
    yield b"--cut--\r\n"


FORM = {"content-type": "multipart/form-data; boundary=cut"}


def test_four_files_of_80_mb_in_one_request_are_refused(
    site: Any, ana: httpx.Client
) -> None:
    with unchanged(gradio_folder(load_settings(site.data_dir))):
        answer = ana.post(
            "/gradio_api/upload", content=form_of(4, 80), headers=FORM
        )  # chunked, so that it does not say its size
    assert answer.status_code == 413
    assert (
        answer.text
        == "O pedido é grande demais e não foi lido. Envie menos de uma vez."
    )


def test_upload_that_says_it_is_too_large_is_not_waited_for(
    site: Any, ana: httpx.Client
) -> None:
    address = urlsplit(site.url)
    with socket.create_connection((address.hostname, address.port), 20) as connection:
        connection.sendall(
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Origin: {site.url}\r\nContent-Type: {FORM['content-type']}\r\n"
            f"Cookie: tripadvance_session={ana.cookies['tripadvance_session']}\r\n"
            f"Content-Length: {4 * 80 * MEGABYTE}\r\n\r\n".encode()
        )
        assert connection.recv(4096).split()[1] == b"413"


def test_one_file_of_200_mb_is_taken(site: Any, ana: httpx.Client) -> None:
    answer = ana.post("/gradio_api/upload", content=form_of(1, 200), headers=FORM)
    (path,) = answer.json()
    assert Path(path).stat().st_size == 200 * MEGABYTE
    Path(path).unlink()


@contextmanager
def begun_upload(site: Any, client: httpx.Client) -> Iterator[socket.socket]:
    address = urlsplit(site.url)
    with socket.create_connection((address.hostname, address.port), 20) as connection:
        connection.sendall(
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Origin: {site.url}\r\nContent-Type: {FORM['content-type']}\r\n"
            f"Cookie: tripadvance_session={client.cookies['tripadvance_session']}\r\n"
            "Content-Length: 1000000\r\n\r\n".encode()
            + next(form_of(1, 1))
            + b"some of it"
        )
        yield connection


def wait_for_unfinished(folder: Path, number: int) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while len(list(folder.glob("tmp*"))) != number:
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def test_upload_that_was_cut_off_leaves_nothing(site: Any, ana: httpx.Client) -> None:
    folder = gradio_folder(load_settings(site.data_dir))
    with unchanged(folder), begun_upload(site, ana):
        wait_for_unfinished(folder, 1)


def test_third_upload_at_once_is_refused_to_that_user_alone(
    site: Any, ana: httpx.Client, bia: httpx.Client
) -> None:
    folder = gradio_folder(load_settings(site.data_dir))
    files = {"files": ("a.csv", b"a")}
    with begun_upload(site, ana), begun_upload(site, ana):
        wait_for_unfinished(folder, 2)
        answer = ana.post("/gradio_api/upload", files=files)
        assert answer.status_code == 429
        upload(bia)
    wait_for_unfinished(folder, 0)
    upload(ana)


def test_event_of_more_than_8_mb_is_refused(ana: httpx.Client) -> None:
    assert ana.post(JOIN, json=event(pad="x" * 9 * MEGABYTE)).status_code == 413


@pytest.mark.parametrize(
    "name", ["../../x.csv", "..\\x.csv", "x" * 300 + ".csv", "a\r\nb.csv", "=cmd|.csv"]
)
def test_file_name_leads_nowhere_else(site: Any, ana: httpx.Client, name: str) -> None:
    answer = ana.post("/gradio_api/upload", files={"files": (name, b"a")})
    if answer.status_code == 200:
        (path,) = answer.json()
        folder = gradio_folder(load_settings(site.data_dir)).resolve()
        assert Path(path).resolve().parent.parent == folder
