"""What the fares that were taken in look like."""

import io
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import pandas as pd
import pyarrow.parquet as pq

from tripadvance_core.domain.entities import StoredFile, Upload, UploadStatus
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore, load_if_sound
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.features import QUOTE_DATE
from tripadvance_core.tabular.summary import by_lead_time, by_month, by_route

MOST_ROWS: Final = 500_000
MOST_FILES: Final = 500
"""Of the newest; what is shown does not cost more as the history grows."""

_IN_USE: Final = [UploadStatus.PENDING, UploadStatus.CLAIMED, UploadStatus.TRAINED]
_COLUMNS: Final = ("date", "start_city", "end_city", "airline", "price", QUOTE_DATE)


@dataclass(frozen=True)
class Exploration:
    """The newest fares in figures; see ``tabular.summary`` for the frames.

    ``routes`` are all of them; the other frames are of the chosen route, where one was
    chosen. ``all_files`` tells how many files are in use, ``files`` how many of those
    were read.
    """

    files: int
    all_files: int
    fares: int
    airlines: int
    first_day: date
    last_day: date
    routes: pd.DataFrame
    lead_times: pd.DataFrame
    months: pd.DataFrame

    def has(self, start_city: str, end_city: str) -> bool:
        """Tell whether any fare is of that route."""
        cities = self.routes["start_city"], self.routes["end_city"]
        return bool(((cities[0] == start_city) & (cities[1] == end_city)).any())


class Explorer:
    """Reads the newest fares and sums them up."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._store = Repositories(database)
        self._objects = objects
        # Everybody who opens the page asks for the same until a file comes or goes.
        self._summed_up = lru_cache(maxsize=64)(self._sum_up)

    def explore(self, start_city: str = "", end_city: str = "") -> Exploration | None:
        """Return the newest fares in figures; None before the first file.

        Parameters
        ----------
        start_city, end_city
            The route of the lead times and months; all routes where it has no fares.
        """
        in_use = {"status": {"$in": _IN_USE}}
        uploads = self._store.uploads.select(
            in_use, order=[("uploaded_at", -1)], limit=MOST_FILES
        )
        files = tuple(upload.cleaned for upload in _newest(uploads))
        count = self._store.uploads.count(in_use)
        return self._summed_up(files, count, start_city, end_city)

    def _sum_up(
        self,
        files: tuple[StoredFile, ...],
        all_files: int,
        start_city: str,
        end_city: str,
    ) -> Exploration | None:
        read = [frame for file in files if (frame := self._fares(file)) is not None]
        if not read:
            return None
        fares = pd.concat(read, ignore_index=True)
        of_route = fares[
            (fares["start_city"] == start_city) & (fares["end_city"] == end_city)
        ]
        shown = fares if of_route.empty else of_route
        return Exploration(
            files=len(read),
            all_files=all_files,
            fares=len(fares),
            airlines=fares["airline"].nunique(),
            first_day=fares["date"].min().date(),
            last_day=fares["date"].max().date(),
            routes=by_route(fares),
            lead_times=by_lead_time(shown),
            months=by_month(shown),
        )

    def _fares(self, file: StoredFile) -> pd.DataFrame | None:
        """Return what is shown of a file's rows; None where they are damaged."""
        content = load_if_sound(self._objects, file)
        if content is None:
            return None
        table = pq.ParquetFile(io.BytesIO(content))
        columns = [name for name in _COLUMNS if name in table.schema_arrow.names]
        fares: pd.DataFrame = table.read(columns).to_pandas()
        return fares


def _newest(uploads: list[Upload]) -> list[Upload]:
    """Return the first of the uploads, as many as are read."""
    rows = 0
    for count, upload in enumerate(uploads):
        rows += upload.rows_kept
        if rows > MOST_ROWS and count:
            return uploads[:count]
    return uploads
