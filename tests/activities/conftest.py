"""Fixtures for tests of activities."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from activities.aws.agreements import AwsAgreements
from activities.aws.catalog import AwsCatalog
from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.eula.links import EulaLinks, PublishedEula
from offers.clock import Clock
from runtime.clients import aws_client
from sandbox.server import Sandbox
from tests.support.aws import Aws
from tests.support.vendors import NOW
from tests.support.workflow_harness import FIELDS, environment_variables


class PublicLinks(EulaLinks):
    """One contract that everybody may read: a client of S3 takes long to make."""

    def __init__(self) -> None:
        pass

    def link(self, eula: PublishedEula) -> str:
        return f"https://example-bucket.s3.amazonaws.com/{eula.key}"


@pytest.fixture
def aws() -> Iterator[Aws]:
    """AWS in the sandbox on 2 March 2026, with AWS's own clients."""
    now = [datetime(2026, 3, 2, 9, tzinfo=UTC)]
    with Sandbox(lambda: now[0]) as sandbox, environment_variables(sandbox.addresses.env):
        sandbox.world.aws.throttle = False
        catalog = aws_client("marketplace-catalog")
        agreements = aws_client("marketplace-agreement")
        pattern = "https://example.com/{product_id}/{offer_id}"
        yield Aws(
            sandbox,
            AwsCatalog(catalog, agreements, Clock(), pattern, PublicLinks()),
            AwsAgreements(agreements, Clock()),
            MarketplaceLookup(catalog, agreements),
            now,
        )


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """All vendors in the sandbox at that time."""
    async with Sandbox(lambda: NOW) as sandbox:
        with environment_variables({**sandbox.addresses.env, "OFFERS_FIELDS": str(FIELDS)}):
            yield sandbox
