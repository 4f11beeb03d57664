"""What Salesforce knows of the customer: which AWS accounts they, and others, have bought with."""

from collections.abc import Iterator

from offers.findings import Finding
from offers.model import FrozenModel
from offers.policy.policy import Policy
from offers.preflight.check import Check
from offers.stage import Stage
from offers.terms.terms import OfferTerms

SOLD = frozenset({Stage.ACCEPTED.value, Stage.DISBURSED.value})


RUNNING = frozenset(
    {
        Stage.DRAFT.value,
        Stage.SUBMITTED.value,
        Stage.GENERATING.value,
        Stage.FAILED.value,
        Stage.LIVE.value,
        Stage.SHARED.value,
    }
)


class OtherCustomersUse(FrozenModel):
    """An opportunity of another customer that names one of our buyer accounts."""

    account_id: str
    """The AWS account."""
    opportunity_id: str
    company: str | None = None


class LastPurchase(FrozenModel):
    """The customer's last accepted agreement."""

    opportunity_id: str
    buyer_accounts: tuple[str, ...]


class Customer(FrozenModel):
    """What Salesforce knows; nothing for terms without an opportunity."""

    shown_stage: str | None = None
    """Where Salesforce shows this very opportunity's offer to be."""
    stage_field: str | None = None
    others: tuple[OtherCustomersUse, ...] = ()
    last_purchase: LastPurchase | None = None


def running(customer: Customer) -> Finding | None:
    """The opportunity's own offer, which a start would find instead of creating one."""
    if customer.shown_stage not in RUNNING:
        return None
    return Finding(
        code="already-running",
        field="stage",
        seen=customer.shown_stage,
        problem=f"an offer for this opportunity runs already: it is {customer.shown_stage}",
        remedy="Look at that offer: revise its draft, or amend it, instead of starting another",
        source=customer.stage_field,
    )


def sold_before(customer: Customer) -> Iterator[Finding]:
    """Temporal deletes an offer some time after its end; Salesforce still shows it."""
    if customer.shown_stage in SOLD:
        yield Finding(
            code="sold-before",
            field="stage",
            seen=customer.shown_stage,
            problem="an offer for this opportunity has been accepted already",
            remedy="Look at its agreement; if this is a mistake, clear the field and resume",
            source=customer.stage_field,
        )


def _others_account(terms: OfferTerms, customer: Customer, policy: Policy) -> Iterator[Finding]:
    for use in customer.others:
        if use.account_id in terms.buyer_accounts:
            who = f"{use.company}, {use.opportunity_id}" if use.company else use.opportunity_id
            yield from policy.rules.account_of_other_customer.violation(
                "account-of-another",
                "buyer_accounts",
                f"another customer used this account ({who})",
                "Ask the buyer for the account id again, or have the exception approved",
                seen=use.account_id,
            )


def _usual_account(terms: OfferTerms, customer: Customer, policy: Policy) -> Iterator[Finding]:
    last = customer.last_purchase
    if last and not set(terms.buyer_accounts) & set(last.buyer_accounts):
        yield from policy.rules.account_of_last_purchase.violation(
            "account-changed",
            "buyer_accounts",
            f"the customer last bought with {', '.join(last.buyer_accounts)}"
            f" ({last.opportunity_id})",
            "Ask the buyer which of them is right",
            seen=terms.accounts,
        )


CHECKS = (
    Check({"buyer_accounts"}, _others_account),
    Check({"buyer_accounts"}, _usual_account),
)
