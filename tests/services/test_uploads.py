"""Every file that was handed in is kept, in exactly one status."""

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openpyxl
import pytest

from tripadvance_core.bootstrap import build_services
from tripadvance_core.domain.entities import ColumnMapping, UploadStatus
from tripadvance_core.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    Unavailable,
)
from tripadvance_core.services.claims import PartitionRequest
from tripadvance_core.services.history import read_rows
from tripadvance_core.services.uploads import HELD_FOR_REVIEW, Verdict

GOOD = (
    b"date,start_city,end_city,airline,duration,price\n"
    b"25/03/2025,Salvador,Recife,Gol,80,82.68\n"
)
PLAIN = ColumnMapping()


def test_good_file_waits_and_its_bytes_are_kept(house: Any) -> None:
    services = house.services
    upload, check = services.uploads.ingest(GOOD, "a.csv", PLAIN, owner="ana")
    assert check.verdict is Verdict.ACCEPT
    assert upload.status is UploadStatus.PENDING
    assert services.objects.get(upload.raw.key) == GOOD


def test_refused_file_is_kept_but_never_waits(house: Any) -> None:
    services = house.services
    upload, check = services.uploads.ingest(b"what?", "a.csv", PLAIN, owner="ana")
    assert check.verdict is Verdict.REJECT
    assert upload.status is UploadStatus.REJECTED
    assert upload.reason == check.refusal.code
    assert services.objects.get(upload.raw.key) == b"what?"
    assert services.uploads.waiting() == []


def test_same_bytes_under_another_name_are_one_upload(house: Any) -> None:
    uploads = house.services.uploads
    uploads.ingest(GOOD, "a.csv", PLAIN, owner="ana")
    with pytest.raises(AlreadyExists, match="ALREADY_UPLOADED"):
        uploads.ingest(GOOD, "b.csv", PLAIN, owner="bia")
    assert len(uploads.all()) == 1


def test_same_bytes_handed_in_at_once_are_one_upload(house: Any) -> None:
    uploads = house.services.uploads

    def ingest(number: int) -> bool:
        try:
            uploads.ingest(GOOD, f"{number}.csv", PLAIN, owner="ana")
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ingest, range(8))) == 1


def test_refused_file_may_be_handed_in_again_with_a_mapping(house: Any) -> None:
    uploads = house.services.uploads
    content = GOOD.replace(b"price", b"what it cost")
    first, _ = uploads.ingest(content, "a.csv", PLAIN, owner="ana")
    mapping = ColumnMapping(headers={"price": "what it cost"})
    second, _ = uploads.ingest(content, "a.csv", mapping, owner="ana")
    assert first.status is UploadStatus.REJECTED
    assert second.status is UploadStatus.PENDING
    assert len(uploads.all()) == 1


def test_rows_are_stored_once_and_read_back_as_they_were_found(house: Any) -> None:
    upload = house.upload(rows=50)
    rows = read_rows(house.services.objects, upload)
    assert len(rows) == upload.rows_kept == 50
    assert upload.cleaned.key.startswith("rows/")


def test_header_that_was_mapped_once_is_known_from_then_on(house: Any) -> None:
    uploads = house.services.uploads
    first = GOOD.replace(b"price", b"Valor Cheio")
    mapping = ColumnMapping(headers={"price": "valor cheio"})
    uploads.ingest(first, "a.csv", mapping, owner="ana")
    second = first.replace(b"80,", b"85,")
    known, _ = uploads.ingest(second, "b.csv", PLAIN, owner="ana")
    unknown = uploads.check(second, "b.csv", PLAIN, owner="bia")
    assert known.status is UploadStatus.PENDING
    assert unknown.refusal.code == "MISSING_COLUMN"


def test_file_that_contradicts_the_history_is_held_until_released(house: Any) -> None:
    uploads = house.services.uploads
    house.upload(rows=400)
    house.run()
    upload, check = uploads.ingest(tenfold(house), "x.csv", PLAIN, owner="ana")
    assert upload.status is UploadStatus.HELD
    assert upload.reason == HELD_FOR_REVIEW
    assert check.evidence
    assert all(found.sentence("pt-BR") for found in upload.evidence)
    released = uploads.release(upload.id[:8], by="bia", reason="prices in cents")
    assert released.status is UploadStatus.PENDING
    assert (released.intervention.by, released.intervention.action) == (
        "bia",
        "released",
    )
    with pytest.raises(Conflict, match="UPLOAD_NOT_HELD"):
        uploads.release(upload.id, by="bia", reason="again")


def test_file_like_the_history_is_not_held(house: Any) -> None:
    house.upload(rows=400)
    house.run()
    assert house.upload(rows=200).status is UploadStatus.PENDING


def test_file_is_compared_with_what_waits_before_the_first_night(house: Any) -> None:
    house.upload(rows=400)
    _, check = house.services.uploads.ingest(
        tenfold(house), "x.csv", PLAIN, owner="ana"
    )
    assert check.evidence


