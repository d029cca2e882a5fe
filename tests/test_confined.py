"""Whatever work on a file does, its caller lives and hears one clear sentence."""

import ctypes
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest

from tripadvance_core.confined import (
    Caps,
    ConfinedWorkFailed,
    Outcome,
    run_confined,
)
from tripadvance_core.errors import FileRefused, NotFound

MEGABYTE = 1024 * 1024
CAPS = Caps(memory_bytes=200 * MEGABYTE, seconds=5)


def echo(content: bytes, number: int) -> Outcome:
    return Outcome({"number": number}, {"content": content})


def refuse(code: str) -> Outcome:
    raise FileRefused(code, columns="price")


def miss() -> Outcome:
    raise NotFound("NOT_FOUND", kind="x", id="y")


def divide_by_zero() -> Outcome:
    return Outcome({"quotient": 1 / 0})


def abort() -> Outcome:
    os.abort()


def touch_address_zero() -> Outcome:
    return Outcome({"text": str(ctypes.string_at(0))})


def hoard() -> Outcome:
    hoarded = [bytearray(10 * MEGABYTE) for _ in range(100)]
    return Outcome({"hoarded": len(hoarded)})


def sleep(seconds: float) -> Outcome:
    time.sleep(seconds)
    return Outcome({})


def spin() -> Outcome:
    while True:
        pass


def fill_the_disk(path: str) -> Outcome:
    with open(path, "wb") as file:  # noqa: PTH123 - as any library would
        for _ in range(100):
            file.write(bytes(10 * MEGABYTE))
    return Outcome({})


def test_outcome_comes_back_with_its_cost() -> None:
    outcome = run_confined(echo, b"\x00rows" * 1000, 7, caps=CAPS)
    assert outcome.document == {"number": 7}
    assert outcome.blobs == {"content": b"\x00rows" * 1000}
    assert outcome.cpu_seconds > 0


def test_refusal_comes_back_as_it_was_raised() -> None:
    with pytest.raises(FileRefused, match="MISSING_COLUMN") as caught:
        run_confined(refuse, "MISSING_COLUMN", caps=CAPS)
    assert caught.value.details == {"columns": "price"}
    with pytest.raises(NotFound):
        run_confined(miss, caps=CAPS)


def test_fault_is_logged_with_the_childs_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(ConfinedWorkFailed):
        run_confined(divide_by_zero, caps=CAPS)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("work", [abort, touch_address_zero])
def test_aborted_child_is_one_clear_refusal(work: object) -> None:
    with pytest.raises(FileRefused, match="FILE_STOPS_READER"):
        run_confined(work, caps=CAPS)  # type: ignore[arg-type]


@pytest.mark.parametrize("work", [hoard, spin, partial(sleep, 60)])
def test_work_beyond_its_caps_is_stopped(work: object) -> None:
    with pytest.raises(FileRefused, match="FILE_TOO_COSTLY"):
        run_confined(work, caps=Caps(200 * MEGABYTE, 1))  # type: ignore[arg-type]


def test_child_cannot_fill_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "filled"
    with pytest.raises(ConfinedWorkFailed):
        run_confined(fill_the_disk, str(file), caps=CAPS)
    assert file.stat().st_size <= CAPS.memory_bytes


def test_many_threads_get_each_their_own_outcome() -> None:
    with ThreadPoolExecutor(20) as pool:
        found = pool.map(lambda n: run_confined(echo, b"", n, caps=CAPS), range(20))
        assert [outcome.document["number"] for outcome in found] == list(range(20))


def test_no_child_is_left_behind() -> None:
    with pytest.raises(FileRefused):
        run_confined(sleep, 60, caps=Caps(200 * MEGABYTE, 0.3))
    run_confined(echo, b"", 1, caps=CAPS)
    (server,) = [
        process
        for process in psutil.Process().children()
        if "forkserver" in " ".join(process.cmdline())
    ]
    assert server.children() == []


PROGRAM = """
from pathlib import Path
with Path({mark!r}).open("a") as runs:
    runs.write("run;")

if __name__ == "__main__":
    from tripadvance_core.confined import Caps, run_confined
    from tripadvance_core.domain.entities import ColumnMapping
    from tripadvance_core.tabular.jobs import clean_fares
    header = b"date,start_city,end_city,airline,duration,price\\n"
    fare = b"25/03/2025,Salvador,Recife,Gol,80,82.68\\n"
    run_confined(
        clean_fares, header + fare, "a.csv", ColumnMapping(), "USD",
        caps=Caps(300_000_000, 30),
    )
"""


def test_child_leaves_the_main_module_of_the_program_alone(tmp_path: Path) -> None:
    mark, program = tmp_path / "mark", tmp_path / "program.py"
    program.write_text(PROGRAM.format(mark=str(mark)))
    subprocess.run([sys.executable, str(program)], check=True)
    assert mark.read_text() == "run;"
