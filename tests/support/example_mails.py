"""An example of each mail: `python -m tests.support.example_mails` writes their texts anew.

With `--html FOLDER` it writes their HTML there, to be looked at.
"""

from argparse import ArgumentParser
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from activities.email.contents import compose
from activities.email.finance import compose_unreadable_payout_data
from activities.email.message import EmailKind, EmailMessage
from activities.email.operations import (
    compose_schedule_problems,
    compose_test,
    compose_vendor_problems,
    compose_vendors_recovered,
)
from activities.email.smtp import TEMPLATES
from activities.temporal.schedules import ProblemKind, ScheduleProblem
from activities.temporal.vendor_problems import VendorProblem
from offers.agreements.agreement import (
    Agreement,
    AgreementStatus,
    CancellationReasonCode,
    CancellationRequest,
    CancellationStatus,
)
from offers.findings import Finding, Severity
from offers.lifecycle.account_confirmation import AccountConfirmation, AccountLink
from offers.lifecycle.attentions import AttentionCode, Vendor
from offers.lifecycle.record import AgreementEvent, Decision, OfferRecord
from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.forecast import ExpectedPayment, Step
from offers.policy.credits import Credits
from offers.policy.policy import Policy
from offers.stage import Stage
from offers.terms.contacts import Contacts, Owner
from tests.support.builders import refund, terms

FOLDER = Path(__file__).parents[1] / "activities" / "email" / "mails"
SALESFORCE = "https://example.my.salesforce.com"
AT = datetime(2026, 3, 5, 14, 30, tzinfo=UTC)
OFFER = "offer-abcdefghijklm"

EXCEPTION = Finding(
    code="not-annual",
    severity=Severity.APPROVAL,
    field="duration_months",
    seen="24",
    problem="a contract lasts 12 months",
    remedy="Correct the duration, or have the exception approved",
    role="deal-desk",
    rule="Contract Duration - 12 months (we're annual only right now)",
)
MISTAKE = Finding(
    field="buyer_accounts",
    seen="11112222333",
    source="AWS_Account_Id__c",
    problem="it is not an AWS account id, which has 12 digits",
    remedy="Copy it from the buyer's AWS console",
)
CLAZAR_DIFFERENCE = Finding(
    code="difference",
    severity=Severity.APPROVAL,
    field="price.amount",
    seen="USD 102,000.00",
    problem=f"{OFFER} is not as it was asked for (USD 120,000.00)",
    remedy="Approve it as it is, or decline to have it withdrawn and created again, or correct it"
    " in Clazar and resume",
    role="deal-desk",
    rule="Double-check what was created in Clazar",
)
REJECTION = Finding(
    code="INVALID_BUYER_ACCOUNTS",
    field="buyer_accounts",
    seen="111122223333",
    problem="AWS does not know this account",
    remedy="Ask the buyer for the account id",
)


def _paid(invoice: str, *, paid: bool = True, undisbursed: str | None = None) -> ReportRow:
    return ReportRow.model_validate(
        {
            "offer_id": OFFER,
            "invoice_id": invoice,
            "currency": "USD",
            "gross": "120000",
            "listing_fee": "-3600",
            "disbursed": "116400" if paid else "0",
            "undisbursed": undisbursed or ("0" if paid else "116400"),
            "disbursed_on": "2026-04-10" if paid else None,
            "bank_trace_id": "091000019283746" if paid else None,
        }
    )


AGREEMENT = Agreement(
    agreement_id="agmt-example0000000000000001",
    offer_id=OFFER,
    buyer_account="111122223333",
    status=AgreementStatus.ACTIVE,
    accepted_at=AT,
    starts_at=AT,
    ends_at=AT.replace(year=2027),
    value=Money.of(120000, "USD"),
).model_dump()


def _example(stage: Stage, **changes: Any) -> OfferRecord:
    """An offer in a stage, as far as it has come by then."""
    known: dict[str, Any] = {
        "opportunity_id": "0065g00000AbCdEAAV",
        "stage": stage,
        "terms": terms(duration_months=changes.pop("duration_months", 12)),
        "company": "Example Corp",
        "contacts": Contacts(
            buyer_email="buyer@example.com",
            buyer_name="Example Buyer",
            owner_email="owner@example.com",
        ),
        "owner": Owner(owner_email="owner@example.com", owner_name="Example Owner"),
        "policy": Policy(
            product_name="Example Product",
            seller_name="Example Seller, Inc.",
            support_contact="Questions? Write to support@example.com.",
            credits=Credits(enabled=True),
        ),
    }
    if stage is not Stage.DRAFT:
        known["change_set_id"] = "examplechangeset0000000001"
    if stage not in (Stage.DRAFT, Stage.FAILED, Stage.GENERATING):
        address = "https://aws.amazon.com/marketplace/saas/ordering?productId=prod-examplesaas01"
        known |= {"offer_id": OFFER, "offer_url": f"{address}&offerId={OFFER}"}
    if stage in (Stage.ACCEPTED, Stage.DISBURSED, Stage.TERMINATED):
        known["agreement"] = AGREEMENT
    if stage is Stage.DISBURSED:
        known["payout"] = payout_from_report([_paid("E2E2E000001")])
    return OfferRecord.model_validate(known | changes)


