"""Contents of all mails, as text and as HTML."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from activities.email.contents import compose
from activities.email.message import EmailKind
from activities.email.smtp import POLICY_FIELDS, TEMPLATES, OfferEmail
from offers.agreements.agreement import Agreement, AgreementStatus
from offers.findings import Finding
from offers.lifecycle.record import AgreementEvent, Decision, OfferRecord
from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.forecast import ExpectedPayment, Step
from offers.policy.policy import AS_NOW, Policy, PublicationPolling
from offers.policy.rules import Rule, Rules
from offers.terms.contacts import Contacts, Owner
from runtime.temporal import PayloadConverter
from tests.support.builders import CONTACTS, refund, terms

SALESFORCE = "https://example.my.salesforce.com"


@pytest.fixture
def record() -> OfferRecord:
    row = ReportRow.model_validate(
        {
            "offer_id": "offer-abcdefghijklm",
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
    record = OfferRecord(
        opportunity_id="0065g00000AbCdEAAV",
        terms=terms(company="Example & Sons"),
        company="Example & Sons",
        contacts=CONTACTS,
        owner=Owner(owner_email="owner@example.com"),
        policy=Policy(support_contact="Write to help@example.com"),
        change_set_id="changeset",
        offer_id="offer-abcdefghijklm",
        offer_url="https://example.com/?productId=prod-1&offerId=offer-abcdefghijklm",
        agreement=Agreement(
            agreement_id="agmt-1",
            offer_id="offer-abcdefghijklm",
            buyer_account="111122223333",
            status=AgreementStatus.ACTIVE,
            accepted_at=datetime(2026, 3, 5, 8, tzinfo=UTC),
            starts_at=datetime(2026, 3, 5, 8, tzinfo=UTC),
        ),
        payout=payout_from_report([row]),
        overdue=(
            ExpectedPayment(
                invoice_id="INV-1",
                amount=Money.of("116400", "USD"),
                step=Step.COLLECTION,
                earliest=date(2026, 4, 10),
                latest=date(2026, 5, 14),
                overdue_on=date(2026, 5, 17),
                reason="Invoiced on 2026-03-05, due on 2026-04-04",
            ),
        ),
        refunds=(refund(description="Two weeks without the service", decided_by="x@example.com"),),
        findings=(Finding(field="buyer_accounts", problem="unknown", remedy="Ask"),),
        agreement_events=(
            AgreementEvent(
                description="the agreement is RENEWED", at=datetime(2026, 3, 6, tzinfo=UTC)
            ),
        ),
    )
    exception = Finding(field="price", problem="too low", remedy="Ask", role="deal-desk")
    record.decisions = (
        Decision(
            finding=exception,
            deal=record.deal,
            approved=True,
            by="desk@example.com",
            reason="a new customer",
            at=datetime(2026, 3, 3, 9, tzinfo=UTC),
        ),
    )
    return record


@pytest.mark.parametrize("kind", EmailKind)
def test_text_and_html_have_the_same_facts(kind: EmailKind, record: OfferRecord) -> None:
    content = compose(kind, record, SALESFORCE)
    text = TEMPLATES.get_template("email.txt.jinja").render(content=content)
    html = TEMPLATES.get_template("email.html.jinja").render(content=content)
    for _, value in content.facts:
        assert value in text
        assert value.replace("&", "&amp;") in html
    assert "{{" not in text + html
    assert "None" not in text
    assert "&amp;" not in text, "the text has HTML escapes"
    assert "& Sons" not in html, "the HTML is not escaped"
    if kind.startswith("offer-"):
        assert "help@example.com" in text
    else:
        assert record.opportunity_id in text


POLICY = Policy(
    product_name="Another Product",
    roles={"deal-desk": ("desk@example.com",)},
    rules=Rules(standard_contract=Rule(action="warn", text="A rule")),
    time_zones=("Asia/Tokyo",),
    extend_expired_within=timedelta(days=9),
    publication=PublicationPolling(delayed_after=timedelta(hours=7)),
    support_contact="Write to help@example.com",
)


@pytest.mark.parametrize("kind", EmailKind)
def test_payload_has_the_fields_that_the_mail_needs(kind: EmailKind, record: OfferRecord) -> None:
    record.policy = POLICY
    converter = PayloadConverter()
    (payload,) = converter.to_payloads([OfferEmail(kind=kind, record=record, occasion="x")])
    assert set(json.loads(payload.data)["record"]["policy"]) == POLICY_FIELDS
    (received,) = converter.from_payloads([payload], [OfferEmail])
    for name in set(Policy.model_fields) - POLICY_FIELDS:
        del received.record.policy.__dict__[name]  # so that reading it fails
    received.record.policy.__dict__.update({name: getattr(POLICY, name) for name in AS_NOW})
    assert compose(kind, received.record, SALESFORCE) == compose(kind, record, SALESFORCE)


def test_buyer_without_a_time_zone_gets_those_of_the_policy(record: OfferRecord) -> None:
    facts = dict(compose(EmailKind.OFFER_SHARED, record, SALESFORCE).facts)
    last = facts["Last day to accept"]
    assert "16:59 on Wednesday 1 April 2026 in Los Angeles" in last
    assert "00:59 on Thursday 2 April 2026 in London" in last


def test_withdrawal_mail_has_no_link(record: OfferRecord) -> None:
    content = compose(EmailKind.OFFER_WITHDRAWN, record, SALESFORCE)
    assert content.link is None
    assert "Last day to accept" not in dict(content.facts)


def test_owner_mails_have_the_expected_and_paid_amounts(record: OfferRecord) -> None:
    text = " ".join(compose(EmailKind.OWNER_ACCEPTED, record, SALESFORCE).paragraphs)
    assert "USD 3,600.00 (3%)" in text
    assert "USD 116,400.00" in text
    assert "Thursday 5 March 2026" in text
    paid = compose(EmailKind.OWNER_DISBURSED, record, SALESFORCE)
    assert "USD 116,400.00" in " ".join(paid.paragraphs)
    assert "bank trace trace-1" in dict(paid.facts)["Invoice INV-1"]


def test_approvers_are_shown_all_that_their_decision_is_bound_to() -> None:
    sold = terms(
        company="Example & Sons",
        buyer_accounts=["111122223333", "444455556666"],
        dimensions="platform x 2; support",
        duration_months=24,
        starts_on="2026-05-01",
        payment_schedule="2026-05-01 60000; 2027-05-01 60000",
        net_payment_days=45,
        eula={"type": "custom", "documents": ["https://example.com/eula.pdf"]},
        renewal={"channel": "External"},
    )
    finding = Finding(
        code="not-annual", severity="approval", field="x", problem="x", remedy="x", role="deal-desk"
    )
    asked = OfferRecord(
        opportunity_id="0065g00000AbCdEAAV",
        terms=sold,
        company=sold.company,
        contacts=Contacts(
            buyer_email="buyer@example.com", buyer_name="A Buyer", owner_email="owner@example.com"
        ),
        eula_sha256="ab" * 32,
        findings=(finding,),
    )
    email = compose(EmailKind.APPROVAL_REQUIRED, asked, SALESFORCE)
    text = "\n".join([*email.paragraphs, *(value for _, value in email.facts), *email.closing])
    for shown in (
        *("Example & Sons", "111122223333", "444455556666", "platform x 2", "support"),
        *("prod-examplesaas01", "USD 120,000.00", "24 months", "1 May 2026", "USD 60,000.00"),
        *("1 May 2027", "Net 45", "https://example.com/eula.pdf", "ab" * 32, "existing customer"),
        *("A Buyer", "buyer@example.com", asked.approval_reference(finding)),
    ):
        assert shown in text
