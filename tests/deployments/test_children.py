"""Children are started, restarted with growing pauses, and stopped in order."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments.children import LONGEST_PAUSE_SECONDS, Child, Supervisor
from deployments.console import Console
from tripadvance_core.settings import load_settings

SLEEPS = "import time; time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + (
    "print('deaf', flush=True); " + SLEEPS
)


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    one = Supervisor(Console(load_settings(language="en")))
    yield one
    one.stop_all()


def child(folder: Path, code: str, name: str = "Child") -> Child:
    return Child(
        name=name,
        command=[sys.executable, "-c", code],
        environment={},
        log=folder / f"{name}.log",
        ready=lambda: True,
    )


def wait_for_log(one: Child, text: str) -> None:
    give_up_at = time.monotonic() + 20
    while text not in one.log.read_text():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def test_pauses_grow_up_to_a_minute(tmp_path: Path) -> None:
    one = child(tmp_path, SLEEPS)
    one.started_at = time.monotonic()
    pauses = [one.pause_after_failure() for _ in range(8)]
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]


def test_child_that_ran_steadily_is_restarted_soon_again(tmp_path: Path) -> None:
    one = child(tmp_path, SLEEPS)
    one.failures = 5
    one.started_at = time.monotonic() - 3600
    assert one.pause_after_failure() == 1


def test_child_that_ends_is_said_so_and_started_again(
    supervisor: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = child(tmp_path, SLEEPS)
    supervisor.add(one)
    assert one.process is not None
    first = one.process
    first.kill()
    first.wait()
    supervisor.look_after()
    assert "Child ended (exit status -9)" in capsys.readouterr().out
    give_up_at = time.monotonic() + 20
    while one.process is first:
        assert time.monotonic() < give_up_at
        supervisor.look_after()
        time.sleep(0.05)
    assert one.exit_status is None


def test_children_are_stopped_the_last_one_first(
    supervisor: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    children = [child(tmp_path, SLEEPS, name) for name in ("First", "Second")]
    for one in children:
        supervisor.add(one)
    supervisor.stop_all()
    assert [one.exit_status for one in children] == [-15, -15]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["Second stopped.", "First stopped."]


def test_child_that_does_not_listen_is_killed(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.children.STOP_SECONDS", 0.5)
    one = child(tmp_path, STUBBORN)
    supervisor.add(one)
    wait_for_log(one, "deaf")
    supervisor.stop_all()
    assert one.exit_status == -9


def test_child_of_a_killed_supervisor_ends(tmp_path: Path) -> None:
    """Or its port would be taken at the next start."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from deployments.children import Child\n"
        "one = Child('Child', [sys.executable, '-c', 'import time; time.sleep(60)'],"
        " {}, Path(sys.argv[1]), lambda: True)\n"
        "one.start(); print(one.process.pid, flush=True); time.sleep(60)"
    )
    with psutil.Popen(
        [sys.executable, "-c", code, str(tmp_path / "child.log")], stdout=-1
    ) as supervisor:
        orphan = psutil.Process(int(supervisor.stdout.readline()))
        supervisor.kill()
    assert orphan.wait(10) is None or not orphan.is_running()


def test_log_that_has_grown_large_is_put_aside_and_goes_on(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.children.MAX_LOG_BYTES", 100)
    go_on = tmp_path / "go on"
    one = child(
        tmp_path,
        "import time; from pathlib import Path; print('x' * 200, flush=True)\n"
        f"while not Path({str(go_on)!r}).exists(): time.sleep(0.05)\n"
        f"print('more', flush=True); {SLEEPS}",
    )
    supervisor.add(one)
    wait_for_log(one, "x" * 200)
    supervisor.look_after()
    go_on.touch()
    wait_for_log(one, "more")
    assert one.log.read_text() == "more\n"
    assert one.log.with_name("Child.log.1").read_text() == "x" * 200 + "\n"
