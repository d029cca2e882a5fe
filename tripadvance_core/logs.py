"""What a process that serves writes down: one JSON object a line, with ids.

``<data_dir>/logs/<process>.jsonl`` is for programs, standard error for people. Both
hold sentences, codes and ids; never secrets or rows.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import RotatingFileHandler
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

from tripadvance_core.settings import Settings

MAX_LOG_BYTES = 10_000_000
KEPT_LOGS = 5
"""How many full files are kept beside the one that is written."""

OURS = ("tripadvance_core", "flows", "ui", "deployments")
_ids: ContextVar[dict[str, str]] = ContextVar("ids", default={})  # noqa: B039 - never changed


@contextmanager
def with_ids(**ids: str) -> Iterator[None]:
    """Give these ids to all that is logged within."""
    token = _ids.set(_ids.get() | ids)
    try:
        yield
    finally:
        _ids.reset(token)


def keep_ids(**ids: str) -> None:
    """Give these ids to all that this task or thread logs from now on."""
    _ids.set(_ids.get() | ids)


def keep_logs(
    settings: Settings, process: Literal["web", "runner", "flow", "lambda"]
) -> None:
    """Write what this process logs to its file and, where nobody else does, to stderr.

    Ours from INFO on, of others warnings and worse.
    """
    folder = settings.data_dir / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(for_people(logging.StreamHandler()))
    file = RotatingFileHandler(
        folder / f"{process}.jsonl",
        maxBytes=MAX_LOG_BYTES,
        backupCount=KEPT_LOGS,
        encoding="utf-8",
    )
    root.addHandler(for_programs(file))
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)


def for_programs(handler: logging.Handler) -> logging.Handler:
    """Have a handler write a JSON object a line, its time in UTC."""
    handler.setFormatter(
        JsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "message": "event"},
            timestamp="time",
        )
    )
    handler.addFilter(_add_ids)
    return handler


def for_people(handler: logging.Handler) -> logging.Handler:
    """Have a handler write a readable line, the ids in its end."""
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_add_ids)
    return handler


def _add_ids(record: logging.LogRecord) -> bool:
    for name, value in _ids.get().items():
        record.__dict__.setdefault(name, value)
    return True


class _OneLine(logging.Formatter):
    """Lets no text of an event begin a line of its own, or steer the terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = (
            f" {name}={record.__dict__[name]}"
            for name in ("request_id", "run_id", "flow_run_id")
            if name in record.__dict__
        )
        line = super().formatMessage(record) + "".join(ids)
        return "".join(map(_printable, line))


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()
