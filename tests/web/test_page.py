"""The page about the console is that of the code."""

import re

from demo.processes import ROOT
from web.http_server import http_server
from web.permissions import ALLOWED, Role

PAGE = ROOT / "docs" / "web.md"


def test_table_of_permissions_is_that_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## Who may what")[2]
    rows = re.findall(r"^\| ([a-z-]+) \|(.*)\|$", text, flags=re.MULTILINE)
    shown = {
        name: {role for role, cell in zip(Role, cells.split("|"), strict=True) if cell.strip()}
        for name, cells in rows
    }
    assert shown == {permission.value: set(roles) for permission, roles in ALLOWED.items()}


def test_connection_is_kept_longer_than_a_proxy_keeps_its_own() -> None:
    """Whoever reuses one that was just closed gets an error; nginx keeps its own for a minute."""

    async def app(*_: object) -> None:
        """No request arrives."""

    assert http_server(app).config.timeout_keep_alive > 60
