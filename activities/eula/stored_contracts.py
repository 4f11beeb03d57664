"""The merged contracts of an opportunity in our bucket, as they are listed and deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from activities.errors import not_found
from activities.eula.allowed_sources import MERGED
from activities.eula.sources import s3_failure
from offers.model import FrozenModel


class StoredVersion(FrozenModel):
    """One version of an object in S3: its content, or the mark that it was deleted."""

    key: str
    version_id: str
    """`null` in a bucket that keeps no versions."""


class StoredContracts:
    """Lists and deletes contracts.  Raises the ApplicationError to fail with."""

    def __init__(self, s3: Any, bucket: str) -> None:
        """`s3`: a boto3 client of S3."""
        self._s3 = s3
        self.bucket = bucket

    def find(self, opportunity_id: str) -> list[StoredVersion]:
        """Every version, also of what was replaced or deleted before."""
        query = {"Bucket": self.bucket, "Prefix": contract_prefix(opportunity_id)}
        with s3_errors(self.bucket):
            return [
                StoredVersion(key=each["Key"], version_id=each["VersionId"])
                for page in self._s3.get_paginator("list_object_versions").paginate(**query)
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            ]

    def delete(self, versions: list[StoredVersion]) -> None:
        """Delete them for good: a deletion that names the version leaves no mark."""
        with s3_errors(self.bucket):
            for each in versions:
                self._s3.delete_object(Bucket=self.bucket, Key=each.key, VersionId=each.version_id)


def contract_prefix(opportunity_id: str) -> str:
    """What the keys of an opportunity's contracts begin with, those of its amendments included."""
    return f"{MERGED}{opportunity_id}/"


@contextmanager
def s3_errors(bucket: str) -> Iterator[None]:
    """Turn errors of a boto3 client of S3 into the ApplicationError to fail with."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "NoSuchBucket":
            raise not_found(f"Amazon S3 has no bucket {bucket} (OFFERS_EULA_BUCKET)") from None
        raise s3_failure(error) from None
    except BotoCoreError as error:
        raise s3_failure(error) from None
