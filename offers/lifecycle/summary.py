"""The summary of an offer: what lists, reports and digests show, without asking the offer.

It is kept in the workflow's memo in three parts, so that a change rewrites one part only.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from pydantic import AwareDatetime, Field

from offers.agreements.renewal import first_agreement
from offers.clock import end_of_day, start_of_day
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.expected_payments import ENDED_AGREEMENT, payment_terms_of
from offers.lifecycle.record import HELD_BY_FINDINGS, Amendment, OfferRecord
from offers.model import FrozenModel
from offers.money import Currency, Money
from offers.payouts.forecast import ExpectedPayment, PaymentTerms, forecast
from offers.payouts.model import InvoicePayout, Payout, Transfer
from offers.policy.payouts import PayoutRules
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from offers.terms.contacts import Owner
from offers.terms.terms import Day

LONGEST_TEXT = 300
"""Characters of an attention's problem, and of its remedy."""

ACCEPTED_BEFORE = frozenset({Stage.DISBURSED, Stage.REPLACED})
"""Stages from which an offer goes back to `accepted`: a payout failed, or an amendment was rolled
back.  The acceptance itself is not new then."""

AGREED = frozenset({Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED})


NOT_HOLDING = frozenset(
    {
        AttentionCode.PUBLICATION_DELAYED,
        AttentionCode.NOTIFICATION_FAILED,
        AttentionCode.EMAIL_DELIVERY_UNKNOWN,
        AttentionCode.SIGNAL_REJECTED,
        AttentionCode.REQUEST_FAILED,
        AttentionCode.WEBHOOK_FAILED,
    }
)
"""Attentions beside which an offer that is being created goes on."""


class Wait(StrEnum):
    """What an offer waits for."""

    PREFLIGHT = "preflight"
    ACTION = "action"
    """A person: the attentions say what for."""
    SUBMISSION = "submission"
    """AWS takes the change set."""
    RELEASE = "release"
    """AWS creates and releases the offer."""
    BUYER_EMAIL = "buyer email"
    ACCEPTANCE = "acceptance"
    INVOICE = "invoice"
    PAYOUT = "payout"
    EXTENSION = "extension"
    """Nobody accepted it in time; for a while it can still be extended."""
    AGREEMENT_END = "agreement end"
    CLOSE = "close"
    """Nothing is expected; until then it is followed, for what comes late."""


class Deal(FrozenModel):
    """What is sold to whom.  Changes with a revision or an extension."""

    path: str
    """The offer's name (`offers.ids.offer_path`)."""
    company: str | None = None
    owner: Owner | None = Field(default=None, repr=False)
    payment: PaymentTerms | None = None
    """The price and how it is paid; None while there are no legal terms."""
    last_day: Day | None = None
    """The last day (UTC) on which the buyer can accept."""


class Progress(FrozenModel):
    """Where the offer is in its life.  Instants are UTC business time."""

    stage: Stage
    since: AwareDatetime | None = None
    """When the stage began; None for the first draft."""
    waits_for: Wait
    waits_until: AwareDatetime | None = None
    """When that is over, or takes too long; None: at no set time."""
    offer_id: str | None = None
    agreement_id: str | None = None
    first_agreement_id: str | None = None
    """The first of the agreement's chain; None: it is the agreement itself."""
    accepted_at: AwareDatetime | None = None
    """When the buyer accepted."""
    agreement_ends_at: AwareDatetime | None = None
    acceptance_found_at: AwareDatetime | None = None
    """When the offer entered `accepted`, the last time that this was news."""
    attentions: tuple[Attention, ...] = ()
    """The oldest first; long texts are shortened."""
    amendments: tuple[Amendment, ...] = ()
    """The oldest first."""


class TransferSummary(FrozenModel):
    """One movement of money between AWS and our bank."""

    on: Day | None = None
    amount: Decimal
    bank_trace_id: str | None = None
    failed: bool = False


