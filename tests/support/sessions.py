"""Sessions of signed-in people, without the way through the provider."""

import json
import re
import time
from base64 import b64encode

import httpx
from itsdangerous import TimestampSigner

from web.permissions import Role

CSRF = "the-token-of-the-session"
PEOPLE = {
    Role.VIEWER: "viewer@example.com",
    Role.OWNER: "owner@example.com",
    Role.APPROVER: "desk@example.com",
    Role.FINANCE: "finance@example.com",
    Role.OPERATIONS: "ops@example.com",
}
POLICY = """
[roles]
deal-desk = ["desk@example.com"]
legal = ["desk@example.com"]
finance = ["finance@example.com"]
operations = ["ops@example.com"]
"""
"""In which each role of `PEOPLE` is held, but that of the owner."""


def session_cookie(email: str, key: str, *, name: str = "", lasts: int = 3600) -> str:
    """The cookie of somebody who has signed in.  `lasts`: seconds from now."""
    session = {
        "person": {"name": name or email, "email": email, "until": int(time.time()) + lasts},
        "csrf": CSRF,
    }
    return TimestampSigner(key).sign(b64encode(json.dumps(session).encode())).decode()


def csrf_in(page: httpx.Response) -> str:
    """The token in a page's forms."""
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, "the page has no form"
    return found[1]
