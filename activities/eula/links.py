"""Links to merged contracts, signed when they are used and never stored."""

from collections.abc import Callable
from typing import Any

from botocore import UNSIGNED
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError
from pydantic import AwareDatetime

from offers.model import FrozenModel

LINK_SECONDS = 7 * 24 * 3600
"""How long a link is valid: the maximum of SigV4."""


class PublishedEula(FrozenModel):
    """A merged contract in the bucket of the settings."""

    key: str
    signed_at: AwareDatetime
    """What its links say of when they were signed (UTC): each of them is then the same text, as
    AWS takes one client request token for one body only."""


class EulaLinks:
    """Signs links to merged contracts: with the seller's rights, without a call."""

    def __init__(self, s3: Any, bucket: str, credentials: Callable[[], Credentials | None]) -> None:
        """`s3`: a boto3 client of S3; `credentials`: those that sign, as they are now."""
        self._s3 = s3
        self._bucket = bucket
        self._credentials = credentials
        s3.meta.events.register_first(
            "choose-signer.s3.GetObject", _unsigned_links, unique_id="eula-links"
        )

    def link(self, eula: PublishedEula) -> str:
        """The address at which AWS reads the contract, for seven days from `signed_at`.

        It ends earlier with the credentials that sign it: those of an IAM role are temporary (AWS:
        presigned URLs).  A change set reads it within hours.  Raises NoCredentialsError.
        """
        credentials = self._credentials()
        if credentials is None:
            raise NoCredentialsError
        place = {"Bucket": self._bucket, "Key": eula.key}
        request = AWSRequest("GET", self._s3.generate_presigned_url("get_object", Params=place))
        region = self._s3.meta.region_name
        _SignedAt(credentials.get_frozen_credentials(), region, eula).add_auth(request)
        return str(request.url)


class _SignedAt(S3SigV4QueryAuth):  # type: ignore[misc]  # botocore has no types
    """Says when the link was signed; botocore knows only now."""

    def __init__(self, credentials: Any, region: str, eula: PublishedEula) -> None:
        super().__init__(credentials, "s3", region, LINK_SECONDS)
        self._timestamp = eula.signed_at.strftime("%Y%m%dT%H%M%SZ")

    def _modify_request_before_signing(self, request: Any) -> None:
        request.context["timestamp"] = self._timestamp
        super()._modify_request_before_signing(request)


def _unsigned_links(signature_version: str, **_: Any) -> Any:
    """botocore gives the address alone; requests are signed as always."""
    return UNSIGNED if signature_version.endswith("-query") else None
