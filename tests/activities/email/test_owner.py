"""The mails to owners and approvers: which offer, what happened to it, what to do."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.email.message import EmailKind, EmailMessage
from activities.email.owner import MESSAGES
from offers.agreements.agreement import (
    AgreementStatus,
    CancellationReasonCode,
    CancellationRequest,
    CancellationStatus,
)
from offers.agreements.amendment_pricing import AmendmentPricing
from offers.agreements.renewal import RenewalOffer, RenewalSearch
from offers.findings import Finding, Severity
from offers.lifecycle.record import (
    AgreementEvent,
    Amendment,
    Decision,
    OfferRecord,
    PreviousRevision,
)
from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.policy.credits import Credits
from offers.policy.policy import Policy, PublicationPolling
from offers.stage import Stage
from offers.terms.contacts import Owner
from tests.support.agreements import accepted_offer, agreement
from tests.support.builders import CONTACTS, terms

ID = "0065g00000AbCdEAAV"
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
WITHOUT_FACTS = {
    EmailKind.APPROVAL_REQUIRED,
    EmailKind.APPROVAL_DECIDED,
    EmailKind.OWNER_CLAZAR_HANDOFF,
}
PAID = ReportRow.model_validate(
    {
        "offer_id": "offer-1",
        "invoice_id": "INV-1",
        "currency": "USD",
        "gross": "120000",
        "listing_fee": "-3600",
        "disbursed": "116400",
        "undisbursed": "0",
        "disbursed_on": "2026-04-10",
        "bank_trace_id": "trace-1",
    }
)


def finding(code: str, severity: Severity, role: str | None = None) -> Finding:
    return Finding(
        code=code, severity=severity, field=code, problem="Problem", remedy="Remedy", role=role
    )


REFUSED = finding("illegal", Severity.REFUSE)
EXCEPTION = finding("not-annual", Severity.APPROVAL, "deal-desk")
OTHER = finding("custom-contract", Severity.APPROVAL, "legal")


def record(**changes: Any) -> OfferRecord:
    known: dict[str, Any] = {
        "opportunity_id": ID,
        "stage": Stage.SHARED,
        "terms": terms(),
        "company": "Example Corp",
        "contacts": CONTACTS,
        "owner": Owner(owner_email="owner@example.com", owner_name="An Owner"),
        "change_set_id": "changeset-1",
        "offer_id": "offer-1",
        "agreement": agreement(),
        "agreement_events": (AgreementEvent(at=AT, description="the agreement is RENEWED"),),
        "payout": payout_from_report([PAID]),
    }
    return OfferRecord.model_validate(known | changes)


AMENDMENT: dict[str, Any] = {"amendment": 2, "amends": accepted_offer(1)}


def text_of(email: EmailMessage) -> str:
    return "\n".join([email.subject, *email.paragraphs, *email.closing])


@pytest.mark.parametrize("kind", sorted(set(MESSAGES) - WITHOUT_FACTS))
def test_facts_name_the_offer(kind: EmailKind) -> None:
    email = MESSAGES[kind](record())
    facts = {
        "Opportunity": ID,
        "Stage": "shared",
        "Company": "Example Corp",
        "Offer ID": "offer-1",
        "Agreement ID": "agmt-1",
        "Price": "USD 120,000.00",
    }
    if kind is EmailKind.OWNER_AGREEMENT_ENDING:
        facts |= {"Ends on": "Friday 5 March 2027, 14:00 UTC", "Value": "USD 120,000.00"}
    if kind is EmailKind.OWNER_DISBURSED:
        facts |= {"Invoice INV-1": PAID_INVOICE}
    assert dict(email.facts) == facts
    assert email.greeting == "Hello An Owner,"
    of_amendment = MESSAGES[kind](record(**AMENDMENT))
    assert dict(of_amendment.facts) == facts | {"Amendment": "2, of agmt-1"}


@pytest.mark.parametrize("kind", sorted(set(MESSAGES) - {EmailKind.APPROVAL_DECIDED}))
def test_subject_names_the_company_or_else_the_opportunity(kind: EmailKind) -> None:
    subject = MESSAGES[kind](record()).subject
    assert "Example Corp" in subject
    assert "Example Corp (amendment 2)" in MESSAGES[kind](record(**AMENDMENT)).subject
    nameless = MESSAGES[kind](record(company=None)).subject
    assert nameless == subject.replace("Example Corp", ID)


def test_what_is_not_known_is_left_out() -> None:
    bare = OfferRecord(opportunity_id=ID)
    email = MESSAGES[EmailKind.OWNER_PUBLICATION_FAILED](bare)
    assert dict(email.facts) == {"Opportunity": ID, "Stage": "draft"}
    assert email.greeting == "Hello,"


def test_acceptance_has_its_day_and_the_fee() -> None:
    email = MESSAGES[EmailKind.OWNER_ACCEPTED](record())
    assert email.paragraphs[0].endswith("on Thursday 5 March 2026 (UTC).")
    assert "USD 3,600.00 (3%) and to pay out USD 116,400.00" in email.paragraphs[-1]
    moved = MESSAGES[EmailKind.OWNER_ACCEPTED](record(terms=terms(renewal="External")))
    assert "at most USD 3,600.00 (1.5% or 3%) and to pay out at least" in moved.paragraphs[-1]
    assert not any("replaces" in each for each in email.paragraphs)
    unknown = MESSAGES[EmailKind.OWNER_ACCEPTED](record(agreement=None))
    assert unknown.paragraphs[0] == "Example Corp accepted the private offer."
    amended = MESSAGES[EmailKind.OWNER_ACCEPTED](record(**AMENDMENT))
    assert "It replaces agreement agmt-1." in amended.paragraphs


def test_expired_offer_can_be_extended_and_amendment_leaves_the_agreement() -> None:
    policy = Policy(extend_expired_within=timedelta(days=9))
    email = MESSAGES[EmailKind.OWNER_EXPIRED](record(policy=policy))
    assert "within 9 days" in text_of(email)
    assert email.paragraphs[-2:] == (
        f"offerflow extend {ID} --until YYYY-MM-DD",
        f"offerflow amend {ID} NAME=VALUE",
    )
    amended = MESSAGES[EmailKind.OWNER_EXPIRED](record(**AMENDMENT))
    assert "Agreement agmt-1 continues unchanged." in text_of(amended)
    assert "extend" not in text_of(amended)


def decided(about: Finding, *, approved: bool, offer: OfferRecord) -> Decision:
    return Decision(
        finding=about,
        deal=offer.deal,
        approved=approved,
        by="desk@example.com",
        reason="Too long",
        at=AT,
    )


def test_obstacles_are_named_with_who_decides_about_them() -> None:
    undecided = record(stage=Stage.DRAFT, findings=(REFUSED, EXCEPTION, OTHER))
    no = decided(OTHER, approved=False, offer=undecided)
    declined = undecided.model_copy(update={"decisions": (no,)})
    email = MESSAGES[EmailKind.OWNER_ACTION_REQUIRED](declined)
    assert email.paragraphs[1:4] == (
        str(REFUSED),
        f"{EXCEPTION} Needs approval by deal-desk.",
        f"{OTHER.statement} Declined: Too long.",
    )
    assert email.paragraphs[-1] == f"offerflow show {ID}"
    failed = MESSAGES[EmailKind.OWNER_PUBLICATION_FAILED](undecided)
    assert failed.paragraphs[1:4] == tuple(map(str, (REFUSED, EXCEPTION, OTHER)))


def paragraphs(kind: EmailKind, **changes: Any) -> str:
    return "\n".join(MESSAGES[kind](record(**changes)).paragraphs)


def test_acceptance_mail_has_the_statements_of_the_policy_alone() -> None:
    assert "credits" not in paragraphs(EmailKind.OWNER_ACCEPTED)
    text = paragraphs(EmailKind.OWNER_ACCEPTED, policy=Policy(credits=Credits(enabled=True)))
    assert "about 3% of the price back as AWS credits: USD 3,600.00." in text
    assert "ISV Accelerate" in text
    before, _, _ = text.partition("The buyer gets")
    assert "Our selling policy says this" in before
    assert "AWS has confirmed none of it" in before


@pytest.mark.parametrize(
    ("behavior", "says"),
    [(None, "does not renew by itself"), ("RENEW", "AWS renews it then"), ("REPLACE", "replaces")],
)
def test_mail_about_the_end_says_what_aws_will_do(behavior: str | None, says: str) -> None:
    ending = agreement(end_behavior=behavior, value=Money.of(150000, "USD"))
    assert says in paragraphs(EmailKind.OWNER_AGREEMENT_ENDING, agreement=ending)
    email = MESSAGES[EmailKind.OWNER_AGREEMENT_ENDING](
        record(agreement=ending, amendments=(Amendment(number=1, stage=Stage.EXPIRED),))
    )
    assert email.subject == "Ends on 2027-03-05: the agreement with Example Corp"
    assert dict(email.facts)["Value"] == "USD 150,000.00"
    assert dict(email.facts)["Amendment 1"] == "expired"


@pytest.mark.parametrize(
    ("search", "says"),
    [
        (None, "could not be read"),
        (RenewalSearch(is_complete=False), "could not be read"),
        (RenewalSearch(), "No renewal of it is on the way"),
        (
            RenewalSearch(offer=RenewalOffer(path=ID, stage=Stage.SHARED)),
            f"renews it is shared:\nofferflow show {ID}",
        ),
        (
            RenewalSearch(offer=RenewalOffer(path=ID, stage=Stage.EXPIRED)),
            f"was to renew it is expired:\nofferflow show {ID}",
        ),
    ],
)
def test_mail_about_the_end_names_the_renewal(search: RenewalSearch | None, says: str) -> None:
    assert says in paragraphs(EmailKind.OWNER_AGREEMENT_ENDING, renewal=search)


def test_approvers_get_a_command_for_each_exception_that_waits() -> None:
    offer = record(stage=Stage.DRAFT, findings=(EXCEPTION, OTHER), eula_sha256="ab" * 32)
    yes = decided(OTHER, approved=True, offer=offer)
    waiting = offer.model_copy(update={"decisions": (yes,)})
    email = MESSAGES[EmailKind.APPROVAL_REQUIRED](waiting)
    reference = waiting.approval_reference(EXCEPTION)
    assert email.paragraphs[1:] == (f"{EXCEPTION} It is for deal-desk to decide, as {reference}.",)
    assert email.closing == (
        f"offerflow approve {ID} --finding {reference} --by your@address",
        f'offerflow decline {ID} --finding {reference} --by your@address --reason "…"',
    )
    facts = dict(email.facts)
    assert facts["Opportunity"] == ID
    assert facts["Product"] == "prod-examplesaas01"
    assert facts["Checksum of the documents (SHA-256)"] == "ab" * 32
    assert facts["Buyer"] == "buyer@example.com"
    assert "Agreement ends" not in facts
    pricing = AmendmentPricing(
        agreed=Money.of(120000, "USD"),
        invoiced=Money.of(40000, "USD"),
        unpaid=(),
        unpaid_action=None,
        added=Money.of(5, "USD"),
    )
    amended = MESSAGES[EmailKind.APPROVAL_REQUIRED](
        record(**AMENDMENT, pricing=pricing, contacts=None, terms=terms(agreement_end="5 Mar 2027"))
    )
    facts = dict(amended.facts)
    assert facts["Agreement ends"] == "5 Mar 2027"
    assert facts["Price of the amendment"] == "USD 5.00"
    assert facts.keys().isdisjoint({"Buyer", "Checksum of the documents (SHA-256)"})


def given_up(offer_id: str | None) -> PreviousRevision:
    return record(findings=(REFUSED,), offer_id=offer_id).as_previous("changed", AT)


@pytest.mark.parametrize("offer_id", [None, "offer-0"])
def test_offer_to_create_again_in_clazar_says_why(offer_id: str | None) -> None:
    again = record(previous_revisions=(given_up("offer-9"), given_up(offer_id)))
    email = MESSAGES[EmailKind.OWNER_CLAZAR_HANDOFF](again)
    withdrawn = "The previous offer (offer-0) was withdrawn:"
    why = (withdrawn, REFUSED.statement) if offer_id else ()
    assert email.paragraphs[1:] == why
    first = MESSAGES[EmailKind.OWNER_CLAZAR_HANDOFF](record())
    assert len(first.paragraphs) == 1
    assert email.facts == first.facts
    assert email.greeting == "Hello An Owner,"
    assert dict(email.facts)["Opportunity"] == ID
    assert email.closing[-1] == f"offerflow link-offer {ID} --offer-id offer-…"


def test_payout_names_its_sums_and_traces() -> None:
    def paid(**changes: Any) -> EmailMessage:
        payout = payout_from_report([PAID.model_copy(update=changes)])
        return MESSAGES[EmailKind.OWNER_DISBURSED](record(payout=payout))

    email = paid()
    assert email.paragraphs == (
        "AWS has paid out everything that was invoiced: USD 120,000.00 gross, USD 3,600.00 listing"
        " fee, USD 116,400.00 net. The last payout was on 10 Apr 2026.",
    )
    assert dict(email.facts)["Invoice INV-1"] == PAID_INVOICE
    unknown = paid(bank_trace_id=None, disbursed_on=None)
    assert dict(unknown.facts)["Invoice INV-1"].endswith("USD 116,400.00 net, disbursed")
    assert "The last payout" not in unknown.paragraphs[0]
    refunded = paid(refund=Decimal(-1000), disbursed=Decimal(115400))
    assert "USD 1,000.00 refunded, USD 3,600.00 listing fee" in refunded.paragraphs[0]


PAID_INVOICE = (
    "USD 120,000.00 gross, USD 3,600.00 fee, USD 116,400.00 net, disbursed on 10 Apr 2026, bank"
    " trace trace-1"
)


@pytest.mark.parametrize(
    ("status", "subject"),
    [
        (AgreementStatus.CANCELLED, "Cancelled: "),
        (AgreementStatus.TERMINATED, "Terminated by AWS: "),
        (AgreementStatus.EXPIRED, "Not paid in full: "),
        (None, "Cancelled: "),
    ],
)
def test_how_an_agreement_ended(status: AgreementStatus | None, subject: str) -> None:
    ended = agreement(status=status) if status else None
    email = MESSAGES[EmailKind.OWNER_AGREEMENT_ENDED](record(agreement=ended))
    assert email.subject == f"{subject}the agreement with Example Corp"


def test_other_news() -> None:
    request = CancellationRequest(
        request_id="acr-1",
        agreement_id="agmt-1",
        status=CancellationStatus.REJECTED,
        reason_code=CancellationReasonCode.OTHER,
        message="x",
        updated_at=AT,
    )
    policy = Policy(publication=PublicationPolling(delayed_after=timedelta(hours=7)))
    offer = record(cancellation=request, replaced_by="agmt-9", policy=policy)
    for kind, said in (
        (EmailKind.OWNER_CANCELLATION_NOT_APPROVED, "is REJECTED."),
        (EmailKind.OWNER_AGREEMENT_REPLACED, "was replaced by agmt-9."),
        (EmailKind.OWNER_AGREEMENT_CHANGED, "In AWS: the agreement is RENEWED."),
        (EmailKind.OWNER_PUBLICATION_DELAYED, "more than 7 hours."),
        (EmailKind.OWNER_PUBLICATION_DELAYED, "change set changeset-1."),
        (EmailKind.OWNER_ACCEPTANCE_ROLLED_BACK, "until 1 Apr 2026 (UTC)."),
        (EmailKind.OWNER_AMENDMENT_TOO_LATE, f"offerflow amend {ID} NAME=VALUE"),
    ):
        assert said in text_of(MESSAGES[kind](offer))
    unknown = record()
    for kind, said in (
        (EmailKind.OWNER_CANCELLATION_NOT_APPROVED, "is unknown."),
        (EmailKind.OWNER_AGREEMENT_REPLACED, "The agreement was replaced. That"),
    ):
        assert said in text_of(MESSAGES[kind](unknown))