class InvoiceSummary(FrozenModel):
    """An `InvoicePayout`; its amounts are in the currency of the offer's payouts."""

    invoice_id: str
    agreement_id: str | None = None
    invoiced_on: Day | None = None
    due_on: Day | None = None
    collected_on: Day | None = None
    estimated: bool = False
    gross: Decimal
    refunded: Decimal = Decimal(0)
    listing_fee: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    undisbursed: Decimal = Decimal(0)
    transfers: tuple[TransferSummary, ...] = ()

    @classmethod
    def of(cls, invoice: InvoicePayout) -> Self:
        """The summary of an invoice."""
        return cls(
            invoice_id=invoice.invoice_id,
            agreement_id=invoice.agreement_id,
            invoiced_on=invoice.invoiced_on,
            due_on=invoice.due_on,
            collected_on=invoice.collected_on,
            estimated=invoice.estimated,
            gross=invoice.gross.amount,
            refunded=invoice.refunded.amount,
            listing_fee=invoice.listing_fee.amount,
            tax=invoice.tax.amount,
            undisbursed=invoice.undisbursed.amount,
            transfers=tuple(
                TransferSummary(
                    on=each.on,
                    amount=each.amount.amount,
                    bank_trace_id=each.bank_trace_id,
                    failed=each.failed,
                )
                for each in invoice.transfers
            ),
        )

    def invoice(self, currency: Currency) -> InvoicePayout:
        """The invoice again."""

        def money(amount: Decimal) -> Money:
            return Money(amount=amount, currency=currency)

        return InvoicePayout(
            invoice_id=self.invoice_id,
            agreement_id=self.agreement_id,
            invoiced_on=self.invoiced_on,
            due_on=self.due_on,
            collected_on=self.collected_on,
            estimated=self.estimated,
            gross=money(self.gross),
            refunded=money(self.refunded),
            listing_fee=money(self.listing_fee),
            tax=money(self.tax),
            undisbursed=money(self.undisbursed),
            transfers=tuple(
                Transfer(
                    on=each.on,
                    amount=money(each.amount),
                    bank_trace_id=each.bank_trace_id,
                    failed=each.failed,
                )
                for each in self.transfers
            ),
        )


class MoneySummary(FrozenModel):
    """The money of an accepted offer; all amounts are in one currency."""

    currency: Currency | None = None
    """None before the acceptance."""
    expected: Decimal = Decimal(0)
    """Still to come, after AWS's fee."""
    overdue: Decimal = Decimal(0)
    """What of it is late, as of when the workflow last looked."""
    paused_on: Day | None = None
    """The UTC day on which AWS last said that it pays nothing out."""
    invoices: tuple[InvoiceSummary, ...] = ()
    """The oldest first."""
    fingerprint: str | None = None
    """Of the payout data that the invoices were made from (`Payout.fingerprint`)."""


