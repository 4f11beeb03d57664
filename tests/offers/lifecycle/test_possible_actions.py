"""What is said to be possible is what the guards let pass, in each stage."""

from collections.abc import Callable

import pytest

from offers.lifecycle import guards
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.guards import Reason
from offers.lifecycle.possible_actions import possible_actions
from offers.lifecycle.record import OfferRecord
from offers.payouts.refund import RefundRequest
from offers.policy.policy import Policy
from offers.stage import Stage
from tests.support.agreements import accepted_offer
from tests.support.builders import NOW
from tests.support.requests import REQUESTS, record

REFUND = RefundRequest.model_validate(
    {
        "invoice_id": "INV-1",
        "amount": "1 USD",
        "reason": "OTHER",
        "by": "owner@example.com",
        "token": "refund-of-a-test-1",
    }
)
ROLES = {role: [f"{role}@example.com"] for role in ("deal-desk", "legal", "finance")}
POLICY = Policy.model_validate({"roles": ROLES})
GUARDS: dict[ActionKind, Callable[[OfferRecord], Reason | None]] = {
    ActionKind.REVISE: REQUESTS["revise"],
    ActionKind.AMEND: REQUESTS["amend"],
    ActionKind.EXTEND: REQUESTS["extend"],
    ActionKind.CANCEL: REQUESTS["cancel"],
    ActionKind.REQUEST_CANCELLATION: REQUESTS["request"],
    ActionKind.REFUND: lambda offer: guards.why_cannot_refund(offer, REFUND),
    ActionKind.RESEND: lambda offer: guards.why_cannot_resend(
        offer, delivery_unknown=False, withdraw_to=None
    ),
}
ALSO = {
    # A change of a draft is a revision, and one of an expired offer extends it first.
    (Stage.DRAFT, ActionKind.AMEND),
    (Stage.FAILED, ActionKind.AMEND),
    (Stage.EXPIRED, ActionKind.AMEND),
}
"""What a guard sees otherwise than the list, and why it is not (or is) in it."""


@pytest.mark.parametrize("stage", Stage)
def test_what_is_possible_is_what_the_guards_let_pass(stage: Stage) -> None:
    offer = record(stage, policy=POLICY)
    possible = possible_actions(offer)
    for kind, why_not in GUARDS.items():
        if (stage, kind) not in ALSO:
            assert (kind in possible) == (why_not(offer) is None), f"{stage}: {kind}"


def test_cancelled_amendment_cannot_be_amended() -> None:
    amendment = record(Stage.CANCELLED, amends=accepted_offer(), amendment=1)
    assert possible_actions(amendment) == ()


def test_what_an_attention_asks_for_comes_first() -> None:
    attention = Attention(code=AttentionCode.OFFER_REJECTED, problem="x", remedy="x", since=NOW)
    offer: OfferRecord = record(Stage.FAILED, attentions=(attention,))
    assert possible_actions(offer) == (ActionKind.REVISE, ActionKind.RESUME, ActionKind.CANCEL)
