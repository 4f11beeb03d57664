"""Whether AWS can use a custom EULA: its address, and its content if it is in the sandbox's S3."""

from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sandbox.aws import presigned_url
from sandbox.world import World

UNREADABLE = "isn't readable in Amazon S3"


def why_unusable(url: str, world: World) -> str | None:
    """Why AWS cannot use a document, as text after "The document"; None: it can."""
    address = urlsplit(url)
    query = dict(parse_qsl(address.query))
    host = address.hostname or ""
    if world.aws.storage.url is not None and url.startswith(f"{world.aws.storage.url}/"):
        problem = _unreadable_in_sandbox(address, query, world)
    elif address.scheme != "https" or not host.endswith(".amazonaws.com") or "s3" not in host:
        problem = UNREADABLE
    elif presigned_url.is_presigned(query):
        problem = presigned_url.why_invalid(query, world.now())
    else:
        problem = None
    if not address.path.lower().endswith((".pdf", ".txt")):
        problem = "isn't of a supported type"
    return problem


def _unreadable_in_sandbox(address: SplitResult, query: dict[str, str], world: World) -> str | None:
    if not presigned_url.is_presigned(query):
        return UNREADABLE
    if reason := presigned_url.why_invalid(query):
        return f"{UNREADABLE}: {reason}"
    bucket, _, key = unquote(address.path).removeprefix("/").partition("/")
    content = world.aws.storage.get(bucket, key)
    if content is None:
        return UNREADABLE
    if key.lower().endswith(".txt"):
        return None
    if not content.startswith(b"%PDF-"):
        return "isn't a valid PDF"
    # An encrypted PDF has /Encrypt in its trailer.  How AWS detects it is not documented.
    return "is password-protected" if b"/Encrypt" in content else None
