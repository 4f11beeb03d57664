"""Reads the PDFs of a custom contract, from S3 or over https, with limits on size and time.

An address can contain a password or a presigned query: no message shows either.
"""

import socket
import ssl
import time
from functools import cache
from http.client import HTTPException, HTTPMessage, InvalidURL
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from temporalio.exceptions import ApplicationError

from activities.errors import aws_failure, credentials_rejected, rate_limited, unavailable
from offers.preflight.eula import shown

MAX_BYTES = 20_000_000
"""Size limit of one document.  Ours: AWS documents none (ASSUMED to be enough)."""
ALL_TOGETHER = 90.0
"""For all documents of a contract."""
SILENCE = 10.0
"""Without an answer, or without further bytes, from an https server."""
PIECE = 256 * 1024
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
    """Reads documents; `ca_file` is trusted in addition to the system's certificate authorities."""

    def __init__(self, s3: Any, ca_file: str | None = None) -> None:
        self._s3 = s3
        # Not httpx: it logs addresses with their queries.  Only https is opened.
        self._https = OpenerDirector()
        for handler in (
            ProxyHandler(),
            HTTPSHandler(context=_trusted(ca_file)),
            HTTPDefaultErrorHandler(),
            HTTPErrorProcessor(),
            _OnlyToHttps(),
        ):
            self._https.add_handler(handler)

    def read(self, source: str, deadline: float) -> bytes:
        """The bytes of a document, by a deadline on the monotonic clock.

        Raises InvalidSource, or the retryable failure if a vendor is unavailable.
        """
        scheme = source.partition("://")[0].lower()
        if scheme == "s3":
            return self._from_s3(source, deadline)
        if scheme == "https":
            return self._from_https(source, deadline)
        raise InvalidSource("it is neither an https nor an s3 address", ADDRESS)

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
        host = shown(source).partition("://")[2].partition("/")[0]
        try:
            request = Request(source, headers={"Accept": "application/pdf"})  # noqa: S310
            with self._https.open(request, timeout=SILENCE) as answer:
                return _read(answer, answer.length, deadline, host)
        except HTTPError as error:
            with error:
                raise _bad_status(error, host) from None
        except URLError as error:
            if not isinstance(error.reason, OSError):  # a remark on the address
                raise InvalidSource("it is not a web address", ADDRESS) from None
            raise _no_connection(error.reason, host) from None
        except (InvalidURL, ValueError):
            raise InvalidSource("it is not a web address", ADDRESS) from None
        except (OSError, HTTPException) as error:
            raise unavailable(host, type(error).__name__) from None


ADDRESS = "Write it as https://… or s3://bucket/key"
EXISTS = "Correct the address, or put the PDF there"
READABLE = "Give the product access to it, or use a link that is still valid"


class _OnlyToHttps(HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0917 - urllib's signature
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme != "https":
            raise InvalidSource(
                "it redirects to an address that is not https",
                "Use the address that it redirects to",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _read(body: Any, announced: int | None, deadline: float, vendor: str) -> bytes:
    """The content of a body, up to the size limit; `announced` is its length, if known."""
    _check_length(announced or 0)
    content = bytearray()
    while piece := body.read(PIECE):
        content += piece
        _check_length(len(content))
        if time.monotonic() > deadline:
            raise unavailable(vendor, "reading the documents takes too long")
    # When a connection is lost, http.client returns the part that was received, without an error.
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


def _bad_status(error: HTTPError, host: str) -> InvalidSource | ApplicationError:
    if error.code in (404, 410):
        return InvalidSource("there is nothing at this address", EXISTS)
    if error.code in (401, 403):
        return InvalidSource("the server does not allow us to read it", READABLE)
    if error.code == 429:
        return rate_limited(host)
    if error.code == 408 or error.code >= 500:
        return unavailable(host, f"status {error.code}")
    return InvalidSource(f"the server does not return it (status {error.code})", EXISTS)


def _no_connection(reason: OSError, host: str) -> InvalidSource | ApplicationError:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return InvalidSource(
            "the certificate of its server is not trusted", "Put the PDF on another server"
        )
    if isinstance(reason, socket.gaierror) and reason.errno in (
        socket.EAI_NONAME,
        socket.EAI_NODATA,
    ):
        return InvalidSource("there is no such server", EXISTS)
    return unavailable(host, type(reason).__name__)
