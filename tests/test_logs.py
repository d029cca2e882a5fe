"""What is logged stands on one line, with ids, in files that do not grow for ever."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core import logs
from tripadvance_core.logs import for_people, for_programs, with_ids


class Lines(logging.Handler):
    """Keeps what would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))


def logged(message: str, *values: Any, **extra: str) -> tuple[dict[str, Any], str]:
    """Log something for programs and for people; return what each would get."""
    machine, person = Lines(), Lines()
    for_programs(machine), for_people(person)
    log = logging.Logger("ui.test")  # of no family, so nobody else hears it
    log.addHandler(machine)
    log.addHandler(person)
    log.warning(message, *values, extra=extra)
    (line,), (text,) = machine.written, person.written
    assert len(line.splitlines()) == 1
    return json.loads(line), text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_event_is_one_line_whatever_it_quotes(text: str) -> None:
    record, line = logged("quoted: %s", text)
    assert record["event"] == f"quoted: {text}"
    assert len(line.splitlines()) == 1


def test_forged_line_and_escapes_of_the_terminal_stay_within_their_event() -> None:
    hostile = 'x.csv\r\n{"level": "INFO"}\n2026 ERROR forged\x1b[2J'
    record, line = logged("file %s", hostile)
    assert record["event"] == f"file {hostile}"
    assert "\x1b" not in line
    assert "\\r\\n" in line


def test_record_has_time_level_logger_and_ids() -> None:
    with with_ids(run_id="r1"), with_ids(request_id="q1"):
        record, line = logged("something")
    assert record["time"].endswith("+00:00")
    del record["time"]
    assert record == {
        "level": "WARNING",
        "logger": "ui.test",
        "event": "something",
        "run_id": "r1",
        "request_id": "q1",
    }
    assert line.endswith("something request_id=q1 run_id=r1")
    assert "run_id" not in logged("afterwards")[0]


def test_id_that_an_event_brings_along_is_its_own() -> None:
    with with_ids(request_id="of somebody else"):
        record, _ = logged("something", request_id="q1")
    assert record["request_id"] == "q1"


def run_apart(script: str, data_dir: Path) -> str:
    """Run a script that keeps logs: they are the process', not a test's."""
    begin = (
        "import logging\n"
        "from pathlib import Path\n"
        "from tripadvance_core import logs\n"
        "from tripadvance_core.settings import load_settings\n"
        f"settings = load_settings(Path({str(data_dir)!r}))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", begin + script],
        capture_output=True,
        text=True,
        check=True,
    ).stderr


def test_files_are_bounded(tmp_path: Path) -> None:
    script = (
        "logs.MAX_LOG_BYTES = 2_000\n"
        "logs.keep_logs(settings, 'web')\n"
        "for n in range(500): logging.getLogger('ui').info('event %d', n)\n"
    )
    run_apart(script, tmp_path)
    files = sorted((tmp_path / "logs").iterdir())
    assert len(files) == 1 + logs.KEPT_LOGS
    assert all(file.stat().st_size <= 2_000 for file in files)
    newest = (tmp_path / "logs" / "web.jsonl").read_text().splitlines()[-1]
    assert json.loads(newest)["event"] == "event 499"


def test_prefect_that_is_imported_later_takes_no_log_away(tmp_path: Path) -> None:
    script = (
        "logs.keep_logs(settings, 'web')\n"
        "import prefect\n"
        "logging.getLogger('ui').info('still heard')\n"
        "logging.getLogger('prefect.flow_runs').error('of a run')\n"
    )
    to_people = run_apart(script, tmp_path)
    lines = (tmp_path / "logs" / "web.jsonl").read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert events == ["still heard", "of a run"]
    assert to_people.count("still heard") == 1
