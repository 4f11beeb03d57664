"""S3's ListObjectsV2: the objects of a bucket, in pages."""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote
from xml.sax.saxutils import escape

LARGEST_PAGE = 1000
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

Contents = Callable[[str], Mapping[str, str]]
"""The elements of an object in the list, without its key."""


class InvalidContinuationToken(ValueError):
    """A continuation token that S3 has not issued."""


def page(bucket: str, keys: list[str], query: Mapping[str, str], contents: Contents) -> str:
    """One page of the list, as XML.

    Raises InvalidContinuationToken, or ValueError for a wrong number.
    """
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    token = query.get("continuation-token")
    after = _read(token) if token is not None else query.get("start-after", "")
    size = min(int(query.get("max-keys", LARGEST_PAGE)), LARGEST_PAGE)
    entries = sorted({_entry(key, prefix, delimiter) for key in keys if key.startswith(prefix)})
    rest = [each for each in entries if each > after]
    shown, more = rest[:size], len(rest) > size
    encode = quote if query.get("encoding-type") == "url" else str
    parts = {"Name": bucket, "Prefix": encode(prefix), "MaxKeys": str(size)}
    parts |= {"KeyCount": str(len(shown)), "IsTruncated": str(more).lower()}
    if delimiter:
        parts["Delimiter"] = encode(delimiter)
    if "encoding-type" in query:
        parts["EncodingType"] = query["encoding-type"]
    if token is not None:
        parts["ContinuationToken"] = token
    if more and shown:
        parts["NextContinuationToken"] = base64.urlsafe_b64encode(shown[-1].encode()).decode()
    found = "".join(
        f"<Contents>{_elements({'Key': encode(each), **contents(each)})}</Contents>"
        if each in keys
        else f"<CommonPrefixes>{_elements({'Prefix': encode(each)})}</CommonPrefixes>"
        for each in shown
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ListBucketResult xmlns="{NAMESPACE}">{_elements(parts)}{found}</ListBucketResult>'
    )


def instant(when: datetime) -> str:
    """An instant in the format of S3's XML, in UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _entry(key: str, prefix: str, delimiter: str) -> str:
    """The key, or its common prefix if there is a delimiter."""
    folder, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
    return f"{prefix}{folder}{delimiter}" if found else key


def _read(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidContinuationToken("The continuation token provided is incorrect") from None


def _elements(parts: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts.items())
