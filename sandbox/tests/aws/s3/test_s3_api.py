"""S3: boto3 as a client, presigned URLs, faults, and contracts that AWS reads."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from sandbox.faults import Fault
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import SESSION, Seller, error_codes, status_and_code

BUCKET = "example-offers"
KEY = "eula/Example Corp/rev1.pdf"
PDF = b"%PDF-1.7\n%%EOF\n"
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260302/us-east-1/s3"
    f"/aws4_request, SignedHeaders=host, Signature={'0' * 64}"
}


@pytest.fixture
def s3(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A boto3 client that gets the address from its environment variable."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", sandbox.addresses.env["AWS_ENDPOINT_URL_S3"])
    return SESSION.client(
        "s3",
        config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def put(sandbox: Sandbox) -> Callable[..., httpx.Response]:
    def send(body: bytes, path: str = f"{BUCKET}/a.pdf", **headers: str) -> httpx.Response:
        digest = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{sandbox.addresses.s3}/{path}"
        return httpx.put(url, content=body, headers={**SIGNED, **digest, **named})

    return send


def link(s3: Any, **parameters: Any) -> str:
    chosen = {"Params": {"Bucket": BUCKET, "Key": KEY}, "ExpiresIn": 3600, **parameters}
    return str(s3.generate_presigned_url("get_object", **chosen))


def dated(url: str, age: timedelta) -> str:
    """A presigned URL with a signing time this long ago."""
    today = httpx.URL(url)
    then = datetime.now(UTC) - age
    return str(today.copy_set_param("X-Amz-Date", then.strftime("%Y%m%dT%H%M%SZ")))


def test_put_and_get_an_object(s3: Any, sandbox: Sandbox) -> None:
    put = s3.put_object(Bucket=BUCKET, Key=KEY, Body=PDF, ContentType="application/pdf")
    got = s3.get_object(Bucket=BUCKET, Key=KEY)
    head = s3.head_object(Bucket=BUCKET, Key=KEY)

    assert sandbox.world.aws.objects == {(BUCKET, KEY): PDF}
    assert got["Body"].read() == PDF
    etag = f'"{hashlib.md5(PDF, usedforsecurity=False).hexdigest()}"'
    for each in (got, head):
        assert each["ContentType"] == "application/pdf"
        assert each["ContentLength"] == len(PDF)
        assert each["ETag"] == put["ETag"] == etag
    assert sandbox.world.calls == {
        ("s3", "PutObject"): 1,
        ("s3", "GetObject"): 1,
        ("s3", "HeadObject"): 1,
    }
    assert sandbox.world.writes == 1


def test_get_an_object_that_a_test_added(s3: Any, sandbox: Sandbox) -> None:
    sandbox.world.aws.objects[BUCKET, "a.pdf"] = PDF
    assert s3.get_object(Bucket=BUCKET, Key="a.pdf")["ContentType"] == "binary/octet-stream"
    s3.delete_object(Bucket=BUCKET, Key="a.pdf")
    assert not sandbox.world.aws.objects


@pytest.mark.parametrize("checksum", ["CRC32", "SHA1", "SHA256"])
def test_boto3_sends_checksums(s3: Any, sandbox: Sandbox, checksum: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=PDF, ChecksumAlgorithm=checksum)
    assert sandbox.world.aws.objects[BUCKET, KEY] == PDF


def test_unknown_keys_and_operations(s3: Any) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey, match="The specified key does not exist"):
        s3.get_object(Bucket=BUCKET, Key="no.pdf")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.put_object(Bucket="example-other", Key=KEY, Body=PDF)
    with pytest.raises(ClientError) as refused:
        s3.head_object(Bucket=BUCKET, Key="no.pdf")
    assert status_and_code(refused.value) == (404, "404")
    with pytest.raises(ClientError) as refused:
        s3.list_objects(Bucket=BUCKET)
    assert status_and_code(refused.value) == (501, "NotImplemented")


def test_a_range_of_an_object(s3: Any, sandbox: Sandbox) -> None:
    sandbox.world.aws.objects[BUCKET, KEY] = b"0123456789"

    def read(byte_range: str) -> tuple[bytes, str]:
        got = s3.get_object(Bucket=BUCKET, Key=KEY, Range=byte_range)
        return got["Body"].read(), got.get("ContentRange", "")

    assert read("bytes=2-4") == (b"234", "bytes 2-4/10")
    assert read("bytes=7-") == (b"789", "bytes 7-9/10")
    assert read("bytes=8-99") == (b"89", "bytes 8-9/10")
    assert read("bytes=-2") == (b"89", "bytes 8-9/10")
    assert read("lines=1-2") == (b"0123456789", "")
    with pytest.raises(ClientError) as refused:
        read("bytes=10-")
    assert status_and_code(refused.value) == (416, "InvalidRange")


def test_conditional_reads(s3: Any, sandbox: Sandbox) -> None:
    sandbox.world.aws.objects[BUCKET, KEY] = PDF
    etag = s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    assert s3.get_object(Bucket=BUCKET, Key=KEY, IfMatch=etag)["Body"].read() == PDF
    for condition, status in (({"IfNoneMatch": etag}, 304), ({"IfMatch": '"other"'}, 412)):
        with pytest.raises(ClientError) as refused:
            s3.get_object(Bucket=BUCKET, Key=KEY, **condition)
        assert status_and_code(refused.value)[0] == status


def test_list_objects(s3: Any, sandbox: Sandbox, clock: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a b/1+1.pdf", Body=PDF)
    for key in ("a b/2.pdf", "a b/c/3.pdf", "b/4.pdf"):
        sandbox.world.aws.objects[BUCKET, key] = PDF
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="a b/", Delimiter="/")
    assert [each["Key"] for each in listed["Contents"]] == ["a b/1+1.pdf", "a b/2.pdf"]
    assert [each["Prefix"] for each in listed["CommonPrefixes"]] == ["a b/c/"]
    first = listed["Contents"][0]
    assert (first["Size"], first["LastModified"]) == (len(PDF), clock.now)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, PaginationConfig={"PageSize": 3}
    )
    assert [page["KeyCount"] for page in pages] == [3, 1]
    assert s3.list_objects_v2(Bucket=BUCKET, StartAfter="a b/c/3.pdf")["KeyCount"] == 1
    with pytest.raises(ClientError) as refused:
        s3.list_objects_v2(Bucket=BUCKET, ContinuationToken="?")
    assert status_and_code(refused.value) == (400, "InvalidArgument")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="example-other")


# Chunked bodies, as newer clients send them over TLS ---------------------------------------------

CHUNKED = {
    "x_amz_content_sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "Content_Encoding": "aws-chunked",
    "x_amz_trailer": "x-amz-checksum-crc32",
    "x_amz_decoded_content_length": "9",
}
CRC = "y/Q5Jg=="  # of 123456789: the check value of CRC-32


def test_a_chunked_body_with_a_trailing_checksum(put: Any, sandbox: Sandbox) -> None:
    body = b"4\r\n1234\r\n5\r\n56789\r\n0\r\nx-amz-checksum-crc32:" + CRC.encode() + b"\r\n\r\n"
    assert put(body, **CHUNKED).status_code == 200
    assert sandbox.world.aws.objects[BUCKET, "a.pdf"] == b"123456789"


def test_a_body_with_signed_chunks(put: Any, sandbox: Sandbox) -> None:
    signature = b";chunk-signature=" + b"0" * 64
    body = b"9" + signature + b"\r\n123456789\r\n0" + signature + b"\r\n\r\n"
    digest = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    assert put(body, **{**CHUNKED, "x_amz_content_sha256": digest}).status_code == 200
    assert sandbox.world.aws.objects[BUCKET, "a.pdf"] == b"123456789"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "BadDigest"),
        (b"9\r\n123456789\r\n", "IncompleteBody"),
        (b"9\r\n1234", "IncompleteBody"),
        (b"4\r\n123456789\r\n0\r\n\r\n", "IncompleteBody"),
        (b"4\r\n1234\r\n0\r\n\r\n", "IncompleteBody"),
        (b"123456789", "IncompleteBody"),
    ],
)
def test_invalid_chunked_bodies(put: Any, sandbox: Sandbox, body: bytes, error: str) -> None:
    refused = put(body, **CHUNKED)
    assert refused.status_code == 400
    assert f"<Code>{error}</Code>" in refused.text
    assert not sandbox.world.aws.objects


def test_a_body_with_a_wrong_hash(put: Any, sandbox: Sandbox) -> None:
    assert "XAmzContentSHA256Mismatch" in put(PDF, x_amz_content_sha256="0" * 64).text
    assert "BadDigest" in put(PDF, x_amz_checksum_crc32="AAAAAA==").text
    assert not sandbox.world.aws.objects


# Presigned URLs ----------------------------------------------------------------------------------


def test_a_presigned_url_needs_no_credentials(s3: Any, sandbox: Sandbox) -> None:
    sandbox.world.aws.objects[BUCKET, KEY] = PDF
    assert httpx.get(link(s3)).content == PDF
    assert httpx.get(link(s3, ExpiresIn=7 * 24 * 3600)).content == PDF
    plain = httpx.get(f"{sandbox.addresses.s3}/{BUCKET}/a.pdf")
    assert plain.status_code == 403
    assert "<Code>AccessDenied</Code>" in plain.text


def test_a_presigned_url_expires_in_real_time(s3: Any, sandbox: Sandbox, clock: Any) -> None:
    sandbox.world.aws.objects[BUCKET, KEY] = PDF
    clock.advance(days=3000)
    assert httpx.get(link(s3)).content == PDF
    assert httpx.get(dated(link(s3), timedelta(minutes=59))).content == PDF
    over = httpx.get(dated(link(s3), timedelta(minutes=61)))
    assert (over.status_code, "Request has expired" in over.text) == (403, True)
    early = httpx.get(dated(link(s3), -timedelta(hours=1)))
    assert (early.status_code, "not valid yet" in early.text) == (403, True)


def test_a_presigned_url_is_valid_for_at_most_seven_days(s3: Any) -> None:
    refused = httpx.get(link(s3, ExpiresIn=7 * 24 * 3600 + 1))
    assert "AuthorizationQueryParametersError" in refused.text


def test_other_signatures_are_rejected(s3: Any, put: Any, sandbox: Sandbox) -> None:
    old = SESSION.client(
        "s3", endpoint_url=sandbox.addresses.s3, config=Config(signature_version="s3")
    )
    assert "Please use AWS4-HMAC-SHA256" in httpx.get(link(old)).text
    elsewhere = SIGNED["Authorization"].replace("us-east-1", "eu-west-1")
    assert "AuthorizationHeaderMalformed" in put(PDF, Authorization=elsewhere).text


# Faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"), [(403, "AccessDenied"), (500, "InternalError"), (503, "SlowDown")]
)
def test_fault_responses(s3: Any, sandbox: Sandbox, status: int, error: str) -> None:
    sandbox.world.faults.waiting.append(Fault("s3", "status", status=status))
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=PDF)
    assert status_and_code(refused.value) == (status, error)
    assert not sandbox.world.aws.objects


def test_a_lost_response(s3: Any, sandbox: Sandbox) -> None:
    sandbox.world.faults.waiting.append(Fault("s3", "drop_after", operation="PutObject"))
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=PDF)
    assert sandbox.world.aws.objects[BUCKET, KEY] == PDF


# AWS reads contracts -----------------------------------------------------------------------------


def outcome(seller: Seller, url: str) -> dict[str, Any]:
    document = {"Type": "CustomEula", "Url": url}
    legal = {"Terms": [{"Type": "LegalTerm", "Documents": [document]}]}
    return seller.run(seller.offer_changes(UpdateLegalTerms=legal))


def test_aws_accepts_a_contract_in_s3(s3: Any, seller: Seller) -> None:
    seller.world.aws.objects[BUCKET, KEY] = PDF
    assert outcome(seller, link(s3))["Status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("content", "change", "problem"),
    [
        (None, str, "isn't readable in Amazon S3"),
        (b"<html>", str, "isn't a valid PDF"),
        (PDF + b"trailer << /Encrypt 1 0 R >>", str, "is password-protected"),
        (PDF, lambda url: url.partition("?")[0], "isn't readable in Amazon S3"),
        (PDF, lambda url: dated(url, timedelta(hours=2)), "has expired"),
        (PDF, lambda url: dated(url, -timedelta(hours=2)), "isn't readable in Amazon S3"),
        (PDF, lambda url: url.replace(".pdf", ".docx"), "isn't of a supported type"),
    ],
)
def test_aws_rejects_unusable_documents(
    s3: Any, seller: Seller, content: bytes | None, change: Callable[[str], str], problem: str
) -> None:
    if content is not None:
        seller.world.aws.objects[BUCKET, KEY] = content
    done = outcome(seller, change(link(s3)))
    assert done["Status"] == "FAILED"
    assert error_codes(done)["UpdateLegalTerms"] == ["INVALID_LEGAL_DOCUMENTS"]
    assert problem in str(done["ChangeSet"])


def test_aws_accepts_a_text_document(s3: Any, seller: Seller) -> None:
    seller.world.aws.objects[BUCKET, "eula.txt"] = b"Example terms"
    url = link(s3, Params={"Bucket": BUCKET, "Key": "eula.txt"})
    assert outcome(seller, url)["Status"] == "SUCCEEDED"
