"""Edits of released offers, and amendments of agreements, with boto3 clients."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.aws.catalog import EditOffer, SubmitOffer
from activities.aws.documents import edit, published_offer
from activities.errors import Failure
from offers.agreements.agreement import AgreementStatus
from offers.agreements.amendment_pricing import OriginalOffer, propose
from offers.lifecycle.read_back import differences
from offers.policy.policy import Policy
from offers.preflight.draft import draft
from offers.terms.terms import OfferTerms
from sandbox.aws.marketplace_state import Agreement
from sandbox.marketplace.buyers import accept
from tests.support.aws import Aws
from tests.support.builders import BUYER, facts, terms
from tests.support.workflow_harness import OPPORTUNITY

REFERENCE = f"offer-{OPPORTUNITY}-rev1"
AMENDMENT = f"offer-{OPPORTUNITY}-amd1-rev1"
FIXED = {"dimensions": "seats x 2", "duration_months": 11}
THREE_INSTALLMENTS = {"payment_schedule": "2026-03-02 40000; 2026-09-02 40000; 2027-01-02 40000"}
YEN = {
    "price": {"amount": "15000000", "currency": "JPY"},
    "payment_schedule": "2026-03-02 5000000; 2026-09-02 10000000",
    "net_payment_days": 60,
}


@pytest.fixture(autouse=True)
def product_with_seats(aws: Aws) -> None:
    aws.sandbox.world.aws.dimensions = ("platform", "seats")


def edit_of(offer_id: str, number: int = 1, sold: Any = None, **changes: Any) -> EditOffer:
    """A request to edit an offer in place."""
    before = terms(**(sold or {}))
    after = OfferTerms.model_validate(before.model_dump() | changes)
    return EditOffer(
        offer_id=offer_id, reference=REFERENCE, number=number, before=before, after=after
    )


# Edits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sold", "changes", "kinds"),
    [
        ({}, {"offer_name": "As agreed"}, ["UpdateInformation"]),
        ({}, {"description": "PO 4711"}, ["UpdateInformation"]),
        ({"description": "PO 4711"}, {"description": "PO 4712: new"}, ["UpdateInformation"]),
        ({}, {"availability_end": "2026-05-20"}, ["UpdateAvailability"]),
        ({}, {"availability_end": "2026-03-20"}, ["UpdateAvailability"]),
        (FIXED, {"duration_months": 24}, ["UpdateValidityTerms"]),
        (
            FIXED,
            {"offer_name": "B", "duration_months": 12, "availability_end": "2026-04-20"},
            ["UpdateInformation", "UpdateValidityTerms", "UpdateAvailability"],
        ),
    ],
)
def test_edited_offer_has_the_new_terms(
    aws: Aws, sold: dict[str, Any], changes: dict[str, Any], kinds: list[str]
) -> None:
    offer_id = aws.release_offer(**sold)
    request = edit_of(offer_id, sold=sold, **changes)
    change_types = edit(request.before, request.after, REFERENCE, offer_id)
    assert [each["ChangeType"] for each in change_types] == kinds
    published = aws.published_offer(aws.run(aws.activities.edit_offer, request))
    assert (published.offer_id, published.released) == (offer_id, True)
    assert differences(request.after, published) == ()
    description = aws.sandbox.world.aws.offers[offer_id].description or ""
    assert description.partition(": ")[0] == REFERENCE, "the reference is missing"


def test_edit_is_idempotent_by_number(aws: Aws) -> None:
    offer_id = aws.release_offer()
    first = aws.run(aws.activities.edit_offer, edit_of(offer_id, offer_name="B"))
    assert aws.run(aws.activities.edit_offer, edit_of(offer_id, offer_name="B")) == first
    assert aws.sandbox.world.calls["catalog", "StartChangeSet"] == 2, (
        "not one call for the offer and one for its edit"
    )
    aws.advance(minutes=5)
    assert aws.run(aws.activities.edit_offer, edit_of(offer_id, offer_name="B")) == first
    second = aws.run(aws.activities.edit_offer, edit_of(offer_id, 2, offer_name="C"))
    assert second != first
    aws.published_offer(second)
    assert aws.sandbox.world.aws.offers[offer_id].name == "C"


def test_second_edit_waits_for_the_first(aws: Aws) -> None:
    offer_id = aws.release_offer()
    aws.run(aws.activities.edit_offer, edit_of(offer_id, offer_name="B"))
    with pytest.raises(ApplicationError) as locked:
        aws.run(aws.activities.edit_offer, edit_of(offer_id, 2, offer_name="C"))
    assert locked.value.type == Failure.NOT_READY


def test_rejected_edit_changes_nothing(aws: Aws) -> None:
    sold = {"payment_schedule": "2026-03-02 60000; 2026-09-02 60000"}
    offer_id = aws.release_offer(**sold)
    request = edit_of(offer_id, sold=sold, availability_end="2026-10-01")
    outcome = aws.outcome(aws.run(aws.activities.edit_offer, request))
    assert outcome.offer is None
    assert [each.code for each in outcome.errors] == ["TOO_MANY_BACKDATED_CHARGES"]
    assert aws.sandbox.world.aws.offers[offer_id].availability_end == date(2026, 4, 1)


def test_edit_extends_an_expired_offer(aws: Aws) -> None:
    offer_id = aws.release_offer()
    aws.advance(days=40)
    request = edit_of(offer_id, availability_end="2026-05-01")
    aws.published_offer(aws.run(aws.activities.edit_offer, request))
    assert accept(aws.sandbox.world, offer_id, BUYER).status == "ACTIVE"


# Amendments ------------------------------------------------------------------------------------


def amendment_of(aws: Aws, agreement: Agreement, sold: OfferTerms, **given: Any) -> OfferTerms:
    """The amendment as preflight drafts it from the agreement in AWS."""
    requested: dict[str, Any] = {
        n: given.pop(n) for n in ("additional_amount", "unpaid_installments") if n in given
    }
    snapshot = aws.lookup.agreement_snapshot(agreement.id)
    original = OriginalOffer(agreement=snapshot.agreement, terms=sold)
    today = aws.now[0].date()
    proposal = propose(original, snapshot, requested, Policy(), today)
    assert proposal.findings == ()
    drafted = draft(facts() | proposal.facts | given, Policy(), today)
    assert drafted.terms is not None, drafted.findings
    return drafted.terms


def submit_amendment(aws: Aws, agreement: Agreement, amendment: OfferTerms) -> str:
    request = SubmitOffer(reference=AMENDMENT, terms=amendment, replaces=agreement.id)
    return str(aws.run(aws.activities.submit_offer, request))


@pytest.mark.parametrize(
    ("sold", "requested", "value"),
    [
        ({}, {"additional_amount": "30000 USD"}, "30000.00"),
        ({}, {}, "0.00"),
        ({}, {"additional_amount": "5 USD", "dimensions": "seats"}, "5.00"),
        ({"starts_on": "2026-05-01"}, {"additional_amount": "5 USD"}, "5.00"),
        (
            FIXED,
            {"additional_amount": "30000 USD", "dimensions": "seats x 9; platform"},
            "30000.00",
        ),
        (FIXED, {}, "0.00"),
        (
            THREE_INSTALLMENTS,
            {"additional_amount": "30000 USD", "unpaid_installments": "carry"},
            "110000.00",
        ),
        (THREE_INSTALLMENTS, {"unpaid_installments": "carry", "net_payment_days": 30}, "80000.00"),
        (
            THREE_INSTALLMENTS,
            {"additional_amount": "30000 USD", "unpaid_installments": "drop"},
            "30000.00",
        ),
        (THREE_INSTALLMENTS, {"unpaid_installments": "drop"}, "0.00"),
        (
            THREE_INSTALLMENTS,
            {"unpaid_installments": "carry", "agreement_end": "2028-01-31"},
            "80000.00",
        ),
        (YEN, {"additional_amount": "1 JPY", "unpaid_installments": "carry"}, "10000001"),
        ({"net_payment_days": 30, "eula": "https://example.com/e.pdf"}, {}, "0.00"),
    ],
)
def test_amendment_has_the_submitted_terms_and_replaces_the_agreement(
    aws: Aws, sold: dict[str, Any], requested: dict[str, Any], value: str
) -> None:
    agreement = aws.accept_offer(**{name: v for name, v in sold.items() if name != "eula"})
    aws.advance(days=20)
    amendment = amendment_of(aws, agreement, terms(**sold), **requested)
    request = SubmitOffer(
        reference=AMENDMENT,
        terms=amendment,
        replaces=agreement.id,
        eula_url="https://example-bucket.s3.amazonaws.com/eula.pdf",
    )
    published = aws.published_offer(aws.run(aws.activities.submit_offer, request))
    assert differences(amendment, published) == ()
    offer = aws.sandbox.world.aws.offers[published.offer_id]
    assert (offer.description, offer.replaces_agreement) == (AMENDMENT, agreement.id)
    assert aws.lookup.agreement_snapshot(agreement.id).agreement.status is AgreementStatus.ACTIVE, (
        "it was replaced before the acceptance"
    )
    new = accept(aws.sandbox.world, published.offer_id, BUYER)
    assert Decimal(new.value) == Decimal(value)
    assert new.end.date() == amendment.agreement_end
    assert aws.lookup.agreement_snapshot(agreement.id).agreement.status is AgreementStatus.REPLACED


def test_amendment_change_set_has_no_buyer_and_product(aws: Aws) -> None:
    agreement = aws.accept_offer()
    amendment = amendment_of(aws, agreement, terms(), additional_amount="5 USD")
    submit_amendment(aws, agreement, amendment)
    *_, change_set = aws.sandbox.world.aws.change_sets.values()
    kinds = [change.type for change in change_set.changes]
    assert kinds[0] == "CreateReplacementOffer"
    assert "UpdateTargeting" not in kinds
    assert change_set.request["ChangeSet"][0]["DetailsDocument"] == {
        "AgreementId": agreement.id,
        "Name": amendment.offer_name,
    }


def test_amendment_submit_is_idempotent_and_has_its_reference(aws: Aws) -> None:
    agreement = aws.accept_offer()
    amendment = amendment_of(
        aws, agreement, terms(), additional_amount="5 USD", description="PO 4711"
    )
    first = submit_amendment(aws, agreement, amendment)
    assert submit_amendment(aws, agreement, amendment) == first
    published = aws.published_offer(first)
    assert published.description == "PO 4711"
    assert aws.sandbox.world.aws.offers[published.offer_id].description == f"{AMENDMENT}: PO 4711"


def test_amendment_invoices_nothing_twice(aws: Aws) -> None:
    agreement = aws.accept_offer(**THREE_INSTALLMENTS)
    aws.advance(days=20)
    amendment = amendment_of(
        aws,
        agreement,
        terms(**THREE_INSTALLMENTS),
        additional_amount="30000 USD",
        unpaid_installments="carry",
    )
    published = aws.published_offer(submit_amendment(aws, agreement, amendment))
    aws.advance(days=10)
    new = accept(aws.sandbox.world, published.offer_id, BUYER)
    aws.advance(days=400)
    assert aws.lookup.agreement_snapshot(agreement.id).invoiced == 40000
    assert aws.lookup.agreement_snapshot(new.id).invoiced == 110000


def test_edit_of_an_amendment_changes_only_the_last_day(aws: Aws) -> None:
    agreement = aws.accept_offer(**THREE_INSTALLMENTS)
    amendment = amendment_of(
        aws, agreement, terms(**THREE_INSTALLMENTS), unpaid_installments="carry"
    )
    offer_id = aws.published_offer(submit_amendment(aws, agreement, amendment)).offer_id
    after = amendment.model_copy(update={"availability_end": date(2026, 9, 1)})
    request = EditOffer(
        offer_id=offer_id, reference=AMENDMENT, number=1, before=amendment, after=after
    )
    published = aws.published_offer(aws.run(aws.activities.edit_offer, request))
    assert differences(after, published) == ()


def test_incomplete_offer_is_read() -> None:
    published = published_offer(
        "offer-1", {"State": "Draft", "Terms": [{"Type": "PaymentScheduleTerm"}]}
    )
    assert (published.released, published.price, published.schedule, published.description) == (
        False,
        None,
        (),
        None,
    )
