"""The mails to buyers: what they are offered, until when, and how they accept it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from activities.email.buyer import MESSAGES
from activities.email.message import EmailKind, EmailMessage, greeting
from offers.agreements.amendment_pricing import AmendmentPricing
from offers.lifecycle.record import OfferRecord, PreviousRevision
from offers.money import Money
from offers.policy.policy import Policy
from offers.terms.contacts import Contacts
from offers.terms.terms import Instalment
from tests.support.agreements import accepted_offer
from tests.support.builders import BUYER, terms

LINK = "https://example.com/?offerId=offer-1"
ABOUT_OFFERS = [each for each in MESSAGES if each is not EmailKind.OFFER_ACCOUNT_CONFIRMATION]
WITHDRAWN = {EmailKind.OFFER_WITHDRAWN, EmailKind.OFFER_WITHDRAWN_FOR_CHANGE}


def record(buyer: dict[str, Any] | None = None, **changes: Any) -> OfferRecord:
    contacts = {"buyer_email": "buyer@example.com", "owner_email": "owner@example.com"}
    known: dict[str, Any] = {
        "opportunity_id": "0065g00000AbCdEAAV",
        "terms": terms(offer_name="Example Annual"),
        "contacts": Contacts.model_validate(contacts | (buyer or {})),
        "policy": Policy(product_name="Example Product", time_zones=("Asia/Tokyo",)),
        "offer_id": "offer-1",
        "offer_url": LINK,
    }
    return OfferRecord.model_validate(known | changes)


def amendment(**pricing: Any) -> OfferRecord:
    known: dict[str, Any] = {
        "agreed": Money.of(120000, "USD"),
        "invoiced": Money.of(40000, "USD"),
        "unpaid": (Instalment.model_validate({"on": "2026-09-02", "amount": "80000"}),),
        "unpaid_action": "carry",
        "added": Money.of(5, "USD"),
    }
    pricing_of_it = AmendmentPricing.model_validate(known | pricing)
    return record(amendment=1, amends=accepted_offer(), pricing=pricing_of_it)


def mail(kind: EmailKind, about: OfferRecord) -> EmailMessage:
    return MESSAGES[kind](about)


@pytest.mark.parametrize("kind", ABOUT_OFFERS)
def test_facts_link_and_closing(kind: EmailKind) -> None:
    email = mail(kind, record())
    can_accept = kind not in WITHDRAWN
    last = "Wednesday 1 April 2026, 23:59 UTC (08:59 on Thursday 2 April 2026 in Tokyo)"
    assert email.facts == (
        ("Offer", "Example Annual"),
        ("Offer ID", "offer-1"),
        ("AWS account", BUYER),
        ("Price", "USD 120,000.00 for 12 months, up front"),
        *((("Last day to accept", last),) if can_accept else ()),
    )
    assert email.link == (("Open the private offer", LINK) if can_accept else None)
    assert len(email.closing) == (3 if can_accept else 0)
    assert "Example Product" in email.subject
    assert "Example Product" in email.paragraphs[0]
    with_support = record(policy=Policy(support_contact="Write to us"))
    assert mail(kind, with_support).closing[-1] == "Write to us"
    assert mail(kind, record(offer_url=None)).link is None


def test_all_terms_are_shown() -> None:
    sold = terms(
        buyer_accounts=[BUYER, "444455556666"],
        starts_on="2026-05-01",
        payment_schedule="2027-05-01 20000; 2026-05-01 100000",
        net_payment_days=45,
        duration_months=24,
    )
    facts = dict(mail(EmailKind.OFFER_SHARED, record(terms=sold)).facts)
    assert facts["AWS accounts"] == f"{BUYER}, 444455556666"
    assert facts["Price"] == "USD 120,000.00 for 24 months, in 2 instalments, net 45 days"
    assert facts["Instalment 1"] == "USD 100,000.00 on 1 May 2026"
    assert facts["Instalment 2"] == "USD 20,000.00 on 1 May 2027"
    assert facts["Starts on"] == "Friday 1 May 2026"


@pytest.mark.parametrize("kind", sorted(set(ABOUT_OFFERS) - WITHDRAWN))
def test_how_to_accept_with_one_account_or_several(kind: EmailKind) -> None:
    permission = "The person accepting needs the permission AWSMarketplaceManageSubscriptions"
    one, needed, listed = mail(kind, record()).closing
    assert one.startswith(f"Sign in with AWS account {BUYER};")
    assert needed.startswith(permission)
    assert "All private offers to this account" in listed
    several = terms(buyer_accounts=[BUYER, "444455556666"])
    any_of, _, listed = mail(kind, record(terms=several)).closing
    assert any_of.startswith(f"Sign in with one of the AWS accounts {BUYER}, 444455556666;")
    assert "All private offers to these accounts" in listed


def test_time_zone_of_the_buyer_goes_before_that_of_the_policy() -> None:
    buyer = {"buyer_time_zone": "America/New_York"}
    last = dict(mail(EmailKind.OFFER_SHARED, record(buyer)).facts)["Last day to accept"]
    assert last.endswith("(19:59 on Wednesday 1 April 2026 in New York)")


@pytest.mark.parametrize("kind", ABOUT_OFFERS)
def test_amendment_shows_its_sums_and_what_it_replaces(kind: EmailKind) -> None:
    email = mail(kind, amendment())
    shown = [fact for fact in email.facts if fact[0][:7] in ("Already", "Not yet", "Additio")]
    assert shown == [
        ("Already invoiced, unchanged", "USD 40,000.00"),
        ("Not yet invoiced, charged by this offer instead", "USD 80,000.00"),
        ("Additional amount", "USD 5.00"),
    ]
    given_up = mail(kind, amendment(unpaid_action="drop"))
    assert "Not yet invoiced, charged by this offer instead" not in dict(given_up.facts)
    text = " ".join(email.paragraphs)
    if kind is EmailKind.OFFER_SHARED:
        assert "it replaces your agreement agmt-1" in text
        assert "a change of your agreement" in email.subject
    elif kind is not EmailKind.OFFER_EXTENDED:
        assert "Your agreement agmt-1 continues unchanged." in email.paragraphs
    assert "agreement" not in " ".join(mail(kind, record()).paragraphs)


def earlier(offer_id: str | None, *, notified: bool) -> PreviousRevision:
    return PreviousRevision(
        number=1,
        terms=None,
        findings=(),
        change_set_id=None,
        offer_id=offer_id,
        outcome="changed",
        buyer_notified=notified,
        ended_at=datetime(2026, 3, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize("about", [record(), amendment()], ids=["offer", "amendment"])
def test_replaced_offers_that_the_buyer_knows_are_named(about: OfferRecord) -> None:
    revisions = (
        earlier("offer-a", notified=True),
        earlier("offer-b", notified=False),
        earlier(None, notified=True),
        earlier("offer-c", notified=True),
    )
    known = about.model_copy(update={"previous_revisions": revisions})
    replaced = "It replaces offer-a, offer-c. The link in our earlier mail no longer works."
    assert mail(EmailKind.OFFER_SHARED, known).paragraphs[-1] == replaced
    unknown = about.model_copy(update={"previous_revisions": revisions[1:3]})
    paragraphs = mail(EmailKind.OFFER_SHARED, unknown).paragraphs
    assert paragraphs == mail(EmailKind.OFFER_SHARED, about).paragraphs


def test_new_last_day_is_in_the_subject() -> None:
    later = terms(availability_end=date(2026, 5, 3))
    for kind in (EmailKind.OFFER_EXTENDED, EmailKind.OFFER_REMINDER):
        email = mail(kind, record(terms=later))
        assert "Sunday 3 May 2026" in email.subject
        assert "Sunday 3 May 2026" in email.paragraphs[0]


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Jane Example", True),
        ("Dr. Jürgen Müller-Lüdenscheidt", True),
        ("x" * 60, True),
        ("x" * 61, False),
        ("", False),
        (None, False),
        ("Jane\nExample", False),
        ("see https://example", False),
        ("WWW.example", False),
        ("jane@example", False),
        ("example.com", False),
        ("J. R. Example", True),
    ],
)
def test_only_what_is_a_name_is_greeted(name: str | None, greeted: bool) -> None:
    assert greeting(name) == (f"Hello {name}," if greeted else "Hello,")
