"""Each row of the error table: a vendor's response, and how it is retried."""

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import aiosmtplib
import httpx
import pytest
import requests
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.clazar.client import VENDOR as CLAZAR
from activities.errors import (
    AWS,
    SALESFORCE,
    SMTP,
    Failure,
    aws_failure,
    credentials_missing,
    credentials_rejected,
    http_failure,
    rate_limited,
    rejected,
    salesforce_failure,
    salesforce_login_failure,
    smtp_failure,
    unavailable,
)
from activities.eula.sources import S3
from offers.lifecycle.attentions import Vendor

NEVER_RETRIED = {
    Failure.CREDENTIALS,
    Failure.REJECTED,
    Failure.NOT_FOUND,
    Failure.DELIVERY_UNKNOWN,
}


def check(failure: ApplicationError, kind: Failure, wait: float | None = None) -> None:
    """Assert a failure's kind, which decides whether it is retried; `wait` is in seconds."""
    assert failure.type == kind
    assert failure.non_retryable is (kind in NEVER_RETRIED)
    assert failure.next_retry_delay == (None if wait is None else timedelta(seconds=wait))
    benign = failure.category is ApplicationErrorCategory.BENIGN
    assert benign is (kind is Failure.NOT_READY), "only waiting is benign"


@pytest.mark.parametrize(
    ("code", "status", "kind", "wait"),
    [
        ("ThrottlingException", 429, Failure.RATE_LIMITED, 5),
        ("ServiceQuotaExceededException", 402, Failure.RATE_LIMITED, 300),
        ("UnknownError", 429, Failure.RATE_LIMITED, 30),
        ("ResourceInUseException", 423, Failure.NOT_READY, 60),
        ("InternalServiceException", 500, Failure.UNAVAILABLE, None),
        ("503", 503, Failure.UNAVAILABLE, None),
        ("AccessDeniedException", 403, Failure.CREDENTIALS, None),
        ("ExpiredTokenException", 400, Failure.CREDENTIALS, None),
        ("UnrecognizedClientException", 400, Failure.CREDENTIALS, None),
        ("InvalidSignatureException", 403, Failure.CREDENTIALS, None),
        *(
            (code, 400, Failure.CREDENTIALS, None)
            for code in (
                "AccessDeniedException",
                "ExpiredToken",
                "IncompleteSignature",
                "InvalidClientTokenId",
                "InvalidSignatureException",
                "MissingAuthenticationToken",
                "MissingAuthenticationTokenException",
                "OptInRequired",
                "SignatureDoesNotMatch",
            )
        ),
        ("TooManyRequestsException", 400, Failure.RATE_LIMITED, 5),
        ("UnknownError", 401, Failure.CREDENTIALS, None),
        ("UnknownError", 403, Failure.CREDENTIALS, None),
        ("UnknownError", 499, Failure.REJECTED, None),
        ("ValidationException", 422, Failure.REJECTED, None),
        ("ResourceNotFoundException", 404, Failure.REJECTED, None),
    ],
)
def test_aws_error_responses(code: str, status: int, kind: Failure, wait: float | None) -> None:
    response: Any = {
        "Error": {"Code": code, "Message": "AWS's message"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    check(aws_failure(ClientError(response, "StartChangeSet")), kind, wait)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ReadTimeoutError(endpoint_url="x"), Failure.UNAVAILABLE),
        (ConnectionClosedError(endpoint_url="x"), Failure.UNAVAILABLE),
        (EndpointConnectionError(endpoint_url="x"), Failure.UNAVAILABLE),
        (NoCredentialsError(), Failure.CREDENTIALS),
        (PartialCredentialsError(provider="x", cred_var="y"), Failure.CREDENTIALS),
        (CredentialRetrievalError(provider="x", error_msg="y"), Failure.CREDENTIALS),
        (ProfileNotFound(profile="x"), Failure.CREDENTIALS),
        (SSOTokenLoadError(error_msg="x"), Failure.CREDENTIALS),
        (TokenRetrievalError(provider="x", error_msg="y"), Failure.CREDENTIALS),
        (UnauthorizedSSOTokenError(), Failure.CREDENTIALS),
    ],
)
def test_aws_connection_errors(error: BotoCoreError, kind: Failure) -> None:
    check(aws_failure(error), kind)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("InternalServiceException", 500, "InternalServiceException"),
        ("", 502, "502"),
        ("", 403, "(403)"),
        ("", 418, "418"),
    ],
)
def test_failure_names_the_code_or_else_the_status(code: str, status: int, said: str) -> None:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    failure = aws_failure(ClientError(response, "StartChangeSet"), "Amazon S3")
    assert said in str(failure)
    assert "Amazon S3" in str(failure)
    if failure.type == Failure.CREDENTIALS:
        assert failure.details == (Vendor.AWS,)


