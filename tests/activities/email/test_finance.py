"""The mails to finance name the offer, its invoices, and what is to be done."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from activities.email.contents import compose
from activities.email.finance import compose_unreadable_payout_data
from activities.email.message import EmailKind, EmailMessage
from offers.findings import Finding
from offers.lifecycle.record import OfferRecord
from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.forecast import REMEDIES, ExpectedPayment, Step
from tests.support.builders import NOW, refund

OPPORTUNITY = "0065g00000AbCdEAAV"
KINDS = [kind for kind in EmailKind if kind.startswith("finance-payout-")]


def row(invoice: str, day: int | None = None, **changes: Any) -> ReportRow:
    """An invoice of 1000, less a fee of 30."""
    known = {
        "offer_id": "offer-1",
        "invoice_id": invoice,
        "currency": "USD",
        "gross": Decimal(1000),
        "listing_fee": Decimal(-30),
        "disbursed": Decimal(970) if day else Decimal(0),
        "undisbursed": Decimal(970),
        "disbursed_on": date(2026, 4, day) if day else None,
        "bank_trace_id": f"trace-{day}" if day else None,
    }
    return ReportRow.model_validate(known | changes)


def taken_back(invoice: str, day: int, *, failed: bool) -> ReportRow:
    reversed_amounts = {"gross": -1000, "listing_fee": 30, "disbursed": -970}
    return row(invoice, day, **reversed_amounts, bank_trace_id=None, failed=failed)


def overdue(step: Step, invoice_id: str | None) -> ExpectedPayment:
    return ExpectedPayment(
        invoice_id=invoice_id,
        amount=Money.of(970, "USD"),
        step=step,
        earliest=date(2026, 4, 10),
        latest=date(2026, 5, 14),
        overdue_on=date(2026, 5, 17),
        reason="Invoiced on 2026-03-05",
    )


def record(*rows: ReportRow, **more: Any) -> OfferRecord:
    payout = payout_from_report(rows) if rows else None
    late = (overdue(Step.COLLECTION, "INV-1"), overdue(Step.INVOICE, None))
    return OfferRecord(opportunity_id=OPPORTUNITY, payout=payout, overdue=late, **more)


def finance_mail(kind: EmailKind, about: OfferRecord) -> EmailMessage:
    return compose(kind, about, "https://example.my.salesforce.com")


@pytest.mark.parametrize("kind", KINDS)
def test_company_offer_and_each_invoice_are_named(kind: EmailKind) -> None:
    rows = row("INV-1", 10, undisbursed=Decimal(0)), row("INV-2")
    email = finance_mail(kind, record(*rows, company="Example Corp", offer_id="offer-1"))
    assert email.subject.endswith("Example Corp")
    assert email.facts == (
        ("Offer", "offer-1"),
        (
            "Invoice INV-1",
            "USD 1,000.00 gross, USD 30.00 fee, USD 970.00 net, disbursed on 10 Apr 2026, bank"
            " trace trace-10",
        ),
        (
            "Invoice INV-2",
            "USD 1,000.00 gross, USD 30.00 fee, USD 970.00 net, USD 0.00 paid out, not disbursed",
        ),
    )
    assert email.closing == (f"offerflow payouts --offer {OPPORTUNITY}",)
    assert email.link is not None
    assert OPPORTUNITY in email.link[1]


def test_what_is_not_known_is_left_out() -> None:
    email = finance_mail(EmailKind.FINANCE_PAYOUT_OVERDUE, record())
    assert email.subject == f"Overdue: USD 970.00 from {OPPORTUNITY}"
    assert email.facts == ()


def test_each_overdue_payment_has_its_remedy() -> None:
    _, first, second = finance_mail(EmailKind.FINANCE_PAYOUT_OVERDUE, record()).paragraphs
    assert "invoice INV-1" in first
    assert first.endswith(f"{REMEDIES[Step.COLLECTION]}.")
    assert "an invoice" in second
    assert second.endswith(f"{REMEDIES[Step.INVOICE]}.")


def test_only_failed_and_reversed_payouts_are_named_as_such() -> None:
    rows = [
        row("INV-1", 10, undisbursed=Decimal(0)),
        row("INV-2"),
        row("INV-3", 8),
        row("INV-4", 8),
    ]
    rows += [taken_back("INV-3", 9, failed=True), taken_back("INV-4", 9, failed=False)]
    email = finance_mail(EmailKind.FINANCE_PAYOUT_REVERSED, record(*rows))
    assert email.paragraphs[1:-1] == tuple(
        f"USD 970.00 of invoice {invoice}: {state}. AWS still owes USD 970.00 of this invoice."
        for invoice, state in (("INV-3", "failed"), ("INV-4", "reversed"))
    )


def test_each_finding_about_a_payout_has_its_remedy() -> None:
    findings = tuple(
        Finding(field="rows", problem=f"Problem {n}", remedy=f"Remedy {n}") for n in (1, 2)
    )
    about = record(payout_findings=findings)
    email = finance_mail(EmailKind.FINANCE_PAYOUT_UNEXPECTED, about)
    assert email.paragraphs[1:] == ("Problem 1. Remedy 1.", "Problem 2. Remedy 2.")
    unreadable = compose_unreadable_payout_data(findings)
    assert unreadable.paragraphs[1:] == tuple(map(str, findings))
    assert unreadable.greeting == email.greeting == "Hello,"
    assert unreadable.closing == ("offerflow payouts",)


def test_only_the_newest_invoices_are_shown() -> None:
    rows = [row(f"INV-{number:02}") for number in range(86)]
    facts = dict(finance_mail(EmailKind.FINANCE_PAYOUT_UNEXPECTED, record(*rows)).facts)
    assert facts.pop("Older invoices") == "74, see the payouts"
    assert list(facts) == [f"Invoice INV-{number}" for number in range(74, 86)]


DECIDED = {"decided_by": "finance@example.com", "decided_at": NOW}
REFUNDS: list[tuple[EmailKind, dict[str, Any], str, str]] = [
    (EmailKind.FINANCE_REFUND_REQUESTED, {}, "Approval required: refund of", "take it back"),
    (
        EmailKind.FINANCE_REFUND_APPROVED,
        DECIDED | {"status": "approved"},
        "Approved: refund of",
        "finance@example.com approved the refund",
    ),
    (
        EmailKind.FINANCE_REFUND_DECLINED,
        DECIDED | {"status": "declined", "problem": "Not agreed"},
        "Declined: refund of",
        "The refund was declined: Not agreed",
    ),
    (
        EmailKind.FINANCE_REFUND_COMPLETED,
        DECIDED | {"status": "completed", "adjustment_id": "ba-1"},
        "Refunded:",
        "AWS has completed the refund",
    ),
    (
        EmailKind.FINANCE_REFUND_FAILED,
        DECIDED | {"status": "failed", "problem": "The tax invoice is closed."},
        "Not refunded:",
        "AWS refused the refund: The tax invoice is closed.",
    ),
    (
        EmailKind.FINANCE_REFUND_DELAYED,
        DECIDED | {"status": "completed"},
        "Late: refund of",
        "the payout data does not show it",
    ),
]


@pytest.mark.parametrize(("kind", "changes", "subject", "text"), REFUNDS)
def test_refunds(kind: EmailKind, changes: dict[str, Any], subject: str, text: str) -> None:
    about = record(company="Example {Corp}", refunds=(refund(**changes),))
    email = finance_mail(kind, about)
    assert email.subject == f"{subject} USD 4,000.00 to Example {{Corp}}"
    assert text in " ".join(email.paragraphs)
    facts = dict(email.facts)
    assert (facts["Refund"], facts["Of invoice"]) == ("USD 4,000.00", "INV-1")
    assert facts["Requested by"] == "owner@example.com"
    assert facts.get("Decided by") == changes.get("decided_by")
    assert facts.get("Signed", "no: nobody has verified who decided").startswith("no")
    assert facts.get("AWS's id") == changes.get("adjustment_id")
    *decisions, show = email.closing
    assert show == f"offerflow show {OPPORTUNITY}"
    assert len(decisions) == (0 if changes else 2)
    assert all("--finding refund-1 --by" in each for each in decisions)
