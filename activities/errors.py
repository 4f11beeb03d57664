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

import re
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

from offers.lifecycle.attentions import Vendor
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


VENDORS = {
    "AWS Marketplace": Vendor.AWS,
    "Amazon S3": Vendor.AWS,
    "Clazar": Vendor.CLAZAR,
    "Salesforce": Vendor.SALESFORCE,
    "The mail server": Vendor.EMAIL,
}
"""By the names in messages."""


def vendor_of(name: str) -> Vendor | None:
    """The first detail of a failure: whose it is; None: Temporal's, or a contract's server's."""
    return VENDORS.get(name)


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
        vendor_of(vendor),
        type=Failure.RATE_LIMITED,
        next_retry_delay=retry_after or DEFAULT_RETRY_DELAY,
    )


def unavailable(vendor: str, what: str) -> ApplicationError:
    """The vendor did not answer, or answered with an internal error."""
    return ApplicationError(f"{vendor}: {what}", vendor_of(vendor), type=Failure.UNAVAILABLE)


def credentials_rejected(vendor: str, code: str) -> ApplicationError:
    """A person must renew our credentials or extend their rights."""
    return ApplicationError(
        f"{vendor} rejects our credentials ({code})",
        vendor_of(vendor),
        type=Failure.CREDENTIALS,
        non_retryable=True,
    )


def credentials_missing(vendor: str, code: str) -> ApplicationError:
    """A person must give the worker credentials: the vendor was not asked."""
    return ApplicationError(
        f"the worker has no credentials for {vendor} ({code})",
        vendor_of(vendor),
        type=Failure.CREDENTIALS,
        non_retryable=True,
    )


def rejected(
    vendor: str, code: str, what: str, refusals: Sequence[AwsError] = ()
) -> ApplicationError:
    """Trying again would not help."""
    return ApplicationError(
        f"{vendor} rejected the request: {code}, {what}",
        vendor_of(vendor),
        list(refusals) or [AwsError(code=code, message=what)],
        type=Failure.REJECTED,
        non_retryable=True,
    )


def setting_missing(what: str) -> ApplicationError:
    """A person must set something on the worker: nobody was asked anything."""
    return ApplicationError(what, None, type=Failure.REJECTED, non_retryable=True)


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
        return credentials_missing(vendor, type(error).__name__)
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
        return rate_limited(vendor, parse_retry_after(retry_after))
    if status == 408 or status >= 500:
        return unavailable(vendor, f"status {status}")
    return rejected(vendor, str(status), "the request was not accepted")


LONGEST_RETRY_AFTER = timedelta(days=1)
"""No header makes a call wait for longer."""