def test_error_without_a_code_or_a_status_is_rejected() -> None:
    check(aws_failure(ClientError({}, "StartChangeSet")), Failure.REJECTED)


def test_aws_rejection_has_code_and_message() -> None:
    response: Any = {
        "Error": {"Code": "ValidationException", "Message": "Provide a Name"},
        "ResponseMetadata": {"HTTPStatusCode": 422},
    }
    failure = aws_failure(ClientError(response, "StartChangeSet"))
    (error,) = failure.details[1]
    assert (error.code, error.message) == ("ValidationException", "Provide a Name")


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait"),
    [
        (401, {}, Failure.CREDENTIALS, None),
        (403, {}, Failure.CREDENTIALS, None),
        (429, {}, Failure.RATE_LIMITED, 30),
        (429, {"Retry-After": "7"}, Failure.RATE_LIMITED, 7),
        (429, {"Retry-After": "0.5"}, Failure.RATE_LIMITED, 0.5),
        (429, {"Retry-After": "1.2.3"}, Failure.RATE_LIMITED, 30),
        (429, {"Retry-After": "Sun, 01 Mar 2026 00:00:00 GMT"}, Failure.RATE_LIMITED, 1),
        (500, {"Retry-After": "90"}, Failure.UNAVAILABLE, None),
        (499, {}, Failure.REJECTED, None),
        (402, {}, Failure.REJECTED, None),
        (429, {"Retry-After": "soon"}, Failure.RATE_LIMITED, 30),
        (503, {"Retry-After": "90"}, Failure.RATE_LIMITED, 90),
        (503, {}, Failure.UNAVAILABLE, None),
        (500, {}, Failure.UNAVAILABLE, None),
        (408, {}, Failure.UNAVAILABLE, None),
        (400, {}, Failure.REJECTED, None),
        (404, {}, Failure.REJECTED, None),
        (405, {}, Failure.REJECTED, None),
        (409, {}, Failure.REJECTED, None),
    ],
)
def test_http_error_responses(
    status: int, headers: dict[str, str], kind: Failure, wait: float | None
) -> None:
    request = httpx.Request("GET", "http://vendor.example")
    response = httpx.Response(status, headers=headers, request=request, text="a vendor's body")
    failure = http_failure("Clazar", httpx.HTTPStatusError("", request=request, response=response))
    check(failure, kind, wait)
    assert "body" not in str(failure)


def test_retry_after_with_a_date() -> None:
    from datetime import UTC, datetime

    request = httpx.Request("GET", "http://vendor.example")
    until = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    response = httpx.Response(429, headers={"Retry-After": until}, request=request)
    failure = http_failure("Clazar", httpx.HTTPStatusError("", request=request, response=response))
    assert failure.next_retry_delay is not None
    assert timedelta(minutes=1) < failure.next_retry_delay <= timedelta(minutes=2)


@pytest.mark.parametrize("error", [httpx.ReadTimeout("t"), httpx.RemoteProtocolError("closed")])
def test_http_connection_errors(error: httpx.HTTPError) -> None:
    check(http_failure("Clazar", error), Failure.UNAVAILABLE)


