"""What the buttons of an offer's page say that they do, and what their forms ask for."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offers.lifecycle.account_confirmation import AccountLink, confirmation_findings
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import Policy
from offers.stage import Stage
from tests.support.builders import NOW
from tests.support.requests import record
from web.actions import Button, buttons
from web.console import Console
from web.identity import Actor, Kind
from web.requested import refund_of

OPERATOR = Actor(kind=Kind.LOCAL_OPERATOR, name="local operator")
REFUND = {"invoice": "INV-1", "amount": "100.00 USD", "reason": "OTHER", "token": "of-the-form"}


def shown(offer: OfferRecord) -> dict[ActionKind, Button]:
    console = cast(Console, SimpleNamespace(policy=Policy(), now=lambda: NOW))
    can, cannot = buttons(console, OPERATOR, offer, is_open=True)
    return {each.kind: each for each in (*can, *cannot)}


def test_draft_whose_buyer_was_asked_sends_another_link() -> None:
    policy = Policy.model_validate({"seller_name": "Example", "confirm_account": "required"})
    draft = record(Stage.DRAFT, policy=policy)
    terms = draft.require_terms()
    draft.account_link = link = AccountLink(
        number=1,
        nonce="0" * 32,
        accounts=terms.buyer_accounts,
        buyer_email="buyer@example.com",
        asked_at=NOW,
        expires_at=NOW + timedelta(days=14),
    )
    draft.findings = confirmation_findings(policy, terms, link, None, expired=False)
    effect = shown(draft)[ActionKind.RESEND].effect
    assert "another link to confirm the account; the one before is not valid" in effect


@pytest.mark.parametrize("stage", [Stage.EXPIRED, Stage.CANCELLED])
def test_ended_offer_that_is_still_followed_is_amended(stage: Stage) -> None:
    buttons = shown(record(stage, amendments=()))
    assert buttons[ActionKind.AMEND].why_not is None
    assert buttons[ActionKind.AMEND].effect.startswith("Drafts another offer with the changes")
    assert buttons[ActionKind.START_AGAIN].why_not == (
        "the offer is still followed for a while: amend it instead"
    )


def test_offer_whose_agreement_has_ended_is_started_again() -> None:
    assert shown(record(Stage.TERMINATED, amendments=()))[ActionKind.START_AGAIN].why_not is None


def test_each_refund_of_a_form_has_a_token_of_its_own() -> None:
    def token(**values: Any) -> str:
        return refund_of(REFUND | values, "finance@example.com").token

    assert token() == token()
    assert len({token(), token(amount="250.00 USD"), token(invoice="INV-2"), token(token="2")}) == 4
