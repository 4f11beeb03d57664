"""The contracts of an opportunity in S3: found and deleted with every version."""

from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.eula.stored_contracts import StoredContracts
from sandbox.server import Sandbox
from tests.support.eula_documents import BUCKET, s3_client

ERASED, OTHER = "006000000000001AAA", "006000000000002AAA"
KEY = f"eula/{ERASED}/rev1-0123456789abcdef.pdf"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def s3(sandbox: Sandbox) -> Any:
    return s3_client(sandbox)


def test_versions_and_deletion_marks_are_deleted(sandbox: Sandbox, s3: Any) -> None:
    backend = sandbox.world.aws.storage.backend()
    backend.put_bucket_versioning(BUCKET, "Enabled")
    kept = [f"eula/{OTHER}/rev1-0123456789abcdef.pdf", "contract.pdf"]
    for key in (KEY, KEY, *kept):
        sandbox.world.aws.storage.put(BUCKET, key, b"%PDF-1.7")
    s3.delete_object(Bucket=BUCKET, Key=KEY)

    contracts = StoredContracts(s3, BUCKET)
    found = contracts.find(ERASED)
    assert [each.key for each in found] == [KEY] * 3
    contracts.delete(found)
    assert contracts.find(ERASED) == []
    left = s3.list_object_versions(Bucket=BUCKET)
    assert sorted(each["Key"] for each in left["Versions"]) == sorted(kept)
    assert "DeleteMarkers" not in left


@pytest.mark.parametrize("operation", ["ListObjectVersions", "DeleteObject"])
def test_missing_permission_is_named(sandbox: Sandbox, s3: Any, operation: str) -> None:
    sandbox.world.aws.storage.put(BUCKET, KEY, b"%PDF-1.7")
    sandbox.world.faults.s3.answer(403, operation)
    contracts = StoredContracts(s3, BUCKET)
    with pytest.raises(ApplicationError, match="AccessDenied") as failed:
        contracts.delete(contracts.find(ERASED))
    assert failed.value.type == Failure.CREDENTIALS
    assert sandbox.world.aws.storage.keys(BUCKET) == [KEY]