@pytest.mark.parametrize(
    ("kind_of_exception", "status", "code", "kind", "wait"),
    [
        (SalesforceMalformedRequest, 400, "UNABLE_TO_LOCK_ROW", Failure.UNAVAILABLE, None),
        (SalesforceGeneralError, 503, "SERVER_UNAVAILABLE", Failure.UNAVAILABLE, None),
        (SalesforceMalformedRequest, 400, "QUERY_TIMEOUT", Failure.UNAVAILABLE, None),
        (SalesforceMalformedRequest, 400, "ENTITY_IS_LOCKED", Failure.NOT_READY, 900),
        (SalesforceRefusedRequest, 403, "REQUEST_LIMIT_EXCEEDED", Failure.RATE_LIMITED, 300),
        (SalesforceExpiredSession, 401, "INVALID_SESSION_ID", Failure.CREDENTIALS, None),
        (SalesforceExpiredSession, 401, "INVALID_AUTH_HEADER", Failure.CREDENTIALS, None),
        *(
            (SalesforceGeneralError, 500, code, Failure.UNAVAILABLE, None)
            for code in (
                "SERVER_UNAVAILABLE",
                "REQUEST_RUNNING_TOO_LONG",
                "QUERY_TIMEOUT",
                "UNKNOWN_EXCEPTION",
            )
        ),
        (SalesforceRefusedRequest, 403, "API_DISABLED_FOR_ORG", Failure.CREDENTIALS, None),
        (
            SalesforceRefusedRequest,
            403,
            "INSUFFICIENT_ACCESS_OR_READONLY",
            Failure.CREDENTIALS,
            None,
        ),
        (SalesforceMalformedRequest, 400, "INVALID_FIELD", Failure.REJECTED, None),
        (SalesforceMalformedRequest, 400, "MALFORMED_QUERY", Failure.REJECTED, None),
        (
            SalesforceMalformedRequest,
            400,
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            Failure.REJECTED,
            None,
        ),
        (SalesforceMalformedRequest, 400, "STRING_TOO_LONG", Failure.REJECTED, None),
        (SalesforceResourceNotFound, 404, "NOT_FOUND", Failure.NOT_FOUND, None),
    ],
)
def test_salesforce_errors_by_code(
    kind_of_exception: Any, status: int, code: str, kind: Failure, wait: float | None
) -> None:
    content = [{"errorCode": code, "message": "jane@example.com", "fields": ["Amount"]}]
    failure = salesforce_failure(kind_of_exception("url", status, "Opportunity", content))
    check(failure, kind, wait)
    assert "jane" not in str(failure), "the failure has the vendor's message, which may be personal"
    if kind is Failure.REJECTED:
        assert "Amount" in str(failure)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (requests.ReadTimeout(), Failure.UNAVAILABLE),
        (requests.ConnectionError(), Failure.UNAVAILABLE),
        (SalesforceGeneralError("url", 502, "Opportunity", b"<html>"), Failure.UNAVAILABLE),
    ],
)
def test_salesforce_connection_errors(error: Any, kind: Failure) -> None:
    check(salesforce_failure(error), kind)


@pytest.mark.parametrize(
    ("nested", "kind"),
    [
        ("UNABLE_TO_LOCK_ROW, unable to obtain exclusive access", Failure.UNAVAILABLE),
        ("ENTITY_IS_LOCKED, the entity is locked for editing", Failure.NOT_READY),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION, jane@example.com", Failure.REJECTED),
    ],
)
def test_error_of_a_record_that_a_trigger_changed(nested: str, kind: Failure) -> None:
    message = f"Trigger: execution of AfterUpdate caused by: Update failed. first error: {nested}"
    content: Any = [{"errorCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "message": message}]
    failure = salesforce_failure(SalesforceMalformedRequest("url", 400, "Opportunity", content))
    assert failure.type == kind
    assert "jane" not in str(failure)


def test_unknown_field_is_named() -> None:
    message = (
        "\nSELECT Id, Buyer_Emai__c FROM\nNo such column 'Buyer_Emai__c' on entity 'Opportunity'."
    )
    content: Any = [{"errorCode": "INVALID_FIELD", "message": message}]
    failure = salesforce_failure(SalesforceMalformedRequest("url", 400, "Opportunity", content))
    assert "there is no field Buyer_Emai__c" in str(failure)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, "invalid_grant", Failure.CREDENTIALS),
        (403, "invalid_app_access", Failure.CREDENTIALS),
        (400, "server_error", Failure.UNAVAILABLE),
        (404, "invalid_grant", Failure.UNAVAILABLE),
        (401, "invalid_client", Failure.CREDENTIALS),
        (400, "unknown_error", Failure.UNAVAILABLE),
        (400, "temporarily_unavailable", Failure.UNAVAILABLE),
        (503, "", Failure.UNAVAILABLE),
    ],
)
def test_salesforce_login_errors(status: int, error: str, kind: Failure) -> None:
    check(salesforce_login_failure(status, error), kind)


