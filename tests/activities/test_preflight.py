"""Preflight with everything that Salesforce and AWS show of a deal."""

import pytest

from activities.preflight import CheckDeal, Preflight
from offers.preflight.report import PreflightReport
from runtime import clients
from runtime.settings import WorkerSettings, read_settings
from tests.support.agreements import accepted_offer
from tests.support.aws import Aws
from tests.support.builders import facts
from tests.support.workflow_harness import (
    FILES,
    OPPORTUNITY,
    environment_variables,
    opportunity_fields,
)


@pytest.fixture
def offer_id(aws: Aws) -> str:
    """The open offer that the opportunity shows."""
    offer_id = aws.release_offer()
    aws.sandbox.world.salesforce.put_opportunity(
        opportunity_fields(OPPORTUNITY, Offer_Id__c=offer_id)
    )
    return offer_id


@pytest.fixture
def preflight(aws: Aws) -> Preflight:
    with environment_variables(FILES):
        return clients.preflight(read_settings(WorkerSettings), clients.AwsClients())


def codes(report: PreflightReport) -> set[str]:
    return {each.code for each in report.findings}


def test_offer_that_the_opportunity_shows(aws: Aws, preflight: Preflight, offer_id: str) -> None:
    deal = CheckDeal(opportunity_id=OPPORTUNITY)
    (found,) = preflight.check(deal, aws.now[0]).findings
    assert found.code == "open-offer"
    assert (found.field, found.seen) == ("opportunity", offer_id)


def test_withdrawn_offer_is_not_the_one_shown(
    aws: Aws, preflight: Preflight, offer_id: str
) -> None:
    deal = CheckDeal(opportunity_id=OPPORTUNITY, withdrawn_offer_ids=(offer_id,))
    found = preflight.check(deal, aws.now[0]).findings
    assert "opportunity" not in {f.field for f in found if f.code == "open-offer"}


@pytest.mark.usefixtures("offer_id")
def test_amendment_is_not_held_against_the_offer_shown(aws: Aws, preflight: Preflight) -> None:
    agreement = aws.accept_offer(offer_name="Another")
    original = accepted_offer()
    original = original.model_copy(
        update={"agreement": aws.lookup.agreement_snapshot(agreement.id).agreement}
    )
    deal = CheckDeal(opportunity_id=OPPORTUNITY, amends=original)
    report = preflight.check(deal, aws.now[0])
    assert "opportunity" not in {f.field for f in report.findings if f.code == "open-offer"}
    named = deal.model_copy(update={"terms": {"offer_name": "Our own name"}})
    terms = preflight.check(named, aws.now[0]).terms
    assert terms is not None
    assert terms.offer_name == "Our own name"


@pytest.mark.usefixtures("offer_id")
def test_account_that_another_customer_uses(aws: Aws, preflight: Preflight) -> None:
    other = opportunity_fields("006OTHERS000001", AccountId="0015g00000XyZaBAAV")
    aws.sandbox.world.salesforce.put_opportunity(other)
    report = preflight.check(CheckDeal(opportunity_id=OPPORTUNITY), aws.now[0])
    assert "account-of-another" in codes(report)


def test_terms_without_an_opportunity(aws: Aws, preflight: Preflight) -> None:
    report = preflight.check(CheckDeal(opportunity_id=None, terms=facts()), aws.now[0])
    assert "no-opportunity" in codes(report)
    assert aws.sandbox.world.calls["salesforce", "Query"] == 0


def test_field_that_the_progress_cannot_be_written_to(aws: Aws, preflight: Preflight) -> None:
    salesforce = aws.sandbox.world.salesforce
    salesforce.put_opportunity(opportunity_fields(OPPORTUNITY))
    salesforce.remove_field("Opportunity.Agreement_Id__c")
    report = preflight.check(CheckDeal(opportunity_id=OPPORTUNITY), aws.now[0])
    (found,) = (each for each in report.findings if each.code == "salesforce-field")
    assert (found.field, found.source) == ("write.agreement_id", "Agreement_Id__c")
    assert report.has_refusal
