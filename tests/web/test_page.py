"""The page about the console is that of the code."""

import re

from demo.processes import ROOT
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
