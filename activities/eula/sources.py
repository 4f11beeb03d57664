"""Reads the PDFs of a custom contract, from S3 or over https, with limits on size and time.

An address can contain a password or a presigned query: no message shows either.
"""

import socket
import ssl
import time
from functools import cache
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import Any
from urllib.parse import urljoin, urlsplit

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from temporalio.exceptions import ApplicationError

from activities.errors import aws_failure, credentials_rejected, rate_limited, unavailable
from activities.eula.allowed_sources import HTTPS_PORT, AllowedSources
from activities.guarded_connection import GuardedConnection, NotReachable

MAX_BYTES = 20_000_000
"""Size limit of one document.  Ours: AWS documents none (ASSUMED to be enough)."""
ALL_TOGETHER = 90.0
"""For all documents of a contract."""
SILENCE = 10.0
"""Without an answer, or without further bytes, from an https server."""
PIECE = 256 * 1024
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
S3 = "Amazon S3"
OUR_CREDENTIALS = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})
"""S3's codes for stale credentials, which it answers with 400 (AWS: S3 error responses)."""


class InvalidSource(Exception):
    """A document that cannot be read, however often it is tried; with problem and remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


@cache
def _trusted(ca_file: str | None) -> ssl.SSLContext:
    trusted = ssl.create_default_context()
    if ca_file:
        trusted.load_verify_locations(ca_file)
    return trusted


class EulaSources:
    """Reads documents from where it is allowed."""

    def __init__(
        self, s3: Any, own_bucket: str, allowed: AllowedSources, ca_file: str | None = None
    ) -> None:
        """`ca_file` is trusted in addition to the system's certificate authorities."""
        self._s3 = s3
        self._own_bucket = own_bucket
        self._allowed = allowed
        self._ca_file = ca_file

    def read(self, source: str, deadline: float) -> bytes:
        """The bytes of a document, by a deadline on the monotonic clock.

        Raises InvalidSource, or the retryable failure if a vendor is unavailable.
        """
        scheme = source.partition("://")[0].lower()
        if scheme not in ("s3", "https"):
            raise InvalidSource("it is neither an https nor an s3 address", ADDRESS)
        if scheme == "https":
            _parts(source)
        if not self._allowed.allow(source, self._own_bucket):
            raise InvalidSource(
                "contracts may not be read from there",
                "Put the PDF where OFFERS_EULA_SOURCES allows it, or have the place added there;"
                " or use the standard contract",
            )
        return (self._from_s3 if scheme == "s3" else self._from_https)(source, deadline)

    def _from_s3(self, source: str, deadline: float) -> bytes:
        bucket, _, key = source.partition("://")[2].partition("/")
        try:
            found = self._s3.get_object(Bucket=bucket, Key=key)
            with found["Body"] as body:
                if "ETag" not in found:  # some proxy's page
                    raise unavailable(S3, "an answer is no object")
                return _read(body, found["ContentLength"], deadline, S3)
        except ParamValidationError:
            raise InvalidSource("it is not the address of an S3 object", ADDRESS) from None
        except ClientError as error:
            raise _wrong_in_s3(error) or s3_failure(error) from None
        except BotoCoreError as error:
            raise s3_failure(error) from None

    def _from_https(self, source: str, deadline: float) -> bytes:
        address = source
        for _ in range(MOST_REDIRECTS + 1):
            host, port, path = _parts(address)
            with GuardedConnection(
                host,
                port,
                _trusted(self._ca_file),
                deadline,
                any_address=self._allowed.names_address(host, port),
                silence=SILENCE,
            ) as connection:
                answer = _request(connection, path, deadline)
                if answer.status in REDIRECTS and (following := answer.getheader("Location")):
                    address = urljoin(address, following)
                    self._check_redirect(address)
                    continue
                if answer.status != HTTPStatus.OK:
                    raise _bad_status(answer.status, host)
                try:
                    return _read(answer, answer.length, deadline, host)
                except (OSError, HTTPException):
                    raise unavailable(host, "the connection was lost") from None
        raise InvalidSource("it redirects too often", "Use the address that it redirects to")

    def _check_redirect(self, address: str) -> None:
        if not self._allowed.allow(address, self._own_bucket) or not address.startswith("https://"):
            raise InvalidSource(
                "it redirects to an address that is not allowed",
                "Use the address that it redirects to, if OFFERS_EULA_SOURCES can allow it",
            )


