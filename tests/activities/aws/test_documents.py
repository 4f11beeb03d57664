"""Edits of released offers, and amendments of agreements, with boto3 clients."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.aws.catalog import EditOffer, SubmitOffer
from activities.aws.documents import (
    agreement,
    agreement_report,
    cancellation_request,
    create_offer,
    created_offer_id,
    edit,
    end_availability,
    product,
    published_offer,
)
from activities.errors import Failure
from activities.eula.links import PublishedEula
from offers.agreements.agreement import AgreementReport, AgreementStatus
from offers.agreements.amendment_pricing import OriginalOffer, propose
from offers.lifecycle.read_back import PublishedOffer, differences
from offers.policy.policy import Policy
from offers.preflight.draft import draft
from offers.preflight.marketplace import Product
from offers.terms.terms import Dimension, Instalment, OfferTerms
from sandbox.aws.marketplace_state import Agreement
from sandbox.marketplace.buyers import accept
from tests.support.aws import Aws
from tests.support.builders import BUYER, TODAY, facts, terms
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
        eula=PublishedEula(key="eula/merged.pdf", signed_at=aws.now[0]),
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


# As AWS's documents have it ----------------------------------------------------------------------

NEW = {"Type": "Offer@1.0", "Identifier": "$CreateOffer.Entity.Identifier"}


def change(kind: str, details: Any, entity: Any = None) -> dict[str, Any]:
    return {"ChangeType": kind, "Entity": entity or NEW, "DetailsDocument": details}


def test_change_set_of_an_offer_paid_up_front() -> None:
    sold = terms(offer_name="Example", description="PO 1", net_payment_days=45, renewal="External")
    assert create_offer(sold, "ref-1", TODAY) == [
        {
            "ChangeType": "CreateOffer",
            "ChangeName": "CreateOffer",
            "Entity": {"Type": "Offer@1.0"},
            "DetailsDocument": {"ProductId": "prod-examplesaas01", "Name": "Example"},
        },
        change(
            "UpdateInformation",
            {
                "Name": "Example",
                "Description": "ref-1: PO 1",
                "PreExistingAgreement": {
                    "AcquisitionChannel": "External",
                    "PricingModel": "Contract",
                },
            },
        ),
        change("UpdateTargeting", {"PositiveTargeting": {"BuyerAccounts": [BUYER]}}),
        change(
            "UpdatePricingTerms",
            {
                "PricingModel": "Contract",
                "Terms": [
                    {
                        "Type": "ConfigurableUpfrontPricingTerm",
                        "CurrencyCode": "USD",
                        "RateCards": [
                            {
                                "Selector": {"Type": "Duration", "Value": "P12M"},
                                "RateCard": [{"DimensionKey": "platform", "Price": "120000.00"}],
                                "Constraints": {
                                    "MultipleDimensionSelection": "Disallowed",
                                    "QuantityConfiguration": "Disallowed",
                                },
                            }
                        ],
                    }
                ],
            },
        ),
        change(
            "UpdateNetPaymentTerms",
            {"Terms": [{"Type": "NetPaymentTerm", "PaymentDuePeriod": "P45D"}]},
        ),
        change(
            "UpdateLegalTerms",
            {
                "Terms": [
                    {
                        "Type": "LegalTerm",
                        "Documents": [{"Type": "StandardEula", "Version": "2022-07-14"}],
                    }
                ]
            },
        ),
        change("UpdateAvailability", {"AvailabilityEndDate": "2026-04-01"}),
        change("ReleaseOffer", {}),
    ]


def details_of(changes: list[dict[str, Any]], kind: str) -> Any:
    (found,) = [each["DetailsDocument"] for each in changes if each["ChangeType"] == kind]
    return found


def test_change_set_of_fixed_quantities() -> None:
    sold = terms(
        dimensions="platform x 2; seats x 5",
        payment_schedule="2026-09-02 20000.50; 2026-03-02 99999.50",
        eula="https://example.com/a.pdf",
    )
    changes = create_offer(sold, "ref-1", TODAY, eula_url="https://example.com/merged.pdf")
    assert details_of(changes, "UpdatePricingTerms") == {
        "PricingModel": "Contract",
        "Terms": [
            {
                "Type": "FixedUpfrontPricingTerm",
                "CurrencyCode": "USD",
                "Price": "0.0",
                "Grants": [
                    {"DimensionKey": "platform", "MaxQuantity": 2},
                    {"DimensionKey": "seats", "MaxQuantity": 5},
                ],
            }
        ],
    }
    assert details_of(changes, "UpdatePaymentScheduleTerms")["Terms"] == [
        {
            "Type": "PaymentScheduleTerm",
            "CurrencyCode": "USD",
            "Schedule": [
                {"ChargeDate": "2026-03-02", "ChargeAmount": "99999.50"},
                {"ChargeDate": "2026-09-02", "ChargeAmount": "20000.50"},
            ],
        }
    ]
    assert details_of(changes, "UpdateLegalTerms")["Terms"][0]["Documents"] == [
        {"Type": "CustomEula", "Url": "https://example.com/merged.pdf"}
    ]
    assert "UpdateNetPaymentTerms" not in [each["ChangeType"] for each in changes]
    assert details_of(changes, "UpdateInformation")["Description"] == "ref-1"
    upfront = create_offer(terms(**FIXED), "ref-1", TODAY)
    assert details_of(upfront, "UpdatePaymentScheduleTerms")["Terms"][0]["Schedule"] == [
        {"ChargeDate": "2026-03-02", "ChargeAmount": "120000.00"}
    ], "it is not charged on the day of the submission"
    with pytest.raises(ValueError, match="address of its PDF"):
        create_offer(sold, "ref-1", TODAY)


@pytest.mark.parametrize(
    ("sold", "validity"),
    [
        ({}, None),
        (FIXED, {"AgreementDuration": "P11M"}),
        ({"agreement_end": "2027-03-05"}, {"AgreementEndDate": "2027-03-05"}),
        (FIXED | {"agreement_end": "2027-03-05"}, {"AgreementEndDate": "2027-03-05"}),
        (
            {"starts_on": "2026-05-01"},
            {"AgreementStartDate": "2026-05-01", "AgreementEndDate": "2027-04-30"},
        ),
    ],
)
def test_when_the_contract_begins_and_ends(sold: dict[str, Any], validity: Any) -> None:
    changes = create_offer(terms(**sold), "ref-1", TODAY)
    if validity is None:
        assert "UpdateValidityTerms" not in [each["ChangeType"] for each in changes]
    else:
        (term,) = details_of(changes, "UpdateValidityTerms")["Terms"]
        assert term == {"Type": "ValidityTerm"} | validity


def test_replacement_offer_names_the_agreement() -> None:
    changes = create_offer(terms(agreement_end="2027-03-05"), "ref-1", TODAY, replaces="agmt-1")
    assert changes[0]["ChangeType"] == "CreateReplacementOffer"
    assert changes[0]["DetailsDocument"] == {"AgreementId": "agmt-1", "Name": terms().offer_name}
    assert "UpdateTargeting" not in [each["ChangeType"] for each in changes]


def test_edits_of_a_released_offer() -> None:
    released = {"Type": "Offer@1.0", "Identifier": "offer-1"}
    before = terms(**FIXED)
    changes = {
        "offer_name": "B",
        "description": "PO 2",
        "duration_months": 24,
        "availability_end": date(2026, 4, 9),
    }
    after = before.model_copy(update=changes)
    validity = {"Terms": [{"Type": "ValidityTerm", "AgreementDuration": "P24M"}]}
    assert edit(before, after, "ref-1", "offer-1") == [
        change("UpdateInformation", {"Name": "B", "Description": "ref-1: PO 2"}, released),
        change("UpdateValidityTerms", validity, released),
        change("UpdateAvailability", {"AvailabilityEndDate": "2026-04-09"}, released),
    ]
    assert edit(before, before, "ref-1", "offer-1") == []
    assert end_availability("offer-1", date(2026, 3, 1)) == [
        change("UpdateAvailability", {"AvailabilityEndDate": "2026-03-01"}, released)
    ]


@pytest.mark.parametrize(
    ("identifiers", "offer_id"),
    [
        ([], None),
        ([None, "$CreateOffer.Entity.Identifier"], None),
        (["$CreateOffer.Entity.Identifier", "offer-1@3", "offer-2@1"], "offer-1"),
        (["offer-1"], "offer-1"),
    ],
)
def test_offer_of_a_change_set(identifiers: list[str | None], offer_id: str | None) -> None:
    changes = [{"Entity": {"Identifier": each} if each else {}} for each in identifiers]
    assert created_offer_id([{}, *changes]) == offer_id


SHOWN: dict[str, Any] = {
    "State": "Released",
    "ProductId": "prod-1",
    "Name": "Example",
    "Description": "ref-1: PO: 1",
    "PreExistingAgreement": {"AcquisitionChannel": "External"},
    "Rules": [
        {"Type": "TargetingRule", "PositiveTargeting": {"BuyerAccounts": [BUYER]}},
        {"Type": "AvailabilityRule", "AvailabilityEndDate": "2026-04-01T00:00:00.000Z"},
    ],
    "Terms": [
        {"Type": "NetPaymentTerm", "PaymentDuePeriod": "P45D"},
        {"Type": "LegalTerm", "Documents": [{"Type": "StandardEula", "Version": "2022-07-14"}]},
        {"Type": "SupportTerm"},
    ],
}
RATE_CARD = {
    "Selector": {"Type": "Duration", "Value": "P12M"},
    "RateCard": [{"DimensionKey": "platform", "Price": "120000.00"}],
}
UPFRONT_TERM = {
    "Type": "ConfigurableUpfrontPricingTerm",
    "CurrencyCode": "USD",
    "RateCards": [RATE_CARD],
}
FIXED_TERMS: list[dict[str, Any]] = [
    {
        "Type": "FixedUpfrontPricingTerm",
        "CurrencyCode": "EUR",
        "Price": "0.0",
        "Grants": [{"DimensionKey": "seats", "MaxQuantity": 5}],
    },
    {
        "Type": "PaymentScheduleTerm",
        "Schedule": [
            {"ChargeDate": "2026-03-02T00:00:00Z", "ChargeAmount": "5.00"},
            {"ChargeDate": "2026-09-02", "ChargeAmount": "7.50"},
        ],
    },
    {
        "Type": "ValidityTerm",
        "AgreementStartDate": "2026-05-01T00:00:00Z",
        "AgreementEndDate": "2027-04-30",
    },
]


def shown(*more: dict[str, Any], **changes: Any) -> PublishedOffer:
    return published_offer("offer-1", SHOWN | {"Terms": [*SHOWN["Terms"], *more]} | changes)


def test_offer_paid_up_front_as_aws_shows_it() -> None:
    offer = shown(UPFRONT_TERM)
    assert offer == PublishedOffer(
        offer_id="offer-1",
        released=True,
        product_id="prod-1",
        name="Example",
        buyer_accounts=(BUYER,),
        price=Decimal(120000),
        currency="USD",
        dimensions=(Dimension(key="platform"),),
        net_payment_days=45,
        duration="P12M",
        availability_end=date(2026, 4, 1),
        description="PO: 1",
        eula="standard",
        eula_version="2022-07-14",
        renewal_channel="External",
    )


def test_offer_of_fixed_quantities_as_aws_shows_it() -> None:
    custom = {"Type": "LegalTerm", "Documents": [{"Type": "CustomEula", "Url": "x"}]}
    offer = shown(*FIXED_TERMS, custom, Description="ref-1", PreExistingAgreement=None)
    assert offer == PublishedOffer(
        offer_id="offer-1",
        released=True,
        product_id="prod-1",
        name="Example",
        buyer_accounts=(BUYER,),
        price=Decimal("12.50"),
        currency="EUR",
        dimensions=(Dimension(key="seats", quantity=5),),
        schedule=(
            Instalment(on=date(2026, 3, 2), amount=Decimal("5.00")),
            Instalment(on=date(2026, 9, 2), amount=Decimal("7.50")),
        ),
        net_payment_days=45,
        starts_on=date(2026, 5, 1),
        ends_on=date(2027, 4, 30),
        availability_end=date(2026, 4, 1),
        eula="custom",
    )
    lasting = shown(*FIXED_TERMS[:2], {"Type": "ValidityTerm", "AgreementDuration": "P11M"})
    assert (lasting.duration, lasting.starts_on, lasting.ends_on) == ("P11M", None, None)


def test_product_as_aws_shows_it() -> None:
    details = {"Description": {"Visibility": "Limited"}, "Dimensions": [{"Key": "a"}, {"Key": "b"}]}
    arn = "arn:aws:aws-marketplace:us-east-1:123456789012:AWSMarketplace/SaaSProduct/prod-1"
    expected = Product(seller_account="123456789012", visibility="Limited", dimensions=("a", "b"))
    for form in ({"DetailsDocument": details}, {"Details": json.dumps(details)}):
        assert product({"EntityArn": arn} | form) == expected
    bare = product({"EntityArn": arn, "Details": "{}"})
    assert (bare.visibility, bare.dimensions) == (None, ())


SINCE, LATER = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "changed_at"),
    [
        ({"acceptanceTime": SINCE, "lastUpdateTime": LATER}, LATER),
        ({"acceptanceTime": SINCE}, SINCE),
        ({}, None),
        ({"acceptanceTime": SINCE, "proposalSummary": {}}, None),
        ({"acceptanceTime": SINCE, "proposalSummary": {"offerId": ""}}, None),
    ],
)
def test_row_of_the_agreement_feed(row: dict[str, Any], changed_at: datetime | None) -> None:
    known = {"agreementId": "agmt-1", "proposalSummary": {"offerId": "offer-1"}}
    report = agreement_report(known | row)
    expected = changed_at and AgreementReport(
        agreement_id="agmt-1", offer_id="offer-1", changed_at=changed_at
    )
    assert report == expected
    assert agreement_report(row | {"proposalSummary": {}, "agreementId": "agmt-1"}) is None


def test_agreement_as_aws_describes_it() -> None:
    described: dict[str, Any] = {
        "agreementId": "agmt-1",
        "proposalSummary": {"offerId": "offer-1"},
        "acceptor": {"accountId": BUYER},
        "status": "ACTIVE",
        "acceptanceTime": SINCE,
        "startTime": LATER,
    }
    read = agreement(described)
    assert (read.agreement_id, read.offer_id, read.buyer_account) == ("agmt-1", "offer-1", BUYER)
    assert (read.status, read.accepted_at, read.starts_at) == ("ACTIVE", SINCE, LATER)
    assert (read.ends_at, read.value, read.initial_agreement_id) == (None, None, None)
    more = {
        "endTime": LATER,
        "initialAgreementId": "agmt-0",
        "estimatedCharges": {"agreementValue": "0.00", "currencyCode": "EUR"},
    }
    read = agreement(described | more)
    assert (read.ends_at, str(read.value)) == (LATER, "EUR 0.00")
    assert read.initial_agreement_id == "agmt-0"
    for behavior, kept in (("EXPIRE", None), ("RENEW", "RENEW"), ("REPLACE", "REPLACE")):
        assert agreement(described | {"endTimeBehavior": {"type": behavior}}).end_behavior == kept


def test_cancellation_request_as_aws_answers_it() -> None:
    request = cancellation_request(
        {
            "agreementCancellationRequestId": "acr-1",
            "agreementId": "agmt-1",
            "reasonCode": "OTHER",
            "status": "APPROVED",
            "updatedAt": SINCE,
        }
    )
    assert (request.request_id, request.agreement_id) == ("acr-1", "agmt-1")
    assert (request.reason_code, request.status) == ("OTHER", "APPROVED")
    assert request.updated_at == SINCE
