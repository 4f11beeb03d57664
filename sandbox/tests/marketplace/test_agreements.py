"""Roll-backs, renewals and amendments; acceptances at critical points."""

from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from sandbox.aws.marketplace_state import Agreement
from sandbox.marketplace import agreements, buyers
from sandbox.marketplace.race_injection import accept_when
from sandbox.tests.support.aws_seller import BUYER, Details, Seller, change, schedule, search

TWO = schedule(("2026-03-02", "60000.00"), ("2026-09-02", "60000.00"))


def accepted(seller: Seller, **details: Details) -> Agreement:
    return buyers.accept(seller.world, seller.create_offer(**details), BUYER)


def statuses(seller: Seller, **filters: str) -> dict[str, str]:
    """The statuses by id in the result of SearchAgreements."""
    return {each["agreementId"]: each["status"] for each in search(seller, **filters)}


def invoiced(seller: Seller, agreement: Agreement) -> list[str]:
    seller.world.advance()
    return [
        f"{each.issued_at:%m-%d}"
        for each in seller.world.money.invoices
        if each.agreement_id == agreement.id
    ]


def test_an_offer_can_be_accepted_again_after_a_roll_back(seller: Seller) -> None:
    first = accepted(seller, UpdatePaymentScheduleTerms=TWO)
    offer = seller.world.aws.offers[first.offer_id]
    assert invoiced(seller, first) == ["03-02"]
    assert not seller.world.aws.acceptable(offer)
    seller.clock.advance(minutes=3)
    agreements.roll_back(seller.world, first)
    assert seller.world.aws.acceptable(offer)
    assert first.last_update == seller.clock.now
    second = buyers.accept(seller.world, offer.id, BUYER)
    assert statuses(seller, OfferId=offer.id) == {first.id: "ROLLED_BACK", second.id: "ACTIVE"}
    assert second.initial_agreement_id == second.id
    seller.world.advance()
    fees = {row.listing_fee_percentage for row in seller.world.money.disbursements}
    assert fees == {3}, "a rolled back agreement counts as an earlier purchase"
    agreements.roll_back(seller.world, second)
    seller.clock.advance(days=200)
    with pytest.raises(buyers.AcceptanceRefused, match="expired"):
        buyers.accept(seller.world, first.offer_id, BUYER)
    assert invoiced(seller, first) == ["03-02"], "a later installment was invoiced"


def test_an_installment_due_before_the_roll_back_is_invoiced_after_it(seller: Seller) -> None:
    old = accepted(
        seller,
        UpdatePaymentScheduleTerms=schedule(("2026-03-02", "60000"), ("2026-04-02", "60000")),
        UpdateAvailability={"AvailabilityEndDate": "2026-03-31"},
    )
    offer_id = seller.create(
        seller.replacement_changes(old.id, UpdateAvailability={"AvailabilityEndDate": "2026-05-01"})
    )
    seller.clock.now = datetime(2026, 4, 1, 23, 58, tzinfo=UTC)
    new = buyers.accept(seller.world, offer_id, BUYER)
    seller.clock.advance(minutes=4)
    assert invoiced(seller, old) == ["03-02"]
    agreements.roll_back(seller.world, new)
    assert statuses(seller, InitialAgreementId=old.id) == {old.id: "ACTIVE", new.id: "ROLLED_BACK"}
    assert (old.replaced_by, new.replaces) == (None, old.id)
    assert invoiced(seller, old) == ["03-02", "04-02"]


def test_a_renewal_creates_an_agreement_and_an_offer(seller: Seller) -> None:
    old = accepted(seller, UpdatePaymentScheduleTerms=TWO)
    seller.clock.now = datetime(2027, 3, 2, 9, tzinfo=UTC)
    seller.world.advance()
    new = agreements.renew(seller.world, old)
    assert statuses(seller, InitialAgreementId=old.id) == {old.id: "RENEWED", new.id: "ACTIVE"}
    assert (new.replaces, old.replaced_by) == (old.id, new.id)
    assert (new.value, new.start) == (Decimal("120000.00"), seller.clock.now)
    assert new.end == datetime(2028, 3, 2, 9, tzinfo=UTC)
    seller.clock.advance(days=200)
    assert invoiced(seller, new) == ["03-02", "09-02"]
    listed = seller.catalog.list_entities(Catalog="AWSMarketplace", EntityType="Offer")
    by_id = {each["EntityId"]: each["OfferSummary"] for each in listed["EntitySummaryList"]}
    summary = by_id[new.offer_id]
    assert (summary["TargetAgreementIntent"], summary["TargetAgreementId"]) == ("Renew", old.id)
    assert summary["CreatedBySource"] == "AwsMarketplace"
    assert seller.entity(new.offer_id)["DetailsDocument"]["State"] == "Released"


# Acceptances that race with a change of the offer -------------------------------------------------

WITHDRAWAL = {"AvailabilityEndDate": "2026-03-01"}
EXTENSION = {"AvailabilityEndDate": "2026-05-01"}
LAST_SECOND = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)


def acceptances(seller: Seller) -> list[Agreement]:
    seller.world.advance()
    return list(seller.world.aws.agreements.values())


@pytest.mark.parametrize(
    ("edit", "when"),
    [
        (None, [LAST_SECOND]),
        (EXTENSION, [LAST_SECOND.replace(month=5)]),
        (WITHDRAWAL, []),
    ],
)
@pytest.mark.parametrize("set_up_first", [True, False])
def test_acceptance_in_the_last_second(
    seller: Seller, edit: Details | None, when: list[datetime], set_up_first: bool
) -> None:
    if set_up_first:
        accept_when(seller.world, BUYER, "last-second")
    offer_id = seller.create_offer()
    if not set_up_first:
        accept_when(seller.world, BUYER, "last-second")
    if edit:
        seller.run([change("UpdateAvailability", edit, offer_id)])
    seller.clock.advance(days=100)
    assert [each.accepted_at for each in acceptances(seller)] == when


@pytest.mark.parametrize("offer_filter", ["The second", "crm:opp-2"])
def test_only_matching_offers_are_accepted(
    seller: Seller, control: httpx.Client, offer_filter: str
) -> None:
    first = seller.create_offer()
    information = {"Name": "The second", "Description": "crm:opp-2 rev 1"}
    second = seller.create_offer(UpdateInformation=information)
    settings = {"race_acceptances": [{"point": "submitted", "offer_filter": offer_filter}]}
    shown = control.put(f"/buyers/{BUYER}", json=settings).json()
    assert shown["race_acceptances"] == settings["race_acceptances"]
    for offer_id in (first, second):
        seller.start([change("UpdateAvailability", EXTENSION, offer_id)])
    assert [each.offer_id for each in acceptances(seller)] == [second]
    wrong = control.put(f"/buyers/{BUYER}", json={"race_acceptances": [{"point": "noon"}]})
    assert (wrong.status_code, "race_acceptances" in wrong.json()["error"]) == (400, True)
