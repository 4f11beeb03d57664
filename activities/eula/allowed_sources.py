"""From where contracts may be read: whoever writes an opportunity names any address."""

import ipaddress
import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator

from offers.model import FrozenModel

MERGED = "eula/"
"""Where merged contracts are put: each belongs to one offer."""
HTTPS_PORT = 443


def _host(text: str) -> str:
    parts = urlsplit(f"https://{text}")
    if not parts.hostname or (parts.username or parts.path or parts.query or parts.fragment):
        raise ValueError("it is no host")
    return f"{parts.hostname}:{parts.port or HTTPS_PORT}"


class AllowedSources(FrozenModel):
    """Buckets, perhaps with a prefix, and hosts."""

    places: tuple[str, ...] = ()
    """In S3, as `bucket/prefix`."""
    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = ()
    """With their ports."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """From addresses separated by commas; raises ValueError that names the first wrong one."""
        places, hosts = [], []
        for each in filter(None, (part.strip() for part in text.split(","))):
            scheme, _, rest = each.partition("://")
            if scheme == "s3" and re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", rest):
                places.append(rest if "/" in rest else f"{rest}/")
            elif scheme == "https":
                try:
                    hosts.append(_host(rest.rstrip("/")))
                except ValueError:
                    raise ValueError(f"{each} is no address of a host") from None
            else:
                raise ValueError(f"{each} is neither s3://bucket/prefix nor https://host")
        return cls(places=tuple(places), hosts=tuple(hosts))

    def allow(self, source: str, own_bucket: str) -> bool:
        """Whether a document may be read, whatever it is."""
        scheme, _, rest = source.partition("://")
        if scheme.lower() == "s3":
            return not rest.startswith(f"{own_bucket}/{MERGED}") and rest.startswith(self.places)
        try:
            parts = urlsplit(source)
            named = f"{parts.hostname}:{parts.port or HTTPS_PORT}"
        except ValueError:
            return False
        return named in self.hosts

    def names_address(self, host: str, port: int) -> bool:
        """Whether a host is an IP address that is named: then it need not be global."""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return f"{host}:{port}" in self.hosts
