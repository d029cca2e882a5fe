"""The files of a partition proven by the workers of a Dask cluster.

A task of Prefect takes 0.2 s there, so each takes many files. Only what was seen
comes back: what follows from it is written by the run itself, under its lease.

Importing this module imports Dask, which takes a second.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, cast

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import TaskRunner
from prefect_dask.task_runners import DaskTaskRunner

from tripadvance_core.domain.entities import Upload
from tripadvance_core.learning.cluster import connected, workers_of
from tripadvance_core.services.rows import OwnProver, Proof
from tripadvance_core.storage.objects import ObjectStore

PARTS: Final = 4
"""Most tasks that prove the files of one partition."""

_TASK: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


@task(**_TASK)
def prove_part(objects: ObjectStore, uploads: Sequence[Upload]) -> Sequence[Proof]:
    """Prove the rows of some of the files of a partition."""
    return OwnProver(objects).prove(uploads)


class ClusterProver:
    """Has the workers of a Dask cluster prove the rows of files; see ``RowProver``.

    ``prove`` raises ``ClusterLost`` when the cluster is not there; see ``connected``.
    """

    def __init__(self, address: str, objects: ObjectStore) -> None:
        self._address = address
        self._objects = objects

    def prove(self, uploads: Sequence[Upload]) -> Sequence[Proof]:
        with connected(self._address) as client:
            workers_of(client)
        size = max(1, -(-len(uploads) // PARTS))
        parts = [uploads[at : at + size] for at in range(0, len(uploads), size)]

        # Made here, for what a flow is given goes to Prefect's server.
        @flow(
            name="prove-files",
            task_runner=cast(TaskRunner[Any], DaskTaskRunner(address=self._address)),
            persist_result=False,
        )
        def prove_files() -> list[Sequence[Proof]]:
            futures = [prove_part.submit(self._objects, part) for part in parts]
            return [future.result() for future in futures]

        return list(chain.from_iterable(prove_files()))
