"""S3: moto behind the sandbox's address, faults, presigned URLs, and contracts that AWS reads."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import SESSION, Seller, error_codes, legal, status_and_code

BUCKET = "example-offers"
KEY = "eula/Example Corp/1+1.pdf"
PDF = b"%PDF-1.7\n%%EOF\n"


@pytest.fixture
def s3(sandbox: Sandbox) -> Any:
    config = Config(signature_version="s3v4", retries={"total_max_attempts": 1})
    return SESSION.client("s3", endpoint_url=sandbox.addresses.s3, config=config)


def link(s3: Any, age: timedelta = timedelta(), **parameters: Any) -> str:
    """A presigned URL that was signed this long ago."""
    chosen = {"Params": {"Bucket": BUCKET, "Key": KEY}, "ExpiresIn": 3600, **parameters}
    url = httpx.URL(s3.generate_presigned_url("get_object", **chosen))
    signed_at = f"{datetime.now(UTC) - age:%Y%m%dT%H%M%SZ}"
    return str(url.copy_set_param("X-Amz-Date", signed_at))


def test_objects_are_put_read_listed_and_deleted(s3: Any, sandbox: Sandbox) -> None:
    put = s3.put_object(Bucket=BUCKET, Key=KEY, Body=PDF, ContentType="application/pdf")
    got = s3.get_object(Bucket=BUCKET, Key=KEY)
    assert sandbox.world.aws.storage.get(BUCKET, KEY) == got["Body"].read() == PDF
    assert (got["ContentType"], got["ETag"]) == ("application/pdf", put["ETag"])
    assert s3.head_object(Bucket=BUCKET, Key=KEY)["ContentLength"] == len(PDF)
    sandbox.world.aws.storage.put(BUCKET, "other.txt", b"text")
    (listed,) = s3.list_objects_v2(Bucket=BUCKET, Prefix="eula/")["Contents"]
    assert listed["Key"] == KEY
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    assert sandbox.world.aws.storage.keys(BUCKET) == ["other.txt"]
    operations = ("PutObject", "GetObject", "HeadObject", "ListObjectsV2", "DeleteObject")
    assert sandbox.world.calls == {("s3", operation): 1 for operation in operations}


def test_each_sandbox_has_its_own_objects(s3: Any, sandbox: Sandbox) -> None:
    sandbox.world.aws.storage.put(BUCKET, KEY, PDF)
    with Sandbox() as other:
        assert other.world.aws.storage.keys(BUCKET) == []
    assert sandbox.world.aws.storage.keys(BUCKET) == [KEY]


@pytest.mark.parametrize(
    ("call", "members", "error"),
    [
        ("get_object", {"Bucket": BUCKET, "Key": "no.pdf"}, (404, "NoSuchKey")),
        ("put_object", {"Bucket": "example-other", "Key": KEY, "Body": PDF}, (404, "NoSuchBucket")),
        ("list_objects_v2", {"Bucket": "example-other"}, (404, "NoSuchBucket")),
        (
            "copy_object",
            {"Bucket": BUCKET, "Key": KEY, "CopySource": f"{BUCKET}/other"},
            (501, "NotImplemented"),
        ),
        ("list_objects", {"Bucket": BUCKET}, (501, "NotImplemented")),
        ("get_object_acl", {"Bucket": BUCKET, "Key": KEY}, (501, "NotImplemented")),
        ("create_multipart_upload", {"Bucket": BUCKET, "Key": KEY}, (501, "NotImplemented")),
    ],
)
def test_rejected_calls(s3: Any, call: str, members: dict[str, Any], error: Any) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(s3, call)(**members)
    assert status_and_code(refused.value) == error
    assert ("not simulated: " in str(refused.value)) == (error[0] == 501)


def test_a_presigned_url_expires_in_real_time(s3: Any, sandbox: Sandbox, clock: Any) -> None:
    sandbox.world.aws.storage.put(BUCKET, KEY, PDF)
    clock.advance(days=3000)
    week = timedelta(days=7).total_seconds()
    assert httpx.get(link(s3, timedelta(minutes=59))).content == PDF
    assert httpx.get(link(s3, ExpiresIn=int(week))).content == PDF
    for url, reason in [
        (link(s3, timedelta(minutes=61)), "Request has expired"),
        (link(s3, -timedelta(hours=1)), "Request is not valid yet"),
        (link(s3, ExpiresIn=int(week) + 1), "less than a week"),
        (link(s3).partition("?")[0], "Access Denied"),
    ]:
        refused = httpx.get(url)
        assert (refused.status_code, reason in refused.text) == (403, True), reason


DOCUMENTS: dict[str, tuple[bytes | None, Callable[[Any], str], str | None]] = {
    "a PDF": (PDF, link, None),
    "no object": (None, link, "isn't readable in Amazon S3"),
    "no PDF": (b"<html>", link, "isn't a valid PDF"),
    "encrypted": (PDF + b"trailer << /Encrypt 1 0 R >>", link, "is password-protected"),
    "unsigned": (PDF, lambda s3: link(s3).partition("?")[0], "isn't readable in Amazon S3"),
    "expired": (PDF, lambda s3: link(s3, timedelta(hours=2)), "has expired"),
    "not yet valid": (PDF, lambda s3: link(s3, -timedelta(hours=2)), "is not valid yet"),
    "another type": (PDF, lambda s3: link(s3).replace(".pdf", ".docx"), "a supported type"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_aws_reads_contracts(s3: Any, seller: Seller, case: str) -> None:
    content, url, problem = DOCUMENTS[case]
    if content is not None:
        seller.world.aws.storage.put(BUCKET, KEY, content)
    document = legal(Type="CustomEula", Url=url(s3))
    done = seller.run(seller.offer_changes(UpdateLegalTerms=document))
    expected = {"UpdateLegalTerms": ["INVALID_LEGAL_DOCUMENTS"]} if problem else {}
    assert error_codes(done) == expected
    assert (problem or "") in str(done["ChangeSet"])
