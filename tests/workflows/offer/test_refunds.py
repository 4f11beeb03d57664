"""Refunds: finance approves, AWS is asked once, and the payout data must show them."""

from typing import Any

import pytest
from pydantic import ValidationError

from client.offer_client import RequestRejected
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.commands import ApprovalDecision
from offers.money import Money
from offers.payouts.refund import Refund, RefundReason, RefundRequest, RefundStatus
from offers.stage import Stage
from sandbox.faults import Fault
from sandbox.mail.mailbox_state import Mail
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness

ASKING = "owner@example.com"
FINANCE = "finance@example.com"
USD_4000 = Money.of("4000.00", "USD")


def wish(invoice: str, **changes: Any) -> RefundRequest:
    given = {
        "invoice_id": invoice,
        "amount": "4000.00 USD",
        "reason": "BUYER_DISSATISFACTION",
        "description": "Two weeks without the service.",
        "by": ASKING,
        "token": "refund-00000000-0000-4000-8000-000000000001",
    }
    return RefundRequest.model_validate(given | changes)


def decision(**changes: Any) -> ApprovalDecision:
    return ApprovalDecision.model_validate({"by": FINANCE, "finding": "refund-1"} | changes)


@pytest.fixture
async def invoice_id(harness: WorkflowHarness) -> str:
    """The invoice of an offer that has been paid out in full."""
    await harness.sell()
    await harness.advance(days=40)
    await harness.sweep_payouts()
    record = await harness.settle()
    assert record.stage is Stage.DISBURSED
    (invoice,) = record.require_payout().invoices
    return invoice.invoice_id


async def refund_of(harness: WorkflowHarness) -> Refund:
    (refund,) = (await harness.record()).refunds
    return refund


def mails(harness: WorkflowHarness, subject: str) -> list[Mail]:
    return [each for each in harness.world.mail.messages if each.subject.startswith(subject)]


async def test_a_refund_from_the_request_to_the_payout_data(
    harness: WorkflowHarness, invoice_id: str
) -> None:
    adjustments = harness.world.money.adjustments
    harness.world.money.adjustment_processing.pending_hours = 50
    found = await harness.client.check_refund(OPPORTUNITY, wish(invoice_id))
    assert found.adjustable == Money.of("120000.00", "USD")
    assert (await harness.record()).refunds == (), "asking changes something"

    asked = await harness.client.request_refund(OPPORTUNITY, wish(invoice_id))
    assert asked.refunds[0].status is RefundStatus.AWAITING_APPROVAL
    assert asked.attention_code == AttentionCode.REFUND_AWAITING_APPROVAL
    await harness.advance(days=3)
    assert not adjustments, "AWS was asked without approval"
    (mail,) = mails(harness, "Approval required: refund of USD 4,000.00 to Example Corp")
    assert sorted(mail.recipients) == [FINANCE, ASKING]
    assert mail.text.startswith("Hello,\r\n"), "the owner's name greets finance"
    assert f"offerflow approve {OPPORTUNITY} --finding refund-1 --by" in mail.text

    approved = await harness.client.approve(OPPORTUNITY, decision())
    assert approved.attentions == ()
    await harness.advance(hours=2)
    assert (await refund_of(harness)).status is RefundStatus.PENDING
    await harness.advance(days=3)
    refund = await refund_of(harness)
    assert (refund.status, refund.shown_at) == (RefundStatus.COMPLETED, None)
    (adjustment,) = adjustments.values()
    assert refund.adjustment_id == adjustment.id
    assert (adjustment.amount, adjustment.reason) == (USD_4000.amount, "BUYER_DISSATISFACTION")
    assert adjustment.description == "Two weeks without the service."
    assert mails(harness, "Refunded: USD 4,000.00 to Example Corp")

    await harness.sweep_payouts()
    record = await harness.settle()
    assert record.refunds[0].shown_at is not None
    assert record.require_payout().refunded == USD_4000
    await harness.advance(days=60)
    assert AttentionCode.REFUND_DELAYED not in {
        each.code for each in (await harness.record()).attentions
    }


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"by": ASKING}, "this needs the role finance"),
    ({"deal": "of something else"}, "the refund is not as it was shown"),
    ({"finding": "refund-2"}, "nothing in it waits for approval"),
    ({"finding": None}, "nothing in it waits for approval"),
]