def test_missing_credentials_were_not_rejected() -> None:
    failure = aws_failure(NoCredentialsError())
    assert "the worker has no credentials for AWS" in str(failure)
    assert "reject" not in str(failure)


RECIPIENT_UNKNOWN = aiosmtplib.SMTPRecipientRefused(550, "no jane here", "jane@example.com")
RECIPIENT_BUSY = aiosmtplib.SMTPRecipientRefused(451, "later", "jane@example.com")


@pytest.mark.parametrize(
    ("error", "data_sent", "kind"),
    [
        (aiosmtplib.SMTPConnectError("refused"), False, Failure.UNAVAILABLE),
        (ConnectionRefusedError(), False, Failure.UNAVAILABLE),
        (aiosmtplib.SMTPServerDisconnected("gone"), False, Failure.UNAVAILABLE),
        *(
            (aiosmtplib.SMTPAuthenticationError(code, "no"), False, Failure.CREDENTIALS)
            for code in (530, 534, 535, 538)
        ),
        (RECIPIENT_UNKNOWN, False, Failure.REJECTED),
        (RECIPIENT_BUSY, False, Failure.UNAVAILABLE),
        (aiosmtplib.SMTPDataError(552, "too big"), True, Failure.REJECTED),
        (aiosmtplib.SMTPDataError(500, "what?"), True, Failure.REJECTED),
        (aiosmtplib.SMTPDataError(499, "later"), True, Failure.UNAVAILABLE),
        (aiosmtplib.SMTPDataError(421, "closing"), True, Failure.UNAVAILABLE),
        (
            aiosmtplib.SMTPRecipientRefused(530, "log in", "jane@example.com"),
            False,
            Failure.CREDENTIALS,
        ),
        (aiosmtplib.SMTPResponseException(-1, "no reply"), False, Failure.UNAVAILABLE),
        (aiosmtplib.SMTPResponseException(-1, "no reply"), True, Failure.DELIVERY_UNKNOWN),
        (aiosmtplib.SMTPReadTimeoutError("silence"), True, Failure.DELIVERY_UNKNOWN),
        (aiosmtplib.SMTPServerDisconnected("gone"), True, Failure.DELIVERY_UNKNOWN),
    ],
)
def test_smtp_errors(error: Any, data_sent: bool, kind: Failure) -> None:
    failure = smtp_failure(error, data_sent=data_sent)
    check(failure, kind)
    assert "jane" not in str(failure)


VENDORS = {AWS: Vendor.AWS, S3: Vendor.AWS, CLAZAR: Vendor.CLAZAR}
VENDORS |= {SALESFORCE: Vendor.SALESFORCE, SMTP: Vendor.EMAIL}


@pytest.mark.parametrize(("name", "vendor"), VENDORS.items())
def test_first_detail_of_a_failure_is_its_vendor(name: str, vendor: Vendor) -> None:
    for failure in (
        credentials_rejected(name, "403"),
        credentials_missing(name, "NoCredentialsError"),
        rejected(name, "400", "Salesforce and Clazar are not meant"),
        rate_limited(name),
        unavailable(name, "ReadTimeout"),
    ):
        assert failure.details[0] is vendor
