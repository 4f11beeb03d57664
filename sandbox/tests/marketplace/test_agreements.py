"""Roll-backs and renewals by AWS."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sandbox.aws.marketplace_state import Agreement
from sandbox.billing.money import Invoice
from sandbox.marketplace import agreements, buyers
from sandbox.tests.support.aws_seller import BUYER, Details, Seller, schedule, validity

TWO = schedule(("2026-03-02", "60000.00"), ("2026-09-02", "60000.00"))
LATER = schedule(("2026-03-02", "60000.00"), ("2026-04-02", "60000.00"))


def accepted(seller: Seller, **details: Details) -> Agreement:
    return buyers.accept(seller.world, seller.create_offer(**details), BUYER)


def amended(seller: Seller, agreement: Agreement, **details: Details) -> Agreement:
    offer_id = seller.create(seller.replacement_changes(agreement.id, **details))
    return buyers.accept(seller.world, offer_id, BUYER)


def found(seller: Seller, name: str, value: str) -> dict[str, str]:
    """The statuses by id in the result of SearchAgreements."""
    filters = {"PartyType": "Proposer", "AgreementType": "PurchaseAgreement", name: value}
    answer = seller.agreements.search_agreements(
        filters=[{"name": name, "values": [value]} for name, value in filters.items()]
    )
    return {each["agreementId"]: each["status"] for each in answer["agreementViewSummaries"]}


def invoiced(seller: Seller, agreement: Agreement) -> list[str]:
    seller.world.advance()
    return [
        f"{each.issued_at:%m-%d}"
        for each in seller.world.money.invoices
        if each.agreement_id == agreement.id
    ]


def test_an_offer_can_be_accepted_again_after_a_roll_back(seller: Seller) -> None:
    first = accepted(seller)
    offer = seller.world.aws.offers[first.offer_id]
    assert not seller.world.aws.acceptable(offer)
    seller.clock.advance(minutes=3)
    agreements.roll_back(seller.world, first)
    assert seller.world.aws.acceptable(offer)
    assert first.last_update == seller.clock.now
    seller.clock.advance(days=1)
    second = buyers.accept(seller.world, offer.id, BUYER)
    assert found(seller, "OfferId", offer.id) == {first.id: "ROLLED_BACK", second.id: "ACTIVE"}
    assert second.initial_agreement_id == second.id
    assert not seller.world.aws.acceptable(offer)
    with pytest.raises(buyers.AcceptanceRefused, match="already"):
        buyers.accept(seller.world, offer.id, BUYER)


def test_an_expired_offer_cannot_be_accepted_after_a_roll_back(seller: Seller) -> None:
    first = accepted(seller)
    agreements.roll_back(seller.world, first)
    seller.clock.advance(days=60)
    assert not seller.world.aws.acceptable(seller.world.aws.offers[first.offer_id])
    with pytest.raises(buyers.AcceptanceRefused, match="expired"):
        buyers.accept(seller.world, first.offer_id, BUYER)


def test_a_roll_back_drops_later_invoices(seller: Seller) -> None:
    first = accepted(seller, UpdatePaymentScheduleTerms=TWO)
    assert invoiced(seller, first) == ["03-02"]
    agreements.roll_back(seller.world, first)
    seller.clock.advance(days=200)
    assert invoiced(seller, first) == ["03-02"]


def test_a_rolled_back_agreement_does_not_lower_the_listing_fee(seller: Seller) -> None:
    first = accepted(seller)
    agreements.roll_back(seller.world, first)
    buyers.accept(seller.world, first.offer_id, BUYER)
    seller.world.advance()
    (row,) = seller.world.money.disbursements
    assert row.listing_fee_percentage == 3


def test_a_rolled_back_amendment_reinstates_the_agreement(seller: Seller) -> None:
    old = accepted(seller, UpdatePaymentScheduleTerms=TWO)
    new = amended(seller, old)
    assert (old.replaced_by, new.replaces) == (new.id, old.id)
    seller.clock.advance(minutes=3)
    agreements.roll_back(seller.world, new)
    assert old.last_update == new.last_update == seller.clock.now
    assert found(seller, "InitialAgreementId", old.id) == {old.id: "ACTIVE", new.id: "ROLLED_BACK"}
    assert (old.replaced_by, new.replaces) == (None, old.id)
    seller.clock.advance(days=200)
    assert invoiced(seller, old) == ["03-02", "09-02"]


def test_an_amendment_accepted_again_after_a_roll_back(seller: Seller) -> None:
    old = accepted(seller)
    first = amended(seller, old)
    agreements.roll_back(seller.world, first)
    again = buyers.accept(seller.world, first.offer_id, BUYER)
    assert old.status == "REPLACED"
    assert (old.replaced_by, again.initial_agreement_id) == (again.id, old.id)


def test_an_installment_due_before_the_roll_back_is_invoiced_after_it(seller: Seller) -> None:
    old = accepted(seller, UpdatePaymentScheduleTerms=LATER, **UNTIL_MARCH)
    offer_id = seller.create(
        seller.replacement_changes(old.id, UpdateAvailability={"AvailabilityEndDate": "2026-05-01"})
    )
    seller.clock.now = datetime(2026, 4, 1, 23, 58, tzinfo=UTC)
    new = buyers.accept(seller.world, offer_id, BUYER)
    seller.clock.advance(minutes=4)
    assert invoiced(seller, old) == ["03-02"]
    agreements.roll_back(seller.world, new)
    assert invoiced(seller, old) == ["03-02", "04-02"]


UNTIL_MARCH = {"UpdateAvailability": {"AvailabilityEndDate": "2026-03-31"}}


def test_a_roll_back_after_the_original_end_leaves_the_agreement_expired(seller: Seller) -> None:
    dates = validity(AgreementStartDate="2026-04-02", AgreementEndDate="2026-05-01")
    old = accepted(seller, UpdateValidityTerms=dates)
    new = amended(seller, old)
    seller.clock.now = datetime(2026, 5, 2, tzinfo=UTC)
    seller.world.advance()
    agreements.roll_back(seller.world, new)
    assert old.status == "EXPIRED"


def test_only_an_active_agreement_can_be_rolled_back_or_renewed(seller: Seller) -> None:
    agreement = accepted(seller)
    agreements.end(seller.world, agreement, "TERMINATED")
    for act in (agreements.roll_back, agreements.renew):
        with pytest.raises(agreements.AgreementNotActive, match="is TERMINATED"):
            act(seller.world, agreement)


def test_an_amendment_drops_later_invoices(seller: Seller) -> None:
    old = accepted(seller, UpdatePaymentScheduleTerms=TWO)
    seller.world.advance()
    new = amended(seller, old, UpdatePaymentScheduleTerms=schedule(("2026-03-02", "90000.00")))
    seller.clock.advance(days=400)
    assert (invoiced(seller, old), invoiced(seller, new)) == (["03-02"], ["03-02"])


def test_a_renewal_creates_an_agreement_and_an_offer(seller: Seller) -> None:
    old = accepted(seller, UpdatePaymentScheduleTerms=TWO)
    seller.clock.now = datetime(2027, 3, 2, 9, tzinfo=UTC)
    seller.world.advance()
    new = agreements.renew(seller.world, old)
    assert found(seller, "InitialAgreementId", old.id) == {old.id: "RENEWED", new.id: "ACTIVE"}
    assert (new.replaces, old.replaced_by) == (old.id, new.id)
    assert (new.value, new.start) == (Decimal("120000.00"), seller.clock.now)
    assert new.end == datetime(2028, 3, 2, 9, tzinfo=UTC)
    seller.clock.advance(days=200)
    assert [each.issued_at.date() for each in issued(seller, new)] == [
        date(2027, 3, 2),
        date(2027, 9, 2),
    ]
    (listed,) = seller.catalog.list_entities(
        Catalog="AWSMarketplace",
        EntityType="Offer",
        EntityTypeFilters={
            "OfferFilters": {
                "TargetAgreementIntent": {"ValueList": ["Renew"]},
                "CreatedBySource": {"ValueList": ["AwsMarketplace"]},
                "TargetAgreementId": {"ValueList": [old.id]},
            }
        },
    )["EntitySummaryList"]
    assert listed["EntityId"] == new.offer_id != old.offer_id
    assert listed["OfferSummary"]["AvailabilityEndDate"] == "2027-03-02T23:59:59Z"
    assert seller.entity(new.offer_id)["DetailsDocument"]["State"] == "Released"


def issued(seller: Seller, agreement: Agreement) -> list[Invoice]:
    seller.world.advance()
    return [each for each in seller.world.money.invoices if each.agreement_id == agreement.id]