def test_damaged_file_that_waits_does_not_stop_a_new_one(house: Any) -> None:
    damaged = house.upload(rows=40)
    house.services.objects.put(damaged.cleaned.key, b"damaged")
    assert house.upload(rows=40).status is UploadStatus.PENDING


def test_withdrawn_file_waits_for_no_night_and_may_come_again(house: Any) -> None:
    uploads = house.services.uploads
    upload, _ = uploads.ingest(GOOD, "a.csv", PLAIN, owner="ana")
    assert uploads.withdraw(upload.id, by="ana", reason="wrong file").intervention
    assert uploads.waiting() == []
    with pytest.raises(Conflict, match="UPLOAD_WITHDRAWN"):
        uploads.withdraw(upload.id, by="ana", reason="again")
    again, _ = uploads.ingest(GOOD, "a.csv", PLAIN, owner="ana")
    assert again.status is UploadStatus.PENDING
    assert again.intervention is None


def test_withdrawal_that_was_cut_off_marks_the_models_at_the_next_start(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = house.services
    upload = house.upload()
    house.run()

    def silent(_upload_id: str) -> None:
        raise Unavailable("DATABASE_UNAVAILABLE", address="x", problem="silent")

    monkeypatch.setattr(services.uploads, "models_trained_on", silent)
    with pytest.raises(Unavailable):
        services.uploads.withdraw(upload.id, by="ana", reason="test fares")
    assert services.registry.master().withdrawn_upload_ids == ()
    started = build_services(services.settings, services.clock)
    assert started.registry.master().withdrawn_upload_ids == (upload.id,)
    started.database.close()


def test_models_that_learned_from_a_withdrawn_file_are_marked(house: Any) -> None:
    services = house.services
    first = house.upload(rows=300)
    house.run()
    second = house.upload(rows=300)
    house.run()
    services.uploads.withdraw(second.id, by="ana", reason="test fares")
    older, newer = sorted(services.registry.versions(), key=lambda m: m.number)
    assert older.withdrawn_upload_ids == ()
    assert newer.withdrawn_upload_ids == (second.id,)
    assert services.uploads.models_trained_on(first.id) == [older, newer]
    house.upload(rows=300)
    result = house.run()
    assert second.id not in result.model.upload_ids


def test_upload_that_is_being_trained_on_cannot_be_withdrawn(house: Any) -> None:
    services = house.services
    upload = house.upload()
    services.claims.claim("token", PartitionRequest(min_partition_bytes=1))
    with pytest.raises(Conflict, match="UPLOAD_IN_TRAINING"):
        services.uploads.withdraw(upload.id, by="ana", reason="too late")


def test_refused_rows_can_be_had_as_a_workbook(house: Any) -> None:
    uploads = house.services.uploads
    content = GOOD + b"25/03,Salvador,Recife,Gol,80,82.68\n"
    upload, _ = uploads.ingest(content, "a.csv", PLAIN, owner="ana")
    report = openpyxl.load_workbook(
        io.BytesIO(uploads.refusals_report(upload.id, "pt-BR"))
    )
    header, refused = report.worksheets[0].iter_rows(values_only=True)
    assert header[-3:] == ("linha", "coluna", "motivo")
    assert refused[-3:-1] == (3, "date")


def test_unknown_upload_is_not_found(house: Any) -> None:
    with pytest.raises(NotFound, match="UPLOAD_NOT_FOUND"):
        house.services.uploads.find("nothing")


def tenfold(house: Any) -> bytes:
    """Return fares like the others, ten times as dear."""
    header, *lines = house.make_fares(300, seed=99).decode().splitlines()
    dear = [
        f"{start},{float(price) * 10:.2f}"
        for start, _, price in (line.rpartition(",") for line in lines)
    ]
    return "\n".join([header, *dear]).encode()


def test_page_lists_the_newest_first_and_by_status(house: Any) -> None:
    first, second = house.upload(), house.upload()
    uploads = house.services.uploads
    uploads.withdraw(first.id, by="ana", reason="wrong")
    assert [upload.id for upload in uploads.page(1).items] == [second.id, first.id]
    withdrawn = uploads.page(1, UploadStatus.WITHDRAWN)
    assert [upload.id for upload in withdrawn.items] == [first.id]


def test_upload_can_be_read_again_as_it_was(house: Any) -> None:
    content = house.make_fares(50) + b"31/02/2026,Natal,Recife,Gol,60,1\n"
    upload, check = house.services.uploads.ingest(
        content, "x.csv", ColumnMapping(), owner="ana"
    )
    again = house.services.uploads.read_again(upload.id)
    assert again.fares.refused == check.fares.refused != ()
    assert house.services.uploads.original(upload.id) == (upload, content)