async def test_who_may_approve_a_refund(harness: WorkflowHarness, invoice_id: str) -> None:
    await harness.client.request_refund(OPPORTUNITY, wish(invoice_id))
    for changes, why in REFUSED:
        with pytest.raises(RequestRejected, match=why):
            await harness.client.approve(OPPORTUNITY, decision(**changes))
    await harness.client.resume(OPPORTUNITY, AttentionCode.REFUND_AWAITING_APPROVAL)
    assert (await harness.settle()).attention_code == AttentionCode.REFUND_AWAITING_APPROVAL
    declined = await harness.client.decline(OPPORTUNITY, decision(reason="Not agreed."))
    assert declined.refunds[0].status is RefundStatus.DECLINED
    assert declined.attentions == ()
    with pytest.raises(RequestRejected, match="refund-1 is declined"):
        await harness.client.approve(OPPORTUNITY, decision())
    await harness.settle()
    assert harness.salesforce_fields()["Offer_Attention__c"] is None, "not written any more"
    assert "Not agreed." in mails(harness, "Declined: refund of USD 4,000.00")[0].text

    await harness.client.request_refund(
        OPPORTUNITY, wish(invoice_id, by=FINANCE, token="refund-asked-by-finance")
    )
    with pytest.raises(RequestRejected, match="whoever asked for a refund cannot approve it"):
        await harness.client.approve(OPPORTUNITY, decision(finding="refund-2"))
    assert not harness.world.money.adjustments


async def test_what_is_not_refunded(harness: WorkflowHarness, invoice_id: str) -> None:
    refused: dict[str, dict[str, Any]] = {
        "AWS lets at most USD 120,000.00 of the invoice be refunded": {"amount": "120000.01 USD"},
        f"has no invoice INV-9; the last ones: {invoice_id}": {"invoice": "INV-9"},
        "the invoice is in USD": {"amount": "1.00 EUR"},
    }
    for number, (why, changes) in enumerate(refused.items()):
        request = wish(**{"invoice": invoice_id, "token": f"refund-refused-{number:03}"} | changes)
        for ask in (harness.client.check_refund, harness.client.request_refund):
            with pytest.raises(RequestRejected, match=why):
                await ask(OPPORTUNITY, request)
    await harness.client.request_refund(OPPORTUNITY, wish(invoice_id))
    with pytest.raises(RequestRejected, match=r"is being refunded .*: wait until that is done"):
        await harness.client.request_refund(
            OPPORTUNITY, wish(invoice_id, token="refund-another-token")
        )
    again = await harness.client.request_refund(OPPORTUNITY, wish(invoice_id))
    assert len(again.refunds) == 1, "the same request is another one"


async def test_a_refund_that_aws_refuses(harness: WorkflowHarness, invoice_id: str) -> None:
    harness.world.money.adjustment_processing.failure = "The tax invoice is closed."
    await harness.client.request_refund(OPPORTUNITY, wish(invoice_id))
    await harness.client.approve(OPPORTUNITY, decision())
    await harness.advance(hours=3)
    refund = await refund_of(harness)
    assert refund.status is RefundStatus.FAILED
    assert refund.problem == "The tax invoice is closed."
    (mail,) = mails(harness, "Not refunded: USD 4,000.00 to Example Corp")
    assert "The tax invoice is closed." in mail.text

    # Between the request and the approval somebody refunds the invoice in AWS.
    harness.world.money.adjustment_processing.failure = None
    whole = wish(invoice_id, amount="120000.00 USD", token="refund-of-everything")
    await harness.client.request_refund(OPPORTUNITY, whole)
    harness.world.money.invoices[0].amount -= 1
    await harness.client.approve(OPPORTUNITY, decision(finding="refund-2"))
    refused = (await harness.settle()).refunds[1]
    assert refused.status is RefundStatus.FAILED
    assert "EXCEEDED_MAXIMUM_ADJUSTMENT_AMOUNT" in (refused.problem or "")


