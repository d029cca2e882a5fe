"""Every file that was handed in is kept, in exactly one status."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tripadvance_core.domain.entities import ColumnMapping, UploadStatus
from tripadvance_core.errors import AlreadyExists, Corrupted
from tripadvance_core.services.uploads import Verdict

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


def test_stored_file_that_changed_is_found(house: Any) -> None:
    services = house.services
    upload, _ = services.uploads.ingest(GOOD, "a.csv", PLAIN, owner="ana")
    services.uploads.verify_all()
    services.objects.put(upload.raw.key, GOOD + b" ")
    with pytest.raises(Corrupted):
        services.uploads.verify_all()
