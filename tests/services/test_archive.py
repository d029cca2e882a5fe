"""A model to take away, whole and proven."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from tripadvance_core.errors import Corrupted
from tripadvance_core.learning.model import FareModel
from tripadvance_core.services.archive import write_archive


@pytest.fixture
def trained(open_house: Callable[..., Any]) -> Any:
    house = open_house(min_partition_bytes=1)
    house.upload(rows=300)
    house.run()
    return house


def archive(house: Any) -> bytes:
    target = io.BytesIO()
    services = house.services
    write_archive(target, services.cards.card("v1"), services.objects, "pt-BR")
    return target.getvalue()


def test_archive_holds_a_model_that_can_be_loaded_and_its_card(trained: Any) -> None:
    with zipfile.ZipFile(io.BytesIO(archive(trained))) as zipped:
        contents = {name: zipped.read(name) for name in zipped.namelist()}
    assert {name.split("/")[0] for name in contents} == {"v1"}
    files = {name.removeprefix("v1/"): content for name, content in contents.items()}
    card = json.loads(files.pop("model-card.json"))
    assert card["model"]["number"] == 1
    assert "# Modelo v1 · MASTER" in files.pop("model-card.md").decode()
    model = trained.services.registry.version("v1")
    assert set(files) == {file.name for file in model.files}
    assert FareModel.from_files(files).features == model.features


def test_same_model_gives_the_same_archive(trained: Any) -> None:
    assert archive(trained) == archive(trained)


def test_damaged_file_is_not_handed_out(trained: Any) -> None:
    services = trained.services
    file = services.registry.version("v1").files[0]
    services.objects.put(file.key, b"\0" + services.objects.get(file.key)[1:])
    with pytest.raises(Corrupted, match="CHECKSUM_MISMATCH"):
        archive(trained)
