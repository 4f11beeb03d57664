"""Fixtures: the dev server (visibility, Schedules), the sandbox and workers, in real time."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio import workflow

from activities.task_queues import TaskQueue
from runtime import workers
from tests.support.dev_server import connection_settings
from tests.support.offer_environment import OfferEnvironment, open_offer_environment
from workflows.offer.messages import OfferRequest
from workflows.offer.workflow import OfferWorkflow


@pytest.fixture
async def environment(dev_server: str, tmp_path: Path) -> AsyncIterator[OfferEnvironment]:
    async with open_offer_environment(dev_server, tmp_path) as environment:
        yield environment


@workflow.defn(name="OfferWorkflow", sandboxed=False)
class IdleOffer:
    """An offer workflow that does nothing."""

    @workflow.run
    async def run(self, _request: OfferRequest) -> None:
        await workflow.wait_condition(lambda: False)


@pytest.fixture
async def idle_offers_environment(
    dev_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OfferEnvironment]:
    """An environment in which started offers do nothing."""
    others = [each for each in workers.WORKFLOWS if each is not OfferWorkflow]
    monkeypatch.setattr(workers, "WORKFLOWS", (*others, IdleOffer))
    async with open_offer_environment(
        dev_server, tmp_path, (TaskQueue.OFFERS, TaskQueue.SALESFORCE)
    ) as environment:
        yield environment


@pytest.fixture
def cli_environment(environment: OfferEnvironment) -> OfferEnvironment:
    """The environment, with the product's programs connected to its namespace."""
    os.environ.update(connection_settings(environment.temporal_client))
    return environment
