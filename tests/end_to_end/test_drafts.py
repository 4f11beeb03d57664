"""Preflight, approvals, revisions and the Clazar handoff from the command line."""

import json
from decimal import Decimal
from pathlib import Path

from offers.lifecycle.attentions import AttentionCode
from offers.stage import Stage
from runtime import schedules
from sandbox.aws.marketplace_state import Buyer
from sandbox.clazar.manual_offers import create_manual_offer
from tests.support.offer_environment import OfferEnvironment
from tests.support.programs import run

DESK = "desk@example.com"


def change(environment: OfferEnvironment, opportunity: str, **fields: object) -> None:
    """Change the opportunity in Salesforce."""
    environment.world.salesforce.put_opportunity({"Id": opportunity} | fields)


async def test_preflight_writes_nothing(cli_environment: OfferEnvironment, tmp_path: Path) -> None:
    world = cli_environment.world
    (opportunity,) = cli_environment.put_opportunities(1)
    terms = tmp_path / "terms.json"
    terms.write_text(
        '{"eula": "s3://example-offers/none.pdf", "buyer_accounts": "111122223333"}',
        encoding="utf-8",
    )
    for arguments in (
        [opportunity],
        [opportunity, "--json"],
        [opportunity, "--terms", str(terms)],
        ["--terms", str(terms)],
    ):
        await run("starter.py", "preflight", *arguments)
    assert world.calls["catalog", "DescribeEntity"] == 4, "AWS was not called"
    assert world.writes == 0
    assert not world.salesforce.opportunities[opportunity].get("_history")
    assert not await cli_environment.client.list_offers(), "an offer was started"


