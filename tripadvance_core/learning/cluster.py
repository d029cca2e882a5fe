"""The trees of a model, grown by the workers of a Dask cluster.

Each worker reads its own share of the rows from the object store, encodes it with the
frozen encoder and bins it; then all grow the same trees together, by XGBoost's own
collective, which sums their histograms. ``xgboost.dask`` does the same for rows that
lie in the workers' memory as arrays; here they lie on disk, as on one machine, so what
a worker needs does not grow with its share.

Importing this module imports Dask, which takes a second.
"""

import logging
import queue
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

import dask
import xgboost as xgb
from distributed import Client, Future, LocalCluster, get_worker
from xgboost.collective import CommunicatorContext, broadcast
from xgboost.tracker import RabitTracker

from tripadvance_core.errors import ClusterLost, TripAdvanceError
from tripadvance_core.learning.boosting import Progress
from tripadvance_core.learning.growing import Order, Trees, grow_trees
from tripadvance_core.learning.matrices import EncodedFares, is_for_the_disk
from tripadvance_core.learning.trees import ONE_THREAD
from tripadvance_core.tabular.joining import FareRows, RowShare

_LOG = logging.getLogger(__name__)

ATTEMPTS: Final = 2
"""How often the workers that are there are asked, before it is given up."""

_CONNECT_SECONDS: Final = 10
_WORKERS_SECONDS: Final = 30
_LOOK_EVERY_SECONDS: Final = 1.0
# Between the first worker that is ready and the last one; all have encoded by then.
_GATHER_SECONDS: Final = 120
_WANTED: Final = "executing"
# Of nodes that may still be split; those of all nodes take 150 MB more.
_HISTOGRAMS_KEPT: Final = 128
# Else the allocators keep what batches have needed, as much as the matrix takes.
_FRUGAL: Final = {
    f"distributed.nanny.pre-spawn-environ.{name}": value
    for name, value in (
        ("MALLOC_ARENA_MAX", "1"),
        ("ARROW_DEFAULT_MEMORY_POOL", "system"),
    )
}
# They would show everybody on the machine what the workers do.
_NO_PAGES: Final[dict[str, list[str]]] = {
    f"distributed.{part}.http.routes": [] for part in ("scheduler", "worker")
}

Read = Callable[[int], bytes]
"""Gives the content of a file by its place among all; a worker calls it."""


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Connect to the scheduler of a cluster.

    What ``tls://`` needs stands in Dask's own configuration.

    Raises
    ------
    ClusterLost
        ``DASK_UNREACHABLE`` when it does not answer.
    """
    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterLost("DASK_UNREACHABLE", address=address) from error
    with client:
        yield client


@contextmanager
def local_workers(count: int, threads: int) -> Iterator[Client]:
    """Start so many workers on this machine, who share the threads.

    They listen on the loopback only, to those alone who hold the certificate that is
    made for them: a worker does whatever it is told.

    Raises
    ------
    ClusterLost
        ``DASK_NO_WORKERS`` when they cannot be started.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(dask.config.set(_NO_PAGES | _FRUGAL))
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=count,
                    threads_per_worker=max(1, threads // count),
                    processes=True,
                    memory_limit=0,
                    scheduler_kwargs={
                        "dashboard": False,
                        "dashboard_address": "127.0.0.1:0",
                    },
                    security=True,
                )
            )
            client = stack.enter_context(Client(cluster, set_as_default=False))
        except (OSError, RuntimeError) as error:
            raise ClusterLost("DASK_NO_WORKERS") from error
        yield client


def grow_on_cluster(
    client: Client, rows: FareRows, order: Order, read: Read, progress: Progress
) -> tuple[Trees, int]:
    """Grow the trees on all rows; return them, and how many workers have done it.

    XGBoost cannot go on without a worker. Where one is lost all begins again, with
    those that are left or have come back.

    Raises
    ------
    ClusterLost
        ``DASK_NO_WORKERS``, ``DASK_WORKER_LOST`` or ``DASK_WORK_FAILED`` when that
        did not help; ``DASK_UNREACHABLE`` when the scheduler is gone.
    WindowClosed
        ``TRAINING_STOPPED`` when ``progress`` said so.
    """
    with _scheduler_needed(client):
        return _grown_in_attempts(client, rows, order, read, progress)


def _grown_in_attempts(
    client: Client, rows: FareRows, order: Order, read: Read, progress: Progress
) -> tuple[Trees, int]:
    wanted = 1
    for attempt in range(1, ATTEMPTS + 1):
        progress.plan(order.rounds)
        workers = workers_of(client, wanted)[: len(rows)]
        wanted = len(workers)
        try:
            return _Attempt(client, workers, order, progress).grown(rows, read), wanted
        except ClusterLost as failure:
            _LOG.warning("attempt %d on %d workers: %s", attempt, wanted, failure)
            if attempt == ATTEMPTS:
                raise
    raise AssertionError


@contextmanager
def _scheduler_needed(client: Client) -> Iterator[None]:
    address = _scheduler(client).address
    try:
        yield
    except (OSError, CancelledError) as error:
        raise ClusterLost("DASK_UNREACHABLE", address=address) from error


def workers_of(client: Client, wanted: int = 1) -> list[str]:
    """Return the addresses of the workers, once as many are there or time is up.

    Raises
    ------
    ClusterLost
        ``DASK_NO_WORKERS`` when there are none.
    """
    try:
        client.wait_for_workers(wanted, timeout=_WORKERS_SECONDS)
    except TimeoutError:
        _LOG.warning("fewer than %d Dask workers are there", wanted)
    found = _addresses(client)
    if not found:
        raise ClusterLost("DASK_NO_WORKERS")
    return found