def parse_retry_after(header: str | None) -> timedelta | None:
    """How long a `Retry-After` asks to wait; None if there is none that can be read."""
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return min(timedelta(seconds=float(text)), LONGEST_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(text[:LONGEST_DATE])
    except ValueError:
        return None
    if until.tzinfo is None:  # "-0000": UTC, from an unknown place
        until = until.replace(tzinfo=UTC)
    return min(max(until - datetime.now(UTC), timedelta(seconds=1)), LONGEST_RETRY_AFTER)


LONGEST_DATE = 40
"""Characters of a date in a header."""


# Salesforce --------------------------------------------------------------------------------------

SALESFORCE = "Salesforce"
_SALESFORCE_TRIGGER = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
"""An error of a trigger: its message contains the error of the record that the trigger changed."""
_SALESFORCE_LOCKED = "ENTITY_IS_LOCKED"
APPROVAL_RETRY_DELAY = timedelta(minutes=15)
"""Before the next attempt if an approval process has locked the record, for hours or days."""
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
    errors = _salesforce_errors(error.content)
    code, message, fields = errors[0] if errors else ("", "", [])
    if code == _SALESFORCE_TRIGGER:
        passing = _SALESFORCE_RETRY | {_SALESFORCE_LOCKED}
        words = _WORDS.findall(message[:LONGEST_TEXT])
        code = next((word for word in words if word in passing), code)
    if code in _SALESFORCE_RETRY:
        return unavailable(SALESFORCE, code)
    if code == _SALESFORCE_LOCKED:
        return not_ready("an approval has locked the Salesforce record", APPROVAL_RETRY_DELAY)
    if code in _SALESFORCE_CREDENTIALS or code.startswith("INSUFFICIENT_ACCESS"):
        return credentials_rejected(SALESFORCE, code)
    if code == "REQUEST_LIMIT_EXCEEDED":
        # The daily and the concurrent limit have one code; the shorter wait suits both.
        return rate_limited(SALESFORCE, timedelta(minutes=5))
    if code == "NOT_FOUND":
        return not_found("Salesforce has no such record")
    if code:
        # Only in its message does INVALID_FIELD name the field, which is one of our own map.
        if unknown := _NO_SUCH_COLUMN.search(message[:LONGEST_TEXT]):
            what = f"there is no field {unknown[1]}, or we may not see it: correct the field map"
            return rejected(SALESFORCE, code, what)
        named = f" on {', '.join(fields)}" if fields else ""
        return rejected(SALESFORCE, code, f"the request was not accepted{named}")
    return _status_failure(SALESFORCE, int(error.status), None)


def salesforce_login_failure(status: int, error: str) -> ApplicationError:
    """The failure for an answer of the token endpoint with this OAuth error."""
    if status in (400, 401, 403) and error not in _PASSING_OAUTH_ERRORS:
        return credentials_rejected(SALESFORCE, error)
    return unavailable(SALESFORCE, f"login answers {status} {error}".strip())


_PASSING_OAUTH_ERRORS = frozenset({"server_error", "temporarily_unavailable", "unknown_error"})
"""RFC 6749, 4.1.2.1, and Salesforce's own, which it answers with "retry your request"."""
_WORDS = re.compile(r"[A-Z_]{8,40}")
_NO_SUCH_COLUMN = re.compile(r"No such column '(\w{1,80})'")
LONGEST_TEXT = 4000
"""More of a vendor's text is not looked at."""


def _salesforce_errors(content: object) -> list[tuple[str, str, list[str]]]:
    """Code, message and fields of each error."""
    return [
        (
            str(each.get("errorCode", "")),
            str(each.get("message", "")),
            [str(name) for name in fields]
            if isinstance(fields := each.get("fields"), list)
            else [],
        )
        for each in (content if isinstance(content, list) else ())
        if isinstance(each, dict)
    ]


# Mail --------------------------------------------------------------------------------------------

SMTP = "The mail server"
_SMTP_CREDENTIALS = frozenset({530, 534, 535, 538})
"""To any command (RFC 4954, 6): a server may ask for a login only when it is given a recipient."""


def smtp_failure(error: aiosmtplib.SMTPException | OSError, *, data_sent: bool) -> ApplicationError:
    """The failure for an SMTP error.

    `data_sent`: whether the message itself had been sent before.  Without a reply to it, the mail
    may have been delivered.
    """
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else None
    if code in _SMTP_CREDENTIALS:
        return credentials_rejected(SMTP, str(code))
    if isinstance(error, aiosmtplib.SMTPRecipientRefused):
        return _reply_failure(error.code, "the recipient's address")
    # A line that is no reply says no more about the mail than none.
    if (
        isinstance(error, aiosmtplib.SMTPResponseException)
        and not isinstance(error, aiosmtplib.SMTPConnectError)
        and error.code != aiosmtplib.SMTPStatus.invalid_response
    ):
        return _reply_failure(error.code, "the mail")
    if data_sent:
        return delivery_unknown()
    return unavailable(SMTP, type(error).__name__)


def _reply_failure(code: int, what: str) -> ApplicationError:
    if code >= 500:
        return rejected(SMTP, str(code), f"it rejects {what}")
    return unavailable(SMTP, f"reply {code}")
