"""Bodies in `aws-chunked` encoding (AWS: Signature Version 4, streaming with trailing headers)."""


class InvalidEncoding(ValueError):
    """The body violates the encoding."""


def decode(body: bytes) -> tuple[bytes, dict[str, str]]:
    """The content, and the trailing headers with their names in lower case.  Raises
    InvalidEncoding.

    A chunk is `size[;chunk-signature=…]`, its bytes, and a line end; the last one has size 0.
    Chunk signatures are not verified.
    """
    content = bytearray()
    while True:
        line, end, body = body.partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise InvalidEncoding("a chunk has no size") from None
        if not end or not 0 <= size <= len(body):
            raise InvalidEncoding("a chunk is incomplete")
        if size == 0:
            return bytes(content), _headers(body)
        content += body[:size]
        if body[size : size + 2] != b"\r\n":
            raise InvalidEncoding("a chunk is longer than its size")
        body = body[size + 2 :]


def _headers(trailer: bytes) -> dict[str, str]:
    headers = {}
    for line in trailer.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers
