"""MASTER with all that a price takes, loaded once and kept until another reigns."""

from dataclasses import dataclass
from threading import Lock
from time import monotonic

from tripadvance_core.domain.entities import MasterPointer, ModelVersion
from tripadvance_core.errors import NotFound
from tripadvance_core.learning.model import FareModel
from tripadvance_core.services.past_fares import PastFareSamples
from tripadvance_core.services.registry import Registry
from tripadvance_core.tabular.past_fares import PastFares

LOOK_AGAIN_SECONDS = 10.0
"""How long a file that was withdrawn may still stand among the past fares."""


@dataclass(frozen=True)
class Reigning:
    """The model that answers now, and the past fares that stand beside its prices."""

    pointer: MasterPointer
    model: ModelVersion
    fares: FareModel
    past: PastFares


class Throne:
    """Knows who reigns.

    Loading a model costs a checksum and a child, so it is done once. Every question
    reads the pointer, which is one small document; another one means another model.
    Now and then it is asked, too, whether a file of the model was withdrawn.
    """

    def __init__(self, registry: Registry, samples: PastFareSamples) -> None:
        self._registry = registry
        self._samples = samples
        self._lock = Lock()
        self._held: Reigning | None = None
        self._looked_at = 0.0

    def reigning(self) -> Reigning:
        """Return MASTER, loaded.

        Raises
        ------
        NotFound
            ``NO_MASTER`` before the first model was promoted.
        Corrupted
            Where its files are not sound.
        """
        pointer = self._registry.pointer()
        if pointer is None:
            raise NotFound("NO_MASTER")
        held = self._held
        if held is None or not self._is_current(held, pointer):
            with self._lock:
                held = self._held
                if held is None or not self._is_current(held, pointer):
                    held = self._held = self._loaded(pointer)
                    self._looked_at = monotonic()
        return held

    def _is_current(self, held: Reigning, pointer: MasterPointer) -> bool:
        if held.pointer != pointer:
            return False
        if monotonic() - self._looked_at < LOOK_AGAIN_SECONDS:
            return True
        withdrawn = self._registry.version(pointer.model_id).withdrawn_upload_ids
        if withdrawn != held.model.withdrawn_upload_ids:
            return False
        self._looked_at = monotonic()
        return True

    def _loaded(self, pointer: MasterPointer) -> Reigning:
        model = self._registry.version(pointer.model_id)
        fares = self._registry.load(model)
        return Reigning(pointer, model, fares, self._samples.of(model, fares.encoder))
