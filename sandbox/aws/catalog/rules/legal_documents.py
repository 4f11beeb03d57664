"""Whether AWS can read a EULA: where it is, and for the sandbox's own S3 also what it is."""

from datetime import UTC, datetime
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sandbox.aws.s3.presigned_url import PresignedUrl
from sandbox.world import World

DOCUMENT_TYPES = (".pdf", ".txt")


def complaint(url: str, world: World) -> str | None:
    """What is wrong with the document at an address, in words that follow "The document"."""
    address = urlsplit(url)
    if world.storage.url is not None and url.startswith(f"{world.storage.url}/"):
        return _wrong_type(address) or _wrong_here(address, world)
    host = address.hostname or ""
    if address.scheme != "https" or not host.endswith(".amazonaws.com") or "s3" not in host:
        return "isn't readable in Amazon S3"
    link = PresignedUrl.times(dict(parse_qsl(address.query)))
    if link and link.is_over(world.now()):
        return "isn't readable in Amazon S3: the presigned URL has expired"
    return _wrong_type(address)


def _wrong_type(address: SplitResult) -> str | None:
    if address.path.lower().endswith(DOCUMENT_TYPES):
        return None
    return "isn't of a supported type"


def _wrong_here(address: SplitResult, world: World) -> str | None:
    """The sandbox's bucket is private, and its links are judged by real time, as in `s3`."""
    now = datetime.now(UTC)
    link = PresignedUrl.read(dict(parse_qsl(address.query)))
    if link is None or link.is_early(now):
        return "isn't readable in Amazon S3"
    if link.is_over(now):
        return "isn't readable in Amazon S3: the presigned URL has expired"
    bucket, _, key = unquote(address.path).removeprefix("/").partition("/")
    content = world.objects.get((bucket, key))
    if content is None:
        return "isn't readable in Amazon S3"
    return _wrong_pdf(content) if key.lower().endswith(".pdf") else None


def _wrong_pdf(content: bytes) -> str | None:
    if not content.startswith(b"%PDF-"):
        return "isn't a valid PDF"
    # The name stands in the trailer in the clear.  How AWS finds out is not known.
    if b"/Encrypt" in content:
        return "is password-protected"
    return None
