"""The queries that the documentation gives are ones that the server takes."""

import re
from pathlib import Path

from tests.support.dev_server import new_namespace

PAGE = Path(__file__).parents[2] / "docs" / "for-operations.md"


async def test_queries_for_the_temporal_ui(dev_server: str) -> None:
    client = await new_namespace(dev_server)
    page = PAGE.read_text(encoding="utf-8")
    queries = re.findall(r"^\|[^|]+\| `(\w+ (?:=|IS).*)` \|$", page, re.MULTILINE)
    assert len(queries) >= 5
    for query in queries:
        assert (await client.count_workflows(query)).count == 0
