"""Links to merged contracts: AWS reads what they name, and each of them is the same text."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError

from activities.eula.links import EulaLinks, PublishedEula
from sandbox.server import Sandbox
from tests.support.eula_documents import BUCKET, pdf, s3_client

CREDENTIALS = Credentials("AKIAIOSFODNN7EXAMPLE", "example")
KEY = "eula/006000000000001AAA/rev1 é.pdf"
SIGNED_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def of_aws(credentials: Credentials = CREDENTIALS) -> Any:
    """A client of S3 itself."""
    return boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
    )


def links(s3: Any, credentials: Credentials | None = CREDENTIALS) -> EulaLinks:
    return EulaLinks(s3, BUCKET, lambda: credentials)


def test_aws_reads_the_contract_for_seven_days(sandbox: Sandbox) -> None:
    s3, content = s3_client(sandbox), pdf(100)
    sandbox.world.aws.storage.put(BUCKET, KEY, content)
    now = datetime.now(UTC)
    for age, status in (timedelta(days=6, hours=23), 200), (timedelta(days=7, hours=1), 403):
        answer = httpx.get(links(s3).link(PublishedEula(key=KEY, signed_at=now - age)))
        assert answer.status_code == status
        assert status != 200 or answer.content == content
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == content


def test_each_link_is_the_same_text() -> None:
    eula = PublishedEula(key=KEY, signed_at=SIGNED_AT)
    link = links(of_aws()).link(eula)
    assert links(of_aws()).link(eula) == link
    address = urlsplit(link)
    assert (address.scheme, address.netloc) == ("https", f"{BUCKET}.s3.amazonaws.com")
    assert address.path == "/eula/006000000000001AAA/rev1%20%C3%A9.pdf"


def test_signature_is_botocores(monkeypatch: pytest.MonkeyPatch) -> None:
    """As botocore signs itself at that time."""
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: SIGNED_AT)
    temporary = Credentials(CREDENTIALS.access_key, CREDENTIALS.secret_key, "token")
    s3 = of_aws(temporary)
    s3.meta.events.register_first("choose-signer.s3.GetObject", lambda **_: "s3v4-query")
    expected = s3.generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": KEY}, ExpiresIn=7 * 24 * 3600
    )
    monkeypatch.undo()
    link = links(of_aws(), temporary).link(PublishedEula(key=KEY, signed_at=SIGNED_AT))
    assert link == expected


def test_no_credentials_are_said() -> None:
    with pytest.raises(NoCredentialsError):
        links(of_aws(), None).link(PublishedEula(key=KEY, signed_at=SIGNED_AT))