async def test_preflight_output_as_text_and_json(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    code, out, err = await run("starter.py", "preflight", opportunity)
    assert (code, err) == (0, "")
    assert "No findings: the offer can be created." in out

    change(cli_environment, opportunity, Order_Form_Amount__c=12000.0, Contract_Months__c=24.0)
    code, out, _ = await run("starter.py", "preflight", opportunity)
    assert code == 1
    for words in (
        "order-form-amount",
        "USD 120,000.00",
        "USD 12,000",
        "approval by deal-desk",
        "annual",
    ):
        assert words in out
    code, out, _ = await run("starter.py", "preflight", opportunity, "--json")
    report = json.loads(out)
    assert code == 1
    assert report["refuses"] is True
    assert [finding["code"] for finding in report["findings"]] == [
        "order-form-amount",
        "not-annual",
    ]
    assert "@" not in out, "the report has personal data"

    change(cli_environment, opportunity, Order_Form_Amount__c=None)
    code, out, _ = await run("starter.py", "preflight", opportunity)
    assert code == 0, "an exception is reported as a refusal"


async def test_preflight_of_terms_alone(cli_environment: OfferEnvironment, tmp_path: Path) -> None:
    terms = tmp_path / "terms.json"
    terms.write_text(
        '{"buyer_accounts": "1111-2222-3333", "company": "Example Corp",'
        ' "price": {"amount": 120000, "currency": "USD"}}',
        encoding="utf-8",
    )
    code, out, _ = await run("starter.py", "preflight", "--terms", str(terms))
    assert code == 0
    assert "no-opportunity" in out
    code, _, err = await run("starter.py", "preflight")
    assert code == 2
    assert "give an opportunity, or terms" in err


async def test_preflight_has_the_findings_of_the_draft(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    change(cli_environment, opportunity, Billing_Method__c="Invoice", Amount=90000.0)
    _, out, _ = await run("starter.py", "preflight", opportunity, "--json")
    await run("starter.py", "start", opportunity)
    record = await cli_environment.client.record(opportunity)
    assert [finding.code for finding in record.findings] == [
        finding["code"] for finding in json.loads(out)["findings"]
    ]


async def test_preflight_names_the_failing_vendor(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    code, _, err = await run(
        "starter.py", "preflight", opportunity, SALESFORCE_CLIENT_SECRET="wrong"
    )
    assert code == 1
    assert "Salesforce rejects our credentials" in err
    assert "Traceback" not in err
    code, _, err = await run("starter.py", "preflight", "006000000000000AAA")
    assert (code, err) == (1, "Salesforce has no opportunity 006000000000000AAA\n")


async def test_approve_an_exception(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    change(cli_environment, opportunity, Contract_Months__c=24.0)
    code, _, err = await run("starter.py", "start", opportunity)
    assert code == 1
    assert "wait for approval by deal-desk (not-annual)" in err
    code, _, err = await run("starter.py", "approve", opportunity, "--by", "owner@example.com")
    assert code == 1
    assert "needs the role deal-desk" in err
    code, _, err = await run("starter.py", "approve", opportunity)
    assert code == 2
    assert "--by" in err
    code, out, _ = await run(
        "starter.py", "approve", opportunity, "--finding", "not-annual", OFFERS_USER=DESK
    )
    assert code == 0
    assert f"not-annual by {DESK}" in out
    await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)


async def test_decline_and_revise_a_draft(
    cli_environment: OfferEnvironment,
) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    change(cli_environment, opportunity, Amount=90000.0)
    await run("starter.py", "start", opportunity)
    code, _, err = await run("starter.py", "decline", opportunity, "--by", DESK)
    assert code == 2
    assert "--reason" in err
    code, out, _ = await run(
        "starter.py", "decline", opportunity, "--by", DESK, "--reason", "too cheap"
    )
    assert code == 0
    assert "too cheap" in out
    code, _, err = await run("starter.py", "revise", opportunity, "price=95000")
    assert code == 2
    assert "add the currency" in err
    code, _, err = await run("starter.py", "revise", opportunity, "pric=1")
    assert (code, err) == (1, "pric: there is no such term; correct its name\n")
    code, out, _ = await run("starter.py", "revise", opportunity, "price=100000.00 USD")
    assert code == 0
    await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
    assert (await cli_environment.client.record(opportunity)).require_terms().price.amount == 100000


async def test_clazar_handoff_and_link_offer(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    await run("starter.py", "start", opportunity, "--method", "clazar")
    await cli_environment.wait_until(
        opportunity, lambda row: row.attention == AttentionCode.AWAITING_CLAZAR_OFFER
    )
    code, out, _ = await run("starter.py", "show", opportunity)
    record = await cli_environment.client.record(opportunity)
    for words in (
        "Clazar's form",
        record.require_terms().offer_name,
        "non-FPS",
        "Buyer AWS account ID",
    ):
        assert words in out
    create_manual_offer(
        cli_environment.world,
        name="Something else",
        buyer_accounts=list(record.require_terms().buyer_accounts),
        price=Decimal(120000),
        availability_end=record.require_terms().availability_end,
    )
    cli_environment.world.advance()
    (offer,) = cli_environment.world.aws.offers.values()
    code, _, _ = await run("starter.py", "link-offer", opportunity, "--offer-id", offer.id)
    assert code == 0
    await cli_environment.wait_until(opportunity, lambda row: row.attention == "approval-required")
    code, _, _ = await run("starter.py", "approve", opportunity, "--by", DESK)
    assert code == 0
    await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)


async def test_revise_after_rejection_by_aws(
    cli_environment: OfferEnvironment,
) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    account = cli_environment.world.salesforce.opportunities[opportunity]["AWS_Account_Id__c"]
    cli_environment.world.aws.buyers[account] = Buyer(account, exists=False)
    await run("starter.py", "start", opportunity)
    await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.FAILED)
    code, _, _ = await run("starter.py", "revise", opportunity, "buyer_accounts=4444-5555-6666")
    assert code == 0
    await cli_environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
    _, out, _ = await run("starter.py", "show", opportunity)
    assert "rejected by AWS" in out, "the first revision is missing"


async def test_commands_for_a_missing_offer_are_rejected(cli_environment: OfferEnvironment) -> None:
    (opportunity,) = cli_environment.put_opportunities(1)
    for command, arguments in {
        "approve": ["--by", DESK],
        "decline": ["--by", DESK, "--reason", "no"],
        "revise": ["duration_months=12"],
        "link-offer": ["--offer-id", "offer-x"],
    }.items():
        code, _, err = await run("starter.py", command, opportunity, *arguments)
        assert code == 1
        assert err.startswith(f"there is no offer for {opportunity}")


async def test_schedules_apply_pause_and_resume(cli_environment: OfferEnvironment) -> None:
    rows = json.loads((await run("starter.py", "schedules", "list", "--json"))[1])
    assert [row["schedule_id"] for row in rows] == list(schedules.KNOWN)
    assert {row["problem_kind"] for row in rows} == {"never-applied"}
    for _ in range(2):
        code, out, _ = await run("starter.py", "schedules", "apply")
        assert (code, out.split()) == (0, list(schedules.KNOWN))
    await run("starter.py", "schedules", "pause", "opportunity-intake", "--reason", "quarter end")
    code, out, _ = await run("starter.py", "schedules", "list")
    assert code == 0
    assert "paused quarter end" in out
    code, _, err = await run("starter.py", "schedules", "pause", "intake")
    assert code == 1
    assert f"choose {', '.join(schedules.KNOWN)}" in err
    await run("starter.py", "schedules", "resume", "opportunity-intake")
    assert "paused" not in (await run("starter.py", "schedules", "list"))[1]


async def test_preflight_of_an_opportunity_whose_offer_runs_says_so_first(
    cli_environment: OfferEnvironment,
) -> None:
    (opportunity,) = await cli_environment.share_offers(1)
    code, out, _ = await run("starter.py", "preflight", opportunity, "--json")
    findings = json.loads(out)["findings"]
    assert code == 1
    assert findings[0]["code"] == "already-running"
    assert "it is shared" in findings[0]["problem"]
    assert "open-offer" not in {each["code"] for each in findings}, "it is its own"