def _scheduler(client: Client) -> Any:
    return client.scheduler


def _addresses(client: Client) -> list[str]:
    # What the client itself remembers of them is empty at times.
    told = client.sync(_scheduler(client).identity, n_workers=-1)
    return sorted(told["workers"])


class _Attempt:
    """One try to grow the trees on workers, all of which must stay to the end."""

    def __init__(
        self, client: Client, workers: Sequence[str], order: Order, progress: Progress
    ) -> None:
        self._client = client
        self._workers = workers
        self._order = order
        self._progress = progress
        self._topic = f"rounds-{uuid.uuid4().hex}"
        self._told: queue.SimpleQueue[int] = queue.SimpleQueue()

    def grown(self, rows: FareRows, read: Read) -> Trees:
        shares = rows.shares(len(self._workers))
        on_disk = is_for_the_disk(max(share.rows for share in shares))
        order = self._client.scatter(
            self._order, workers=list(self._workers), broadcast=True, hash=False
        )
        encoded = self._on_each(_encoded, [(order, share, read) for share in shares])
        self._follow(encoded)
        host = [(len(self._workers),)]
        (tracker,) = self._on_each(_tracker_begun, host)
        self._follow([tracker])
        self._client.subscribe_topic(
            self._topic, lambda event: self._told.put(event[1])
        )
        try:
            trees = self._on_each(
                _grown,
                [
                    (order, fares, number, tracker, on_disk, self._topic)
                    for number, fares in enumerate(encoded)
                ],
            )
            self._follow(trees)
            return _loaded(trees[0].result())
        finally:
            self._client.unsubscribe_topic(self._topic)

    def _on_each(
        self, work: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
    ) -> "list[Future[Any]]":
        """Give the first worker the first arguments, and so on; none does it for another."""
        return [
            self._client.submit(
                work, *given, workers=[worker], pure=False, retries=0, priority=1
            )
            for worker, given in zip(self._workers, arguments, strict=False)
        ]

    def _follow(self, works: "Sequence[Future[Any]]") -> None:
        """Wait until all is done; count rounds, and see that every worker is there.

        Whatever ends the waiting, the workers are told that nobody wants the work.
        """
        try:
            while not all(work.status == "finished" for work in works):
                self._count_rounds(_LOOK_EVERY_SECONDS)
                self._require_all(works)
            self._count_rounds(0)
        except BaseException:
            self._client.cancel(list(works), force=True)
            raise

    def _count_rounds(self, seconds: float) -> None:
        """Count the rounds that were told, waiting so long for the first."""
        try:
            while True:
                self._told.get(timeout=seconds)
                seconds = 0
                self._progress.step()
        except queue.Empty:
            return

    def _require_all(self, works: "Sequence[Future[Any]]") -> None:
        if not set(self._workers) <= set(_addresses(self._client)):
            raise ClusterLost("DASK_WORKER_LOST")
        for work in works:
            if work.status in ("error", "lost", "cancelled"):
                raise ClusterLost("DASK_WORK_FAILED", problem=_problem(work))


def _problem(work: "Future[Any]") -> str:
    error = work.exception() if work.status == "error" else None
    if isinstance(error, TripAdvanceError):
        return error.code
    return str(work.status) if error is None else type(error).__name__


def _encoded(order: Order, share: RowShare, read: Read) -> EncodedFares:
    """Read and encode a share, in a worker, where it stays."""
    return order.encoded(FareRows.of_share(share, map(read, share.files)))


def _tracker_begun(count: int) -> dict[str, Any]:
    """Start what brings the workers together, in one of them; return how to find it."""
    host = urlsplit(get_worker().address).hostname
    tracker = RabitTracker(
        n_workers=count, host_ip=host, sortby="task", timeout=_GATHER_SECONDS
    )
    tracker.start()
    Thread(target=tracker.wait_for, daemon=True).start()
    return tracker.worker_args()


def _grown(
    order: Order,
    fares: EncodedFares,
    number: int,
    tracker: Mapping[str, Any],
    on_disk: bool,
    topic: str,
) -> list[bytes] | None:
    """Grow the trees together with the other workers; the first one returns them."""
    worker = get_worker()
    key = worker.get_current_task()

    def unwanted() -> bool:
        """Ask whether the work was called off, or who ordered it is gone.

        One worker asks, for all must stop after the same round.
        """
        task = worker.state.tasks.get(key)
        return bool(
            broadcast(number == 0 and (task is None or task.state != _WANTED), 0)
        )

    def tell(done: int, _of: int) -> None:
        if number == 0:
            worker.log_event(topic, done)

    threads = order.parameters.model_copy(update={"threads": worker.state.nthreads})
    with CommunicatorContext(dmlc_task_id=f"{number:06}", **tracker):
        trees = grow_trees(
            replace(order, parameters=threads),
            fares,
            Progress(order.rounds, unwanted, tell),
            on_disk=on_disk,
            max_cached_hist_node=_HISTOGRAMS_KEPT,
        )
    if number:
        return None
    return [bytes(b.save_raw("ubj")) for b in trees if b is not None]


def _loaded(raw: Sequence[bytes]) -> Trees:
    boosters = [xgb.Booster(ONE_THREAD, model_file=bytearray(one)) for one in raw]
    return Trees(boosters[0], boosters[1] if len(boosters) > 1 else None)
