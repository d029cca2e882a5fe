"""An installation that is filled from elsewhere, and lets nobody in before it is whole.

The mark that keeps everybody out is taken away last. What is cut off before is begun
again by what began it; see ``Restore`` and ``Move``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tripadvance_core.services.backup_archive import LEFT_OUT
from tripadvance_core.services.installation import Installation
from tripadvance_core.services.invariants import Invariants, Violation
from tripadvance_core.services.registry import Registry
from tripadvance_core.storage.database import Database, Document
from tripadvance_core.storage.objects import ObjectStore

_LAST: Final = "pointers"


@dataclass(frozen=True)
class Filling:
    """Where it is filled, and with what it is looked at afterwards."""

    database: Database
    objects: ObjectStore
    installation: Installation
    registry: Registry
    invariants: Invariants

    def something_in_it(self) -> str | None:
        """Return the name of a collection that has records, if any has."""
        names = (name for name in self.database.collections() if name not in LEFT_OUT)
        return next((name for name in names if self.database.count(name)), None)

    def replace_records(self, records: Mapping[str, Iterable[Document]]) -> None:
        """Put these records in place of all that are there, MASTER's pointer last."""
        # What was cut off has left some, and there may be links to make an account.
        for name in {*self.database.collections()} - {"installation"}:
            self.database.delete(name, {})
        for name in sorted(records, key=lambda name: (name == _LAST, name)):
            for document in records[name]:
                self.database.insert(name, document)

    def finish(self) -> Sequence[Violation]:
        """Let everybody in; return what is wrong with what is there."""
        self.installation.update()  # its records may be of an older version
        self.registry.repair()  # what a crash may have left where they come from
        self.installation.end_filling()
        return self.invariants.violations()
