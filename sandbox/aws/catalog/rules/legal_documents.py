"""Whether AWS can use a custom EULA: its address, and its content if it is in the sandbox's S3."""

from datetime import UTC, datetime
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sandbox.aws.s3.presigned_url import PresignedUrl
from sandbox.world import World

DOCUMENT_TYPES = (".pdf", ".txt")


def why_unusable(url: str, world: World) -> str | None:
    """Why AWS cannot use a document, as text after "The document"; None: it can."""
    address = urlsplit(url)
    if world.aws.storage.url is not None and url.startswith(f"{world.aws.storage.url}/"):
        return _unsupported_type(address) or _unreadable_in_sandbox(address, world)
    host = address.hostname or ""
    if address.scheme != "https" or not host.endswith(".amazonaws.com") or "s3" not in host:
        return "isn't readable in Amazon S3"
    link = PresignedUrl.parse_validity(dict(parse_qsl(address.query)))
    if link and link.is_expired(world.now()):
        return "isn't readable in Amazon S3: the presigned URL has expired"
    return _unsupported_type(address)


def _unsupported_type(address: SplitResult) -> str | None:
    if address.path.lower().endswith(DOCUMENT_TYPES):
        return None
    return "isn't of a supported type"


def _unreadable_in_sandbox(address: SplitResult, world: World) -> str | None:
    """The bucket is private, and presigned URLs expire in real time, as in `s3_api`."""
    now = datetime.now(UTC)
    link = PresignedUrl.parse(dict(parse_qsl(address.query)))
    if link is None or link.is_not_yet_valid(now):
        return "isn't readable in Amazon S3"
    if link.is_expired(now):
        return "isn't readable in Amazon S3: the presigned URL has expired"
    bucket, _, key = unquote(address.path).removeprefix("/").partition("/")
    content = world.aws.objects.get((bucket, key))
    if content is None:
        return "isn't readable in Amazon S3"
    return _unusable_pdf(content) if key.lower().endswith(".pdf") else None


def _unusable_pdf(content: bytes) -> str | None:
    if not content.startswith(b"%PDF-"):
        return "isn't a valid PDF"
    # An encrypted PDF has /Encrypt in its trailer.  How AWS detects it is not documented.
    if b"/Encrypt" in content:
        return "is password-protected"
    return None