@pytest.mark.parametrize("forgotten", [False, True], ids=["token-kept", "token-forgotten"])
async def test_a_lost_answer_does_not_refund_twice(
    harness: WorkflowHarness, invoice_id: str, forgotten: bool
) -> None:
    world = harness.world
    world.money.adjustment_processing.pending_hours = 0.001
    world.faults.waiting.append(
        Fault("agreement", "drop_after", "BatchCreateBillingAdjustmentRequest")
    )
    await harness.client.request_refund(OPPORTUNITY, wish(invoice_id))
    await harness.client.approve(OPPORTUNITY, decision())
    await harness.settle()
    if forgotten:
        for each in world.money.adjustments.values():
            each.token = "forgotten"
    await harness.advance(hours=2)
    assert (await refund_of(harness)).status is RefundStatus.COMPLETED
    assert len(world.money.adjustments) == 1


async def test_refunds_that_take_too_long(harness: WorkflowHarness, invoice_id: str) -> None:
    harness.world.money.adjustment_processing.pending_hours = 24 * 6
    await harness.client.request_refund(OPPORTUNITY, wish(invoice_id))
    await harness.client.approve(OPPORTUNITY, decision())
    late = await harness.advance(days=5)
    assert late.attention_code == AttentionCode.REFUND_DELAYED
    assert "AWS has not processed it" in late.attentions[0].problem
    assert len(mails(harness, "Late: refund of USD 4,000.00")) == 1
    await harness.advance(days=3)
    done = await harness.record()
    assert (done.refunds[0].status, done.attentions) == (RefundStatus.COMPLETED, ())

    not_shown = await harness.advance(days=46)
    assert not_shown.attention_code == AttentionCode.REFUND_DELAYED
    assert "the payout data does not show it" in not_shown.attentions[0].problem
    await harness.sweep_payouts()
    shown = await harness.settle()
    assert (shown.refunds[0].shown_at is not None, shown.attentions) == (True, ())


async def test_each_refund_is_found_by_its_own_amount(
    harness: WorkflowHarness, invoice_id: str
) -> None:
    for number in (1, 2):
        token = f"refund-with-the-number-{number}"
        await harness.client.request_refund(OPPORTUNITY, wish(invoice_id, token=token))
        await harness.client.approve(OPPORTUNITY, decision(finding=f"refund-{number}"))
        await harness.advance(hours=2)
        if number == 1:
            await harness.sweep_payouts()
            assert (await harness.settle()).refunds[0].shown_at
    _, second = (await harness.record()).refunds
    assert (second.status, second.shown_at) == (RefundStatus.COMPLETED, None)
    await harness.sweep_payouts()
    assert all(r.shown_at for r in (await harness.settle()).refunds)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"amount": "0 USD"}, "it is not above zero"),
    ({"amount": "4000.00"}, "it has no currency"),
    ({"amount": "4.000 USD"}, "it could be"),
    ({"invoice_id": "INV 1"}, "invoice_id"),
    ({"invoice_id": 17}, "invoice_id"),
    ({"description": ""}, "description"),
    ({"description": "x" * 501}, "description"),
    ({"token": "short"}, "token"),
    ({"reason": "WHY"}, "reason"),
]


@pytest.mark.parametrize(("changes", "why"), WRONG)
def test_requests_that_cannot_be_read(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        wish("INV-1", **changes)


def test_reasons_are_those_of_aws() -> None:
    assert RefundReason("INCORRECT_METERING") is RefundReason.INCORRECT_METERING
