"""What entities say for themselves."""

from datetime import UTC, datetime

from tripadvance_core.domain.entities import (
    Evidence,
    ModelRole,
    ModelVersion,
    StoredFile,
)

FILE = StoredFile(key="k", sha256="0" * 64, size_bytes=1)


def test_evidence_writes_its_figures_as_its_reader_does() -> None:
    evidence = Evidence(code="PRICES_OFF_LEVEL", details={"ratio": 5.43, "rows": 1_200})
    assert "(1.200 linhas)" in evidence.sentence("pt-BR")
    assert " 5,43 vezes" in evidence.sentence("pt-BR")
    assert " 5.43 times" in evidence.sentence("en")


def test_thousands_of_uploads_are_one_text_in_the_record_of_a_model() -> None:
    ids = tuple(f"{number:032}" for number in range(3_000))
    model = ModelVersion(
        id="m",
        number=1,
        run_id="r",
        role=ModelRole.CHALLENGER,
        created_at=datetime(2026, 11, 24, tzinfo=UTC),
        files=(),
        predictions=FILE,
        trained_on=FILE,
        currency="USD",
        upload_ids=ids,
        training_rows=1,
        holdout_rows=1,
        features=(),
        parameters={},
        metrics=None,
        baseline_metrics=None,
        rival_id=None,
        rival_metrics=None,
    )
    document = model.to_document()
    assert document["upload_ids"] == " ".join(ids)
    assert ModelVersion.from_document(document) == model
    of_an_older_version = {**document, "upload_ids": list(ids)}
    assert ModelVersion.from_document(of_an_older_version) == model
