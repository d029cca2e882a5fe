"""Where the trees of a model are grown: on this machine, or by the workers of Dask."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tripadvance_core.domain.entities import StoredFile
from tripadvance_core.errors import ClusterLost
from tripadvance_core.learning.boosting import Progress
from tripadvance_core.learning.growing import Order, Trees, grow_here
from tripadvance_core.learning.matrices import EncodedFares
from tripadvance_core.services.history import History
from tripadvance_core.settings import Settings
from tripadvance_core.storage.objects import ObjectStore, load_file
from tripadvance_core.tabular.joining import FareRows

if TYPE_CHECKING:
    from distributed import Client

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredRows:
    """The files of a history, to be read by their places; travels to other processes."""

    objects: ObjectStore
    files: Sequence[StoredFile]

    def __call__(self, place: int) -> bytes:
        """Return the Parquet of a file, proven to be what was stored."""
        return load_file(self.objects, self.files[place])


class ClusterGrower:
    """Grows trees on a Dask cluster where there are many rows or one is named.

    A cluster that cannot do it costs time, never a night: this machine does it then,
    and ``on_loss`` is told. See ``Grower``.

    Attributes
    ----------
    engine
        What has grown the trees, None for this machine.
    """

    def __init__(
        self,
        settings: Settings,
        objects: ObjectStore,
        history: History,
        on_loss: Callable[[ClusterLost], None],
    ) -> None:
        self._settings = settings
        files = [upload.cleaned for upload in history.uploads if upload.cleaned]
        self._read = StoredRows(objects, files)
        self._on_loss = on_loss
        self.engine: str | None = None

    def __call__(
        self,
        order: Order,
        rows: FareRows,
        fares: EncodedFares | None,
        progress: Progress,
    ) -> Trees:
        if not self._is_called_for(len(rows)):
            return grow_here(order, rows, fares, progress)
        try:
            return self._grown_there(order, rows, progress)
        except ClusterLost as loss:
            _LOG.warning("one machine grows the trees: %s", loss)
            self._on_loss(loss)
            progress.plan(order.rounds)
            return grow_here(order, rows, fares, progress)

    def _is_called_for(self, rows: int) -> bool:
        settings = self._settings
        return settings.dask_address is not None or rows >= settings.dask_rows

    def _grown_there(self, order: Order, rows: FareRows, progress: Progress) -> Trees:
        if find_spec("distributed") is None:
            raise ClusterLost("DASK_NOT_INSTALLED")
        # Here, for Dask takes every process that starts a second.
        from tripadvance_core.learning.cluster import grow_on_cluster

        with self._client() as client:
            trees, workers = grow_on_cluster(client, rows, order, self._read, progress)
        self.engine = f"Dask, {workers} workers"
        return trees

    @contextmanager
    def _client(self) -> "Iterator[Client]":
        from tripadvance_core.learning.cluster import connected, local_workers

        settings = self._settings
        if settings.dask_address is not None:
            with connected(settings.dask_address) as client:
                yield client
        else:
            with local_workers(settings.dask_workers, settings.threads) as client:
                yield client