class OfferSummary(FrozenModel):
    """What lists, reports and digests show of an offer.  Contains personal data."""

    deal: Deal
    progress: Progress
    money: MoneySummary = MoneySummary()

    @classmethod
    def of(cls, record: OfferRecord) -> Self:
        """The summary of a record."""
        return cls(deal=_deal(record), progress=_progress(record), money=_money(record))

    def memo(self) -> dict[str, dict[str, Any]]:
        """All parts by their names, as JSON without the defaults."""
        parts = self.model_dump(mode="json", exclude_defaults=True)
        return {name: parts.get(name, {}) for name in type(self).model_fields}

    @classmethod
    def from_memo(cls, memo: Mapping[str, Any]) -> Self:
        """From a memo's parts; raises pydantic.ValidationError, whose text may be personal."""
        return cls.model_validate(memo)

    @property
    def price(self) -> Money | None:
        """The price, if there are terms."""
        return self.deal.payment.price if self.deal.payment else None

    @property
    def payout(self) -> Payout | None:
        """What has been paid of it; None: nothing was invoiced."""
        money, offer_id = self.money, self.progress.offer_id
        if not money.invoices or money.currency is None or offer_id is None:
            return None
        return Payout(
            offer_id=offer_id,
            invoices=tuple(each.invoice(money.currency) for each in money.invoices),
        )

    @property
    def expected(self) -> Money | None:
        """Still to come; None before the acceptance."""
        return self._money_of(self.money.expected)

    @property
    def overdue(self) -> Money | None:
        """What of it is late."""
        return self._money_of(self.money.overdue)

    @property
    def invoiced(self) -> Money | None:
        """Invoiced so far, before AWS's fee."""
        return self._money_of(sum((each.gross for each in self.money.invoices), Decimal()))

    @property
    def paid_out(self) -> Money | None:
        """Paid to our bank so far."""
        transfers = (t.amount for each in self.money.invoices for t in each.transfers)
        return self._money_of(sum(transfers, Decimal()))

    def _money_of(self, amount: Decimal) -> Money | None:
        currency = self.money.currency
        return Money(amount=amount, currency=currency) if currency else None

    def expected_payments(
        self, payout: Payout | None, rules: PayoutRules, today: date
    ) -> tuple[ExpectedPayment, ...]:
        """What is still to come by these rules, as of a UTC day; nothing before the acceptance."""
        payment, accepted_at = self.deal.payment, self.progress.accepted_at
        if payment is None or accepted_at is None:
            return ()
        return forecast(
            payment,
            accepted_at.date(),
            payout,
            rules,
            today=today,
            paused_on=self.money.paused_on,
            ended=self.progress.stage in ENDED_AGREEMENT,
        )

    def expected_at_acceptance(self, rules: PayoutRules) -> tuple[ExpectedPayment, ...]:
        """All payments, as they were to be expected on the day of the acceptance."""
        payment, accepted_at = self.deal.payment, self.progress.accepted_at
        if payment is None or accepted_at is None:
            return ()
        accepted_on = accepted_at.date()
        return forecast(payment, accepted_on, None, rules, today=accepted_on)

    def expected_if_accepted(self, rules: PayoutRules) -> tuple[ExpectedPayment, ...]:
        """All payments, if the buyer accepted on the last day on which that is possible."""
        payment, last_day = self.deal.payment, self.deal.last_day
        if payment is None or last_day is None:
            return ()
        return forecast(payment, last_day, None, rules, today=last_day)


def _deal(record: OfferRecord) -> Deal:
    terms = record.terms
    return Deal(
        path=record.path,
        company=record.company,
        owner=record.owner,
        payment=payment_terms_of(record),
        last_day=terms.availability_end if terms else None,
    )


def _progress(record: OfferRecord) -> Progress:
    agreement = record.agreement
    first = first_agreement(agreement) if agreement else None
    waits_for, waits_until = wait_of(record)
    return Progress(
        stage=record.stage,
        since=record.stage_since if record.history else None,
        waits_for=waits_for,
        waits_until=waits_until,
        offer_id=record.offer_id,
        agreement_id=agreement.agreement_id if agreement else None,
        first_agreement_id=first if agreement and first != agreement.agreement_id else None,
        accepted_at=agreement.accepted_at if agreement else None,
        agreement_ends_at=agreement.ends_at if agreement else None,
        acceptance_found_at=_acceptance_found_at(record),
        attentions=tuple(
            Attention(
                code=each.code,
                problem=_shortened(each.problem),
                remedy=_shortened(each.remedy),
                since=each.since,
                vendor=each.vendor,
                finding=each.finding,
            )
            for each in record.attentions
        ),
        amendments=record.amendments,
    )


def _money(record: OfferRecord) -> MoneySummary:
    if record.agreement is None or record.terms is None:
        return MoneySummary()
    payout = record.payout
    return MoneySummary(
        currency=payout.gross.currency if payout else record.terms.price.currency,
        expected=_sum(record.expected_payments),
        overdue=_sum(record.overdue),
        paused_on=record.payouts_paused_on,
        invoices=tuple(map(InvoiceSummary.of, payout.invoices)) if payout else (),
        fingerprint=record.payout_fingerprint,
    )


