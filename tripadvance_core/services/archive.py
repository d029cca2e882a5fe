"""A model to take away: its files, and its card for people and for programs."""

import json
import zipfile
from typing import IO

from tripadvance_core.messages import Language
from tripadvance_core.services.card import VersionCard
from tripadvance_core.storage.objects import ObjectStore, load_file


def write_archive(
    target: IO[bytes], card: VersionCard, objects: ObjectStore, language: Language
) -> None:
    """Write a zip of a model's files, ``model-card.json`` and ``model-card.md``.

    Everything lies in one folder that is named after the version. One file is read at
    a time, each proven by its checksum.

    Raises
    ------
    Corrupted
        ``CHECKSUM_MISMATCH`` where a file is not what was stored.
    """
    folder = f"v{card.model.number}"
    with zipfile.ZipFile(target, "w") as archive:

        def add(name: str, content: bytes | str) -> None:
            entry = zipfile.ZipInfo(f"{folder}/{name}", _at(card))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)

        for file in card.model.files:
            add(file.name, load_file(objects, file))
        document = json.dumps(card.document(), ensure_ascii=False, indent=2)
        add("model-card.json", document)
        add("model-card.md", card.markdown(language))


def _at(card: VersionCard) -> tuple[int, int, int, int, int, int]:
    """Return when the model was made, so that the same model gives the same zip."""
    year, month, day, hour, minute, second = card.model.created_at.timetuple()[:6]
    return year, month, day, hour, minute, second
