"""Maps vendors' errors to failures, which decide what happens next: retry, wait, or ask a person.

| answer                                   | failure     | what happens                          |
|------------------------------------------|-------------|---------------------------------------|
| not finished; entity locked              | NOT_READY   | retried after the vendor's interval   |
| 429, quota, `Retry-After`                | RATE_LIMITED| retried after the vendor's interval   |
| 5xx, 408, timeout, connection lost       | UNAVAILABLE | retried with growing intervals        |
| 401, 403, expired or missing credentials | CREDENTIALS | the offer waits for a person          |
| 400, 404, 409, 422 and the like          | REJECTED    | the workflow decides; never retried   |
| the requested thing does not exist       | NOT_FOUND   | the workflow decides; never retried   |
| a mail may have been sent                | DELIVERY_UNKNOWN | a person decides; never retried  |

A failure contains no response body and no personal data, only codes, field names and AWS's text
about our request.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

import aiosmtplib
import httpx
import requests
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from simple_salesforce.exceptions import SalesforceError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from offers.lifecycle.aws_errors import AwsError


class Failure(StrEnum):
    """The `type` of the ApplicationError that an activity fails with."""

    NOT_READY = "NotReady"
    RATE_LIMITED = "RateLimited"
    UNAVAILABLE = "VendorUnavailable"
    CREDENTIALS = "CredentialsRejected"
    REJECTED = "VendorRejected"
    NOT_FOUND = "NotFound"
    DELIVERY_UNKNOWN = "DeliveryUnknown"


DEFAULT_RETRY_DELAY = timedelta(seconds=30)
"""After "too many requests" without a `Retry-After`."""


def not_ready(what: str, retry_after: timedelta | None = None) -> ApplicationError:
    """Benign: not counted as a failure, and no warning is logged."""
    return ApplicationError(
        what,
        type=Failure.NOT_READY,
        next_retry_delay=retry_after,
        category=ApplicationErrorCategory.BENIGN,
    )


def rate_limited(vendor: str, retry_after: timedelta | None = None) -> ApplicationError:
    return ApplicationError(
        f"{vendor} limits the rate of calls",
        type=Failure.RATE_LIMITED,
        next_retry_delay=retry_after or DEFAULT_RETRY_DELAY,
    )


def unavailable(vendor: str, what: str) -> ApplicationError:
    """The vendor did not answer, or answered with an internal error."""
    return ApplicationError(f"{vendor}: {what}", type=Failure.UNAVAILABLE)


def credentials_rejected(vendor: str, code: str) -> ApplicationError:
    """A person must renew our credentials or extend their rights."""
    return ApplicationError(
        f"{vendor} rejects our credentials ({code})",
        vendor,
        type=Failure.CREDENTIALS,
        non_retryable=True,
    )


def rejected(
    vendor: str, code: str, what: str, refusals: Sequence[AwsError] = ()
) -> ApplicationError:
    """Trying again would not help."""
    return ApplicationError(
        f"{vendor} rejected the request: {code}, {what}",
        list(refusals) or [AwsError(code=code, message=what)],
        type=Failure.REJECTED,
        non_retryable=True,
    )


def not_found(what: str) -> ApplicationError:
    return ApplicationError(what, type=Failure.NOT_FOUND, non_retryable=True)


def delivery_unknown() -> ApplicationError:
    """A mail may have been sent: the server's answer was lost."""
    return ApplicationError(
        "the mail may have been sent: the mail server's answer was lost",
        type=Failure.DELIVERY_UNKNOWN,
        non_retryable=True,
    )


# AWS ---------------------------------------------------------------------------------------------