def _sum(payments: tuple[ExpectedPayment, ...]) -> Decimal:
    return sum((each.amount.amount for each in payments), Decimal())


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 2] + " …"


def _acceptance_found_at(record: OfferRecord) -> datetime | None:
    if record.stage not in AGREED:
        return None
    found, before = None, None
    for entry in record.history:
        if entry.stage is Stage.ACCEPTED and before not in ACCEPTED_BEFORE:
            found = entry.at
        before = entry.stage
    return found


def wait_of(record: OfferRecord) -> tuple[Wait, datetime | None]:
    """What the offer waits for, and until when (UTC)."""
    if record.stage in HELD_BY_FINDINGS and any(
        each.code not in NOT_HOLDING for each in record.attentions
    ):
        return Wait.ACTION, None
    return WAITS[record.stage](record)


def _release(record: OfferRecord) -> tuple[Wait, datetime | None]:
    delayed_at = record.stage_since + record.policy.publication.delayed_after
    return Wait.RELEASE, delayed_at if record.method is CreationMethod.AWS else None


def _extension(record: OfferRecord) -> tuple[Wait, datetime]:
    closed_at = end_of_day(record.require_terms().availability_end) + record.policy.expiry_grace
    return Wait.EXTENSION, closed_at + record.policy.extend_expired_within


def _next_payment(record: OfferRecord) -> tuple[Wait, datetime] | None:
    """The payment that will be overdue next; for those that are overdue there is an attention."""
    coming = [each for each in record.expected_payments if each not in record.overdue]
    first = min(coming or record.expected_payments, key=lambda e: e.overdue_on, default=None)
    if first is None:
        return None
    return (Wait.PAYOUT if first.invoice_id else Wait.INVOICE), start_of_day(first.overdue_on)


def _given_up_at(record: OfferRecord) -> datetime | None:
    """When money is not followed any more because the agreement ended long ago."""
    ends_at = record.agreement.ends_at if record.agreement else None
    return ends_at + record.policy.payouts.follow_for if ends_at else None


def _close_of_replaced(record: OfferRecord) -> tuple[Wait, datetime]:
    policy = record.policy
    return Wait.CLOSE, record.stage_since + max(policy.rollback_within, policy.payouts.follow_for)


def _close_of_terminated(record: OfferRecord) -> tuple[Wait, datetime]:
    end = record.stage_since + record.policy.payouts.follow_for
    return Wait.CLOSE, min(end, _given_up_at(record) or end)


WAITS: dict[Stage, Callable[[OfferRecord], tuple[Wait, datetime | None]]] = {
    Stage.DRAFT: lambda _: (Wait.PREFLIGHT, None),
    Stage.SUBMITTED: lambda _: (Wait.SUBMISSION, None),
    Stage.GENERATING: _release,
    Stage.FAILED: lambda _: (Wait.ACTION, None),
    Stage.LIVE: lambda _: (Wait.BUYER_EMAIL, None),
    Stage.SHARED: lambda record: (Wait.ACCEPTANCE, record.expires_at),
    Stage.EXPIRED: _extension,
    Stage.CANCELLED: lambda record: (Wait.CLOSE, record.stage_since + record.policy.expiry_grace),
    Stage.ACCEPTED: lambda record: _next_payment(record) or (Wait.PAYOUT, _given_up_at(record)),
    Stage.DISBURSED: lambda record: (
        Wait.AGREEMENT_END,
        record.agreement.ends_at if record.agreement else None,
    ),
    Stage.REPLACED: lambda record: _next_payment(record) or _close_of_replaced(record),
    Stage.TERMINATED: lambda record: _next_payment(record) or _close_of_terminated(record),
}
