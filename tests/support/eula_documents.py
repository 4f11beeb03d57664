"""EULA documents for tests: PDFs, an S3 client, and the request to publish them."""

import io
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from pypdf import PdfWriter

from activities.eula.documents import EulaDocuments, PublishEula
from activities.eula.links import PublishedEula
from sandbox.server import Sandbox

BUCKET = "example-offers"


def pdf(*widths: int, change: Callable[[PdfWriter], Any] = lambda _: None) -> bytes:
    """A document with a blank page of each width."""
    writer = PdfWriter()
    for width in widths:
        writer.add_blank_page(width, 100)
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def s3_client(sandbox: Sandbox) -> Any:
    """An S3 client as the worker creates it: without a signature version."""
    return boto3.client(
        "s3",
        endpoint_url=sandbox.addresses.s3,
        region_name="us-east-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="example",
        config=Config(retries={"total_max_attempts": 1}),
    )


def publish(documents: EulaDocuments, *sources: str, revision: int = 1) -> PublishedEula:
    """Publish documents for the example opportunity."""
    request = PublishEula(opportunity_id="006000000000001AAA", revision=revision, documents=sources)
    return documents.publish(request)


def published(sandbox: Sandbox) -> dict[str, bytes]:
    """What was published, by key."""
    storage = sandbox.world.aws.storage
    return {
        key: storage.get(BUCKET, key) or b""
        for key in storage.keys(BUCKET)
        if key.startswith("eula/")
    }