AWS = "AWS Marketplace"
_AWS_CREDENTIALS = frozenset(
    {
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
_AWS_BUSY = {
    "ThrottlingException": timedelta(seconds=5),
    "TooManyRequestsException": timedelta(seconds=5),
    # Open change sets are limited to 250: only their completion makes room.
    "ServiceQuotaExceededException": timedelta(minutes=5),
}
LOCK_RETRY_DELAY = timedelta(minutes=1)
"""Before the next attempt if another change set has locked an entity."""


def aws_failure(error: ClientError | BotoCoreError, vendor: str = AWS) -> ApplicationError:
    """The failure for an error of a boto3 client."""
    if isinstance(error, _NO_CREDENTIALS):
        return credentials_rejected(vendor, type(error).__name__)
    if not isinstance(error, ClientError):
        return unavailable(vendor, type(error).__name__)
    code = error.response.get("Error", {}).get("Code", "")
    message = error.response.get("Error", {}).get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _AWS_CREDENTIALS:
        return credentials_rejected(vendor, code)
    if code == "ResourceInUseException":
        return not_ready("another change set has locked the offer", LOCK_RETRY_DELAY)
    if code in _AWS_BUSY:
        return rate_limited(vendor, _AWS_BUSY[code])
    if status == 429:
        return rate_limited(vendor)
    if status >= 500:
        return unavailable(vendor, f"{code or status}")
    if status in (401, 403):
        return credentials_rejected(vendor, code or str(status))
    return rejected(vendor, code or str(status), message)


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn errors of a boto3 client into the ApplicationError to fail with."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise aws_failure(error) from None


# HTTP --------------------------------------------------------------------------------------------


def http_failure(vendor: str, error: httpx.HTTPError) -> ApplicationError:
    """The failure for an httpx error."""
    if not isinstance(error, httpx.HTTPStatusError):
        return unavailable(vendor, type(error).__name__)
    response = error.response
    return _status_failure(vendor, response.status_code, response.headers.get("Retry-After"))


def _status_failure(vendor: str, status: int, retry_after: str | None) -> ApplicationError:
    if status in (401, 403):
        return credentials_rejected(vendor, str(status))
    if status == 429 or (status == 503 and retry_after):
        return rate_limited(vendor, _seconds(retry_after))
    if status == 408 or status >= 500:
        return unavailable(vendor, f"status {status}")
    return rejected(vendor, str(status), "the request was not accepted")


def _seconds(retry_after: str | None) -> timedelta | None:
    if retry_after is None:
        return None
    if retry_after.replace(".", "", 1).isdigit():
        return timedelta(seconds=float(retry_after))
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(until - datetime.now(UTC), timedelta(seconds=1))


# Salesforce --------------------------------------------------------------------------------------

SALESFORCE = "Salesforce"
_SALESFORCE_RETRY = frozenset(
    {
        "UNABLE_TO_LOCK_ROW",
        "SERVER_UNAVAILABLE",
        "REQUEST_RUNNING_TOO_LONG",
        "QUERY_TIMEOUT",
        "UNKNOWN_EXCEPTION",
    }
)
_SALESFORCE_CREDENTIALS = frozenset(
    {"INVALID_SESSION_ID", "INVALID_AUTH_HEADER", "API_DISABLED_FOR_ORG"}
)


def salesforce_failure(error: SalesforceError | requests.RequestException) -> ApplicationError:
    """The failure for an error of simple-salesforce.

    The errorCode decides, not the class: `UNABLE_TO_LOCK_ROW` (temporary) and `INVALID_FIELD`
    (permanent) are both SalesforceMalformedRequest.
    """
    if isinstance(error, requests.RequestException):
        return unavailable(SALESFORCE, type(error).__name__)
    code, fields = _salesforce_code(error.content)
    if code in _SALESFORCE_CREDENTIALS or code.startswith("INSUFFICIENT_ACCESS"):
        return credentials_rejected(SALESFORCE, code)
    if code == "REQUEST_LIMIT_EXCEEDED":
        # The daily and the concurrent limit have one code; the shorter wait suits both.
        return rate_limited(SALESFORCE, timedelta(minutes=5))
    if code in _SALESFORCE_RETRY:
        return unavailable(SALESFORCE, code)
    if code == "NOT_FOUND":
        return not_found("Salesforce has no such record")
    if code:
        named = f" on {', '.join(fields)}" if fields else ""
        return rejected(SALESFORCE, code, f"the request was not accepted{named}")
    return _status_failure(SALESFORCE, int(error.status), None)


def _salesforce_code(content: object) -> tuple[str, list[str]]:
    if isinstance(content, list) and content and isinstance(content[0], dict):
        first = content[0]
        return str(first.get("errorCode", "")), [str(name) for name in first.get("fields") or ()]
    return "", []


# Mail --------------------------------------------------------------------------------------------

SMTP = "The mail server"


def smtp_failure(error: aiosmtplib.SMTPException | OSError, *, data_sent: bool) -> ApplicationError:
    """The failure for an SMTP error.

    `data_sent`: whether the message itself had been sent before.  Without a reply to it, the mail
    may have been delivered.
    """
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return credentials_rejected(SMTP, str(error.code))
    if isinstance(error, aiosmtplib.SMTPRecipientRefused):
        return _reply_failure(error.code, "the recipient's address")
    if isinstance(error, aiosmtplib.SMTPResponseException) and not isinstance(
        error, aiosmtplib.SMTPConnectError
    ):
        return _reply_failure(error.code, "the mail")
    if data_sent:
        return delivery_unknown()
    return unavailable(SMTP, type(error).__name__)


def _reply_failure(code: int, what: str) -> ApplicationError:
    if code >= 500:
        return rejected(SMTP, str(code), f"it rejects {what}")
    return unavailable(SMTP, f"reply {code}")
