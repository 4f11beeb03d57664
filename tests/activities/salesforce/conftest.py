"""Fixtures for tests of the activities on Salesforce, with the real client against the sandbox."""

import pytest

from activities.salesforce.opportunities import Opportunities
from activities.salesforce.write_back import Salesforce
from runtime import clients
from runtime.settings import WorkerSettings, read_settings
from sandbox.server import Sandbox
from tests.support.workflow_harness import OPPORTUNITY, opportunity_fields


@pytest.fixture
def salesforce(sandbox: Sandbox) -> Salesforce:
    sandbox.world.salesforce.put_opportunity(opportunity_fields(OPPORTUNITY, Amount=120000.55))
    return clients.salesforce(read_settings(WorkerSettings))


@pytest.fixture
def opportunities(salesforce: Salesforce) -> Opportunities:
    return clients.opportunities(read_settings(WorkerSettings))