def _decided(*, approved: bool) -> OfferRecord:
    record = _example(Stage.DRAFT, duration_months=24, findings=(EXCEPTION,))
    decision = Decision(
        finding=EXCEPTION,
        deal=record.deal,
        approved=approved,
        by="desk@example.com",
        reason=None if approved else "Two years are too long.",
        at=AT,
    )
    record.decisions = (decision,)
    return record


LATE = ExpectedPayment(
    invoice_id="E2E2E000001",
    amount=Money.of("116400", "USD"),
    step=Step.COLLECTION,
    earliest=date(2026, 4, 10),
    latest=date(2026, 5, 14),
    overdue_on=date(2026, 5, 17),
    reason="Invoiced on 5 Mar 2026, due on 4 Apr 2026, not collected",
)
ARRIVED = _paid("E2E2E000001", undisbursed="116400")
FAILED_PAYOUT = (
    ARRIVED,
    ARRIVED.model_copy(
        update={
            "gross": -ARRIVED.gross,
            "listing_fee": -ARRIVED.listing_fee,
            "disbursed": -ARRIVED.disbursed,
            "disbursed_on": date(2026, 4, 13),
            "bank_trace_id": None,
            "failed": True,
        }
    ),
)
FEE = Finding(
    code="listing-fee",
    severity=Severity.WARN,
    field="listing_fee",
    seen="USD 4,800.00",
    problem="AWS kept USD 4,800.00 of invoice E2E2E000001, and its price list says USD 3,600.00",
    remedy="Ask AWS Marketplace why",
)
DECLINED_REFUND = refund(
    status="declined", decided_by="finance@example.com", decided_at=AT, problem="Not agreed."
)
LINK = AccountLink(
    number=1,
    nonce="0" * 32,
    accounts=("111122223333",),
    buyer_email="buyer@example.com",
    asked_at=AT,
    expires_at=AT.replace(day=19),
)
CONFIRMATION = AccountConfirmation(
    accounts=("111122223333",), given=("111122223333",), at=AT, link=1
)
RECORDS: dict[EmailKind, OfferRecord] = {
    EmailKind.OFFER_ACCOUNT_CONFIRMATION: _example(Stage.DRAFT, account_link=LINK),
    EmailKind.OWNER_ACCOUNT_CONFIRMATION: _example(Stage.DRAFT, account_link=LINK),
    EmailKind.OFFER_SHARED: _example(Stage.SHARED),
    EmailKind.OFFER_REMINDER: _example(Stage.SHARED),
    EmailKind.OFFER_EXTENDED: _example(Stage.SHARED),
    EmailKind.OFFER_WITHDRAWN_FOR_CHANGE: _example(Stage.SHARED),
    EmailKind.OFFER_WITHDRAWN: _example(Stage.CANCELLED),
    EmailKind.APPROVAL_REQUIRED: _example(Stage.DRAFT, duration_months=24, findings=(EXCEPTION,)),
    EmailKind.APPROVAL_DECIDED: _decided(approved=True),
    EmailKind.OWNER_CHANGED: _example(Stage.SHARED),
    EmailKind.OWNER_ACTION_REQUIRED: _decided(approved=False).model_copy(
        update={"findings": (MISTAKE, EXCEPTION)}
    ),
    EmailKind.OWNER_CLAZAR_HANDOFF: _example(Stage.GENERATING),
    EmailKind.OWNER_CLAZAR_HANDOFF_CANCELLED: _example(Stage.CANCELLED, offer_id=None),
    EmailKind.OWNER_CLAZAR_HANDOFF_CHANGED: _example(Stage.GENERATING),
    EmailKind.OWNER_ACCEPTED: _example(Stage.ACCEPTED),
    EmailKind.OWNER_EXPIRED: _example(Stage.EXPIRED),
    EmailKind.OWNER_PUBLICATION_FAILED: _example(Stage.FAILED, findings=(REJECTION,)),
    EmailKind.OWNER_PUBLICATION_DELAYED: _example(Stage.GENERATING),
    EmailKind.OWNER_DISBURSED: _example(Stage.DISBURSED),
    EmailKind.OWNER_CANCELLATION_TOO_LATE: _example(Stage.ACCEPTED),
    EmailKind.OWNER_AMENDMENT_TOO_LATE: _example(Stage.ACCEPTED),
    EmailKind.OWNER_ACCEPTANCE_ROLLED_BACK: _example(Stage.SHARED),
    EmailKind.OWNER_AGREEMENT_REPLACED: _example(
        Stage.ACCEPTED, replaced_by="agmt-example0000000000000002"
    ),
    EmailKind.OWNER_AGREEMENT_ENDED: _example(
        Stage.TERMINATED, agreement=AGREEMENT | {"status": AgreementStatus.TERMINATED}
    ),
    EmailKind.OWNER_CANCELLATION_NOT_APPROVED: _example(
        Stage.ACCEPTED,
        cancellation=CancellationRequest(
            request_id="acr-1",
            agreement_id="agmt-example0000000000000001",
            reason_code=CancellationReasonCode.OTHER,
            status=CancellationStatus.REJECTED,
            updated_at=AT,
        ),
    ),
    EmailKind.OWNER_AGREEMENT_CHANGED: _example(
        Stage.ACCEPTED,
        agreement_events=(AgreementEvent(at=AT, description="the agreement is RENEWED"),),
    ),
    EmailKind.OWNER_AGREEMENT_ENDING: _example(Stage.ACCEPTED),
    EmailKind.FINANCE_PAYOUT_OVERDUE: _example(
        Stage.ACCEPTED,
        overdue=(LATE,),
        payout=payout_from_report([_paid("E2E2E000001", paid=False)]),
    ),
    EmailKind.FINANCE_PAYOUT_REVERSED: _example(
        Stage.ACCEPTED, payout=payout_from_report(FAILED_PAYOUT)
    ),
    EmailKind.FINANCE_PAYOUT_UNEXPECTED: _example(Stage.DISBURSED, payout_findings=(FEE,)),
    EmailKind.FINANCE_REFUND_REQUESTED: _example(Stage.DISBURSED, refunds=(refund(),)),
    EmailKind.FINANCE_REFUND_APPROVED: _example(
        Stage.DISBURSED,
        refunds=(refund(status="approved", decided_by="finance@example.com", decided_at=AT),),
    ),
    EmailKind.FINANCE_REFUND_DECLINED: _example(Stage.DISBURSED, refunds=(DECLINED_REFUND,)),
    EmailKind.FINANCE_REFUND_COMPLETED: _example(
        Stage.DISBURSED, refunds=(refund(status="completed", adjustment_id="ba-1"),)
    ),
    EmailKind.FINANCE_REFUND_FAILED: _example(
        Stage.DISBURSED, refunds=(refund(status="failed", problem="The tax invoice is closed."),)
    ),
    EmailKind.FINANCE_REFUND_DELAYED: _example(
        Stage.DISBURSED, refunds=(refund(status="completed"),)
    ),
}
VENDOR = VendorProblem(
    vendor=Vendor.AWS,
    code=AttentionCode.CREDENTIALS_REJECTED,
    offers=12,
    since=AT,
    problem="AWS Marketplace rejects our credentials (AccessDeniedException)",
)
CONSOLE = "https://offers.example.com"
MAILS: dict[str, EmailMessage] = {
    **{str(kind): compose(kind, record, SALESFORCE) for kind, record in RECORDS.items()},
    "owner-action-required-clazar": compose(
        EmailKind.OWNER_ACTION_REQUIRED,
        _example(
            Stage.GENERATING, offer_id=OFFER, duration_months=24, findings=(CLAZAR_DIFFERENCE,)
        ),
        SALESFORCE,
    ),
    "offer-shared-account-confirmed": compose(
        EmailKind.OFFER_SHARED,
        _example(Stage.SHARED, account_link=LINK, account_confirmation=CONFIRMATION),
        SALESFORCE,
    ),
    "approval-required-console": compose(
        EmailKind.APPROVAL_REQUIRED, RECORDS[EmailKind.APPROVAL_REQUIRED], SALESFORCE, CONSOLE
    ),
    "owner-accepted-console": compose(
        EmailKind.OWNER_ACCEPTED, RECORDS[EmailKind.OWNER_ACCEPTED], SALESFORCE, CONSOLE
    ),
    "finance-unreadable-payout-data": compose_unreadable_payout_data([FEE]),
    "operations-schedules": compose_schedule_problems(
        [
            ScheduleProblem(
                schedule_id="marketplace-watch",
                kind=ProblemKind.OVERDUE,
                problem="it has not run since 5 Mar 2026 14:30 UTC",
            )
        ]
    ),
    "operations-vendors": compose_vendor_problems([VENDOR]),
    "operations-vendors-recovered": compose_vendors_recovered([VENDOR]),
    "operations-test": compose_test(),
}
"""By the names of their files."""


def text_of(mail: EmailMessage) -> str:
    """Subject and text, as a mail program shows them."""
    body = TEMPLATES.get_template("email.txt.jinja").render(content=mail)
    return f"Subject: {mail.subject}\n\n{body.strip()}\n"


def main() -> None:
    """Write the texts, or the HTML."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--html", type=Path, metavar="FOLDER")
    folder = parser.parse_args().html
    for name, mail in MAILS.items():
        if folder:
            html = TEMPLATES.get_template("email.html.jinja").render(content=mail)
            (folder / f"{name}.html").write_text(html, encoding="utf-8")
        else:
            (FOLDER / f"{name}.txt").write_text(text_of(mail), encoding="utf-8")


if __name__ == "__main__":
    main()
