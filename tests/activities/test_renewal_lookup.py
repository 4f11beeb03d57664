"""The agreement that an opportunity says it renews, in Salesforce and AWS."""

from datetime import timedelta

import pytest

from activities.preflight import CheckDeal, Preflight
from activities.salesforce.field_map import FieldMap
from offers.agreements.renewal import day_after
from offers.preflight.report import PreflightReport
from runtime import clients
from runtime.settings import WorkerSettings, read_settings
from sandbox.aws.marketplace_state import Agreement
from tests.support.agreements import accepted_offer
from tests.support.aws import Aws
from tests.support.workflow_harness import (
    FILES,
    OPPORTUNITY,
    environment_variables,
    opportunity_fields,
)

EARLIER = "0065g00000ZyXwVAAV"


@pytest.fixture
def agreement(aws: Aws) -> Agreement:
    """The agreement that the earlier opportunity led to."""
    agreement = aws.accept_offer()
    put(aws, EARLIER, Agreement_Id__c=agreement.id)
    return agreement


@pytest.fixture
def preflight() -> Preflight:
    with environment_variables(FILES):
        return clients.preflight(read_settings(WorkerSettings), clients.AwsClients())


def put(aws: Aws, opportunity_id: str, **fields: object) -> None:
    aws.sandbox.world.salesforce.put_opportunity(opportunity_fields(opportunity_id, **fields))


def check(aws: Aws, preflight: Preflight, renews: str, **fields: object) -> PreflightReport:
    put(aws, OPPORTUNITY, Renews__c=renews, **fields)
    return preflight.check(CheckDeal(opportunity_id=OPPORTUNITY), aws.now[0])


def problem(report: PreflightReport) -> str:
    (found,) = [each for each in report.findings if each.code == "renewal-unknown"]
    assert (found.field, found.source) == ("renews", "Renews__c")
    assert (report.renews, report.terms and report.terms.renewal) == (None, None)
    return found.problem


@pytest.mark.parametrize("by_opportunity", [True, False])
def test_renewal_is_flagged_and_may_follow_an_active_agreement(
    aws: Aws, preflight: Preflight, agreement: Agreement, *, by_opportunity: bool
) -> None:
    start = day_after(agreement.end)
    fields = {"Contract_Start__c": f"{start}", "Offer_Expires_On__c": f"{start - timedelta(9)}"}
    report = check(aws, preflight, EARLIER if by_opportunity else agreement.id, **fields)
    codes = {each.code for each in report.findings}
    assert codes.isdisjoint({"active-agreement", "renewal-not-flagged", "renewal-overlap"})
    assert report.renews == agreement.id
    assert report.terms is not None
    assert report.terms.renewal is not None
    assert report.terms.renewal.channel == "AwsMarketplace"


def test_overlap_has_its_own_remedy(aws: Aws, preflight: Preflight, agreement: Agreement) -> None:
    codes = [each.code for each in check(aws, preflight, agreement.id).findings]
    assert "renewal-overlap" in codes
    assert "active-agreement" not in codes


def test_findings_about_the_flag_name_where_it_comes_from(
    aws: Aws, preflight: Preflight, agreement: Agreement
) -> None:
    report = check(aws, preflight, agreement.id, AWS_Account_Id__c="444455556666")
    found = {each.code: each for each in report.findings}
    assert found["renewal-without-agreement"].source == "Renews__c"
    assert found["renewal-account"].source == "AWS_Account_Id__c"


def test_amendment_renews_nothing(aws: Aws, preflight: Preflight, agreement: Agreement) -> None:
    put(aws, OPPORTUNITY, Renews__c=agreement.id)
    original = accepted_offer().model_copy(
        update={"agreement": aws.lookup.agreement_snapshot(agreement.id).agreement}
    )
    report = preflight.check(CheckDeal(opportunity_id=OPPORTUNITY, amends=original), aws.now[0])
    assert report.renews is None


def test_flag_of_the_terms_stays(aws: Aws, preflight: Preflight, agreement: Agreement) -> None:
    report = check(aws, preflight, agreement.id, Renewal__c="External")
    assert report.terms is not None
    assert report.terms.renewal is not None
    assert report.terms.renewal.channel == "External"


def test_what_cannot_be_found(aws: Aws, preflight: Preflight) -> None:
    put(aws, EARLIER)
    cases = {
        "last year": "it names several",
        "renewal": "it is neither the id of an opportunity nor of an agreement",
        OPPORTUNITY: "it is this very opportunity",
        "0065g00000QqQqQAAV": "Salesforce has no such opportunity",
        EARLIER: "Salesforce shows no agreement of that opportunity",
        "agmt-none": "AWS shows us no agreement agmt-none",
    }
    assert {text: problem(check(aws, preflight, text)) for text in cases} == cases


def test_field_map_without_agreements(
    aws: Aws, preflight: Preflight, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = preflight._opportunities._fields
    write = {name: field for name, field in fields.write.items() if name != "agreement_id"}
    monkeypatch.setattr(
        preflight._opportunities,
        "_fields",
        FieldMap.model_validate({**dict(fields), "write": write}),
    )
    assert problem(check(aws, preflight, EARLIER)).startswith("the field map does not say")
    assert check(aws, preflight, agreement.id).renews == agreement.id
