"""Files that come one after another: repeated ones count once, poisoned ones wait."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tripadvance_core.domain.entities import ColumnMapping, Upload, UploadStatus
from tripadvance_core.errors import AlreadyExists
from tripadvance_core.messages import LANGUAGES
from tripadvance_core.services.history import load_rows
from tripadvance_core.services.uploads import FileCheck
from tripadvance_core.tabular.joining import FareRows

HOSTILE = Path(__file__).parents[2] / "../shared/hostile"
EXPECTED = HOSTILE / "expected.json"
PLAIN = ColumnMapping()

here = pytest.mark.skipif(not EXPECTED.exists(), reason="the corpus is not here")


def family(name: str) -> list[dict[str, Any]]:
    if not EXPECTED.exists():
        return []
    cases: list[dict[str, Any]] = json.loads(EXPECTED.read_text("utf-8"))["cases"]
    return [case for case in cases if case["family"] == name]


def case_of(case_id: str) -> dict[str, Any]:
    return next(case for case in family("poison") if case["id"] == case_id)


def content_of(case: dict[str, Any]) -> bytes:
    return (HOSTILE / case["file"]).read_bytes()


def ingest(house: Any, content: bytes, name: str = "x.csv") -> tuple[Upload, FileCheck]:
    found: tuple[Upload, FileCheck] = house.services.uploads.ingest(
        content, name, PLAIN, owner="ana"
    )
    return found


def trained_rows(house: Any) -> pd.DataFrame:
    """Return what a training would read now."""
    services = house.services
    counted = (UploadStatus.PENDING, UploadStatus.TRAINED)
    uploads = [one for one in services.uploads.all() if one.status in counted]
    stored = (load_rows(services.objects, one) for one in uploads)
    return FareRows.distinct(stored).frame()


def known_rows(upload: Upload) -> int:
    told = [w for w in upload.warnings if w.startswith("rows_known:")]
    return int(told[0].split(":")[1]) if told else 0


@here
def test_repeated_files_count_once_and_are_told(house: Any) -> None:
    steps = sorted(family("repeat"), key=lambda case: case["scenario"]["step"])
    seen: set[tuple[Any, ...]] = set()
    contents: set[bytes] = set()
    for case in steps:
        content = content_of(case)
        new = {tuple(row) for row in case["rows"]}
        if content in contents:
            with pytest.raises(AlreadyExists, match="ALREADY_UPLOADED"):
                ingest(house, content, case["upload_name"])
        else:
            upload, _ = ingest(house, content, case["upload_name"])
            assert known_rows(upload) == len(new & seen)
        seen |= new
        contents.add(content)
        assert len(trained_rows(house)) == len(seen)
    originals = {one.raw.sha256 for one in house.services.uploads.all()}
    assert originals == {case["sha256"] for case in steps}


@pytest.fixture
def corpus_house(house: Any) -> Any:
    """Give services whose MASTER has learned from the clean reference."""
    ingest(house, content_of(case_of("poi_reference_clean")))
    house.run()
    return house


@here
@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case["id"]) for case in family("poison")]
)
def test_poison_waits_for_a_person_and_changes_nothing(
    corpus_house: Any, case: dict[str, Any]
) -> None:
    if case["id"] == "poi_reference_clean":
        return
    before = len(trained_rows(corpus_house))
    upload, check = ingest(corpus_house, content_of(case), case["upload_name"])
    if case["gate"] == "hold":
        must_be_held(upload, check)
        assert len(trained_rows(corpus_house)) == before
    elif case["id"] == "poi_control_clean":
        assert upload.status is UploadStatus.PENDING


def must_be_held(upload: Upload, check: FileCheck) -> None:
    """Hold a file to it that it does not wait for a night, and says why."""
    if check.refusal is not None:
        assert upload.status is UploadStatus.REJECTED
        assert all(check.refusal.sentence(language) for language in LANGUAGES)
        return
    assert upload.status is UploadStatus.HELD
    assert upload.evidence
    for found in upload.evidence:
        assert found.sentence("en") != found.sentence("pt-BR")


# The same kinds of poison in fares of another size, currency and airline.
CITIES = ["Lisboa", "Porto", "Madrid", "Paris", "Roma", "Viena", "Oslo"]
LEVELS = {"TAP": 1.0, "Iberia": 1.3}


def european_fares(rows: int, seed: int) -> pd.DataFrame:
    rng = random.Random(seed)  # noqa: S311 - test data
    lines = []
    for _ in range(rows):
        start, end = rng.sample(CITIES, 2)
        apart = abs(CITIES.index(start) - CITIES.index(end))
        airline = rng.choice(list(LEVELS))
        price = (30 + 55 * apart) * LEVELS[airline] * rng.uniform(0.7, 1.4)
        day = pd.Timestamp("2026-01-01") + pd.Timedelta(days=rng.randrange(300))
        lines.append((day, start, end, airline, 50 + 45 * apart, round(price, 2)))
    names = ["date", "start_city", "end_city", "airline", "duration", "price"]
    return pd.DataFrame(lines, columns=names)


def as_csv(fares: pd.DataFrame) -> bytes:
    out = io.StringIO()
    fares.to_csv(out, index=False, date_format="%d/%m/%Y")
    return out.getvalue().encode()


def shuffled(fares: pd.DataFrame) -> pd.DataFrame:
    prices = fares["price"].sample(frac=1, random_state=3)
    return fares.assign(price=prices.to_numpy())


POISONS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "thousandfold": lambda fares: fares.assign(price=fares["price"] * 1000),
    "cents": lambda fares: fares.assign(price=fares["price"] * 100),
    "another currency": lambda fares: fares.assign(price=fares["price"] * 6),
    "hours": lambda fares: fares.assign(duration=(fares["duration"] / 60).round(2)),
    "seconds": lambda fares: fares.assign(duration=fares["duration"] * 60),
    "shuffled": shuffled,
    "constant": lambda fares: fares.assign(price=99.0),
    "flooded": lambda fares: pd.concat([fares.head(1)] * 5_000),
    "another century": lambda fares: fares.assign(
        date=fares["date"] + pd.DateOffset(years=20)
    ),
}


@pytest.fixture
def european_house(open_house: Callable[..., Any]) -> Any:
    house = open_house(base_currency="EUR")
    ingest(house, as_csv(european_fares(900, seed=1)))
    house.run()
    return house


@pytest.mark.parametrize("kind", POISONS)
def test_kinds_of_poison_are_held_in_any_currency(
    european_house: Any, kind: str
) -> None:
    poisoned = POISONS[kind](european_fares(400, seed=2))
    must_be_held(*ingest(european_house, as_csv(poisoned)))


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_clean_file_after_clean_files_is_not_held(
    european_house: Any, seed: int
) -> None:
    upload, _ = ingest(european_house, as_csv(european_fares(300, seed)))
    assert upload.status is UploadStatus.PENDING


def test_released_poison_is_trained_on_and_withdrawn_poison_is_not(
    european_house: Any,
) -> None:
    uploads = european_house.services.uploads
    before = len(trained_rows(european_house))
    dear = as_csv(POISONS["cents"](european_fares(200, seed=5)))
    held, _ = ingest(european_house, dear)
    uploads.release(held.id, by="bia", reason="these are real")
    assert len(trained_rows(european_house)) == before + 200
    uploads.withdraw(held.id, by="bia", reason="they are not")
    assert len(trained_rows(european_house)) == before
