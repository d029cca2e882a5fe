"""Uploads as events in Prefect, and the runs that they start.

Prefect is asked by HTTP, not by its client: that takes seconds to import, and the web
app and the command do without it.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import httpx

from flows.names import DEPLOYMENT, FLOW, MAY_START, UPLOAD, UPLOAD_PENDING
from tripadvance_core.domain.entities import Upload
from tripadvance_core.services.arrivals import Waiting

_LOG = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0
"""How long after an event that starts a run the next is told: by then the run is there."""
_ANSWER_SECONDS = 5.0
_SOON = timedelta(minutes=1)


class PrefectAnnouncer:
    """The ``Announcer`` on a Prefect server, from a thread of its own.

    A hundred uploads start one run: the event of an upload says that a run may start
    only where none waits already, and each run looks for itself what waits by then.

    Parameters
    ----------
    api_url
        Address of Prefect's API.
    headers
        What lets requests in there.
    """

    def __init__(self, api_url: str, headers: Mapping[str, str]) -> None:
        self._api_url = api_url
        self._headers = dict(headers)
        self._untold: deque[Upload] = deque()
        self._teller = ThreadPoolExecutor(1, thread_name_prefix="announcer")
        self._closing = Event()
        self._pause = 0.0
        self._answers = True

    def upload_pending(self, upload: Upload, waiting: Callable[[], Waiting]) -> None:
        """Tell soon of an upload, and of what ``waiting`` says by then."""
        self._untold.append(upload)
        self._teller.submit(self._tell, waiting)

    def close(self) -> None:
        """Tell what is untold, at once; nothing more is told after that."""
        self._closing.set()
        self._teller.shutdown()

    def _tell(self, look: Callable[[], Waiting]) -> None:
        """Tell of all that came meanwhile; an upload is sound without that."""
        if not self._untold:
            return
        self._closing.wait(self._pause)
        uploads = [self._untold.popleft() for _ in range(len(self._untold))]
        self._pause = 0.0
        try:
            waiting = look()
            with self._api() as api:
                starts = waiting.may_start and not _run_waits(api)
                events = [_event(upload, waiting, starts=False) for upload in uploads]
                events[-1] = _event(uploads[-1], waiting, starts=starts)
                api.post("/events", json=events).raise_for_status()
        except Exception as error:  # noqa: BLE001 - whatever it is, uploads go on
            if self._answers:  # else it has been said
                _LOG.info("uploads are not announced", exc_info=error)
            self._answers = False
        else:
            self._answers = True
            self._pause = PAUSE_SECONDS if starts else 0.0

    @contextmanager
    def _api(self) -> Iterator[httpx.Client]:
        with httpx.Client(
            base_url=self._api_url, headers=self._headers, timeout=_ANSWER_SECONDS
        ) as api:
            api.headers.update(_proof_against_forgery(api))
            yield api


def _proof_against_forgery(api: httpx.Client) -> dict[str, str]:
    """Return the headers without which a server with CSRF protection takes nothing."""
    client = str(uuid4())
    answer = api.get("/csrf-token", params={"client": client})
    if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:  # it has none
        return {}
    token = answer.raise_for_status().json()["token"]
    return {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client}


def _run_waits(api: httpx.Client) -> bool:
    """Tell whether a run of the nightly deployment is about to begin."""
    soon = (datetime.now(UTC) + _SOON).isoformat()
    asked = {
        "flows": {"name": {"any_": [FLOW]}},
        "deployments": {"name": {"any_": [DEPLOYMENT]}},
        "flow_runs": {
            "state": {"type": {"any_": ["SCHEDULED", "PENDING"]}},
            "expected_start_time": {"before_": soon},
        },
    }
    return bool(api.post("/flow_runs/count", json=asked).raise_for_status().json())


def _event(upload: Upload, waiting: Waiting, *, starts: bool) -> dict[str, Any]:
    """Describe an upload by its id and sizes; its name may tell of people."""
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": UPLOAD_PENDING,
        "resource": {
            "prefect.resource.id": f"{UPLOAD}.{upload.id}",
            MAY_START: "yes" if starts else "no",
        },
        "payload": {
            "size_bytes": upload.size_bytes,
            "rows": upload.rows_kept,
            "waiting_files": waiting.files,
            "missing_bytes": waiting.missing_bytes,
        },
    }