def _parts(address: str) -> tuple[str, int, str]:
    """Host, port, and path with query."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or HTTPS_PORT
    except ValueError:
        host, port = None, 0
    if not host or parts.username is not None:
        raise InvalidSource("it is not a web address", ADDRESS)
    return host, port, parts._replace(scheme="", netloc="", fragment="").geturl() or "/"


def _request(connection: GuardedConnection, path: str, deadline: float) -> HTTPResponse:
    """The answer up to its headers; how it cannot be reached is nobody's business outside."""
    try:
        connection.request("GET", path, headers={"Accept": "application/pdf"})
        return connection.getresponse()
    except (NotReachable, ssl.SSLCertVerificationError, UnicodeError):
        raise InvalidSource(CANNOT_BE_REACHED, REACHABLE) from None
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
            raise InvalidSource(CANNOT_BE_REACHED, REACHABLE) from None
        raise unavailable(connection.host, CANNOT_BE_REACHED) from None
    except InvalidURL:
        raise InvalidSource("it is not a web address", ADDRESS) from None
    except (OSError, HTTPException):
        late = time.monotonic() >= deadline
        raise unavailable(connection.host, TOO_LONG if late else CANNOT_BE_REACHED) from None


ADDRESS = "Write it as https://… or s3://bucket/key"
CANNOT_BE_REACHED = "its server cannot be reached"
REACHABLE = "Correct the address, or put the PDF on another server"
TOO_LONG = "reading the documents takes too long"
EXISTS = "Correct the address, or put the PDF there"
READABLE = "Give the product access to it, or use a link that is still valid"


def _read(body: Any, announced: int | None, deadline: float, vendor: str) -> bytes:
    """The content of a body, up to the size limit; `announced` is its length, if known."""
    _check_length(announced or 0)
    content = bytearray()
    while piece := body.read(PIECE):
        content += piece
        _check_length(len(content))
        if time.monotonic() > deadline:
            raise unavailable(vendor, TOO_LONG)
    # When a connection is lost, http.client returns the part that was received, without an error.
    if time.monotonic() > deadline:
        raise unavailable(vendor, TOO_LONG)
    if announced is not None and len(content) < announced:
        raise unavailable(vendor, "the connection was lost")
    return bytes(content)


def _check_length(length: int) -> None:
    if length > MAX_BYTES:
        raise InvalidSource(f"it is larger than {MAX_BYTES // 1_000_000} MB", "Use a smaller PDF")


def _wrong_in_s3(error: ClientError) -> InvalidSource | None:
    """The error that a person can correct; None if the cause is our credentials or S3 itself."""
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in ("NoSuchKey", "NoSuchBucket", "InvalidBucketName") or status == 404:
        return InvalidSource("there is no such object in S3", EXISTS)
    if code in OUR_CREDENTIALS:
        return None
    if code in ("AccessDenied", "AllAccessDisabled", "InvalidObjectState"):
        return InvalidSource("S3 does not allow us to read it, or it does not exist", READABLE)
    if status in (301, 307, 400) and code != "RequestTimeout":
        return InvalidSource(f"S3 does not return it ({code})", EXISTS)
    return None


def s3_failure(error: ClientError | BotoCoreError) -> ApplicationError:
    """The failure for an S3 error that another address would not correct."""
    if not isinstance(error, ClientError):
        return aws_failure(error, S3)
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "SlowDown" or status == 429:
        return rate_limited(S3)
    if code == "RequestTimeout" or status >= 500:
        return unavailable(S3, code or str(status))
    return credentials_rejected(S3, code or str(status))


def _bad_status(status: int, host: str) -> InvalidSource | ApplicationError:
    if status in (404, 410):
        return InvalidSource("there is nothing at this address", EXISTS)
    if status in (401, 403):
        return InvalidSource("the server does not allow us to read it", READABLE)
    if status == 429:
        return rate_limited(host)
    if status == 408 or status >= 500:
        return unavailable(host, f"status {status}")
    return InvalidSource(f"the server does not return it (status {status})", EXISTS)
