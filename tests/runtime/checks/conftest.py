"""Fixtures for tests of the checks, against the sandbox."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.server import Sandbox
from tests.support.vendors import NOW
from tests.support.workflow_harness import FIELDS, environment_variables

POLICY = """
domains = ["example.com"]

[roles]
deal-desk = ["desk@example.com"]
legal = ["legal@example.com"]
finance = ["finance@example.com"]
operations = ["ops@example.com"]
"""


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """All vendors, with settings and a policy in which nothing is wrong."""
    policy, fields = tmp_path / "policy.toml", tmp_path / "fields.toml"
    policy.write_text(POLICY, encoding="utf-8")
    fields.write_text(FIELDS.read_text(encoding="utf-8"), encoding="utf-8")
    files = {"OFFERS_FIELDS": str(fields), "OFFERS_POLICY": str(policy)}
    async with Sandbox(lambda: NOW) as sandbox:
        sandbox.world.aws.throttle = False
        with environment_variables({**sandbox.addresses.env, **files}):
            yield sandbox
