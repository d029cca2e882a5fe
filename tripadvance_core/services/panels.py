"""The standing panel, kept row for row, and the proof of what a decision rests on."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.entities import ModelVersion, StandingPanel, StoredFile
from tripadvance_core.domain.panels import (
    PanelProof,
    RotationPolicy,
    count_overlap,
    digest,
    draw,
    is_due,
)
from tripadvance_core.domain.times import Clock, to_text
from tripadvance_core.services.comparison import STANDING
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore, load_file, store_apart
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.joining import ROW_HASH

RowHashes = NDArray[np.uint64]
_ON_DISK = np.dtype("<u8")


class Panels:
    """Keeps panel B and proves that no model has trained on what it is judged by."""

    def __init__(
        self, settings: Settings, database: Database, objects: ObjectStore, clock: Clock
    ) -> None:
        self._policy = RotationPolicy(
            most_rows=settings.panel_rows,
            most_uses=settings.panel_uses,
            most_days=settings.panel_days,
        )
        self._store = Repositories(database)
        self._objects = objects
        self._clock = clock

    def current(self) -> StandingPanel | None:
        """Return the panel that stands now, or None before the first one."""
        newest = self._store.panels.select(order=[("number", -1)], limit=1)
        return newest[0] if newest else None

    def get(self, panel_id: str) -> StandingPanel:
        """Return a panel by its id."""
        return self._store.panels.get(panel_id)

    def rows_of(self, panel: StandingPanel) -> RowHashes:
        """Return the hashes of a panel's rows, proven by their checksum."""
        return load_hashes(self._objects, panel.rows)

    def standing(self, reserved: RowHashes) -> StandingPanel | None:
        """Return the panel to compare on, drawn anew where that is due.

        ``reserved`` are the reserved rows of all earlier files; without any there is
        no panel.
        """
        panel = self.current()
        if not reserved.size:
            return None
        if panel is None or is_due(
            self.rows_of(panel),
            reserved,
            uses=len(panel.used_by),
            age=self._age(panel),
            policy=self._policy,
        ):
            return self._drawn(reserved, panel.number + 1 if panel else 1)
        return panel

    def use(self, panel: StandingPanel, by: str) -> StandingPanel:
        """Count a use; the same user counts once."""
        if by in panel.used_by:
            return panel
        used_by = (*panel.used_by, by)
        self._store.panels.change({"_id": panel.id}, {"used_by": list(used_by)})
        return panel.model_copy(update={"used_by": used_by})

    def prove(
        self,
        rows: pd.DataFrame,
        trained_on: Sequence[RowHashes],
        panel_b: StandingPanel | None,
    ) -> tuple[PanelProof, ...]:
        """Return the proof of every panel among rows with ``panel``."""
        proofs = []
        for name, part in rows.groupby("panel", sort=True):
            hashes = part[ROW_HASH].to_numpy(np.uint64)
            standing = panel_b if name == STANDING else None
            proofs.append(
                PanelProof(
                    name=standing.id if standing else str(name),
                    rows=hashes.size,
                    digest=digest(hashes),
                    drawn_at=to_text(standing.drawn_at) if standing else None,
                    uses=len(standing.used_by) if standing else 1,
                    overlap=count_overlap(hashes, trained_on),
                )
            )
        return tuple(proofs)

    def trained_on(self, models: Iterable[ModelVersion]) -> list[RowHashes]:
        """Return the hashes of the training rows of each model."""
        return [load_hashes(self._objects, model.trained_on) for model in models]

    def _age(self, panel: StandingPanel) -> timedelta:
        return self._clock() - panel.drawn_at

    def _drawn(self, reserved: RowHashes, number: int) -> StandingPanel:
        rows = draw(reserved, number, self._policy.most_rows)
        panel = StandingPanel(
            id=f"{STANDING}{number}",
            number=number,
            drawn_at=self._clock(),
            rows=store_hashes(
                self._objects, "panels", f"{STANDING.lower()}{number}", rows
            ),
            digest=digest(rows),
        )
        self._store.panels.add(panel)
        return panel


def store_hashes(
    objects: ObjectStore, folder: str, name: str, hashes: RowHashes
) -> StoredFile:
    """Store distinct row hashes, sorted."""
    content = np.unique(hashes).astype(_ON_DISK).tobytes()
    return store_apart(objects, folder, name, content)


def load_hashes(objects: ObjectStore, file: StoredFile) -> RowHashes:
    """Return row hashes that were stored, proven by their checksum."""
    return np.frombuffer(load_file(objects, file), dtype=_ON_DISK).astype(np.uint64)
