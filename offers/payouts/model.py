"""What has been paid of an offer, by invoice: the same for each source of payout data."""

import hashlib
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from offers.findings import Finding, illegal
from offers.model import FrozenModel
from offers.money import Money
from offers.terms.terms import Day


class PayoutState(StrEnum):
    """How far the money of an invoice has come (AWS: collections and disbursements)."""

    NOT_DISBURSED = "not disbursed"
    PARTIALLY = "partially disbursed"
    DISBURSED = "disbursed"
    """Paid in full, or more: what AWS takes away later is not paid again."""
    FAILED = "failed"
    """The bank refused the last payout."""
    REVERSED = "reversed"
    """All that was paid has been reversed."""


class Transfer(FrozenModel):
    """One movement of money between AWS and our bank for an invoice."""

    on: Day | None
    """UTC day."""
    amount: Money
    """Negative where money was reversed, or did not arrive."""
    bank_trace_id: str | None = None
    failed: bool = False
    """Whether the bank rejected the payout that this one reverses."""


class InvoicePayout(FrozenModel):
    """What has been invoiced to a buyer at once, and what has been paid of it.

    Amounts are before AWS's tax unless they say so; gross - refunded - listing fee + tax is what
    AWS owes: what it has disbursed and what it has not.
    """

    invoice_id: str
    agreement_id: str | None = None
    """Of several accounts that accepted one offer each has its own."""
    invoiced_on: Day | None = None
    due_on: Day | None = None
    """Until when the buyer is to pay AWS."""
    collected_on: Day | None = None
    """When AWS had all of the buyer's money; None: not yet, or the source does not tell."""
    estimated: bool = False
    """Whether gross, refund and fee are in part in proportion to what is paid: what is ours and
    what is paid is always exact."""
    gross: Money
    refunded: Money
    """Given back to the buyer, credits included."""
    listing_fee: Money
    """What AWS keeps, less what it gave back of it."""
    tax: Money
    """What AWS passes on or keeps as tax: positive is ours."""
    undisbursed: Money
    """What AWS still owes; negative if it has paid too much."""
    transfers: tuple[Transfer, ...] = ()
    """The oldest first."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.net != self.disbursed + self.undisbursed:
            raise illegal(
                f"invoice {self.invoice_id}: {self.net} is owed, but {self.disbursed} paid and"
                f" {self.undisbursed} not",
                "Report it to whom the data comes from",
            )
        return self

    @property
    def net(self) -> Money:
        """What of the invoice is ours."""
        return self.gross - self.refunded - self.listing_fee + self.tax

    @property
    def disbursed(self) -> Money:
        """What our bank has."""
        return _sum((t.amount for t in self.transfers), self.gross.currency)

    @property
    def state(self) -> PayoutState:
        """How far the money has come, by AWS's own rules.

        AWS: collections_and_disbursements_report, the flag of a buyer's invoice line.
        """
        if not self.transfers:
            return PayoutState.NOT_DISBURSED
        if not self.undisbursed.amount:
            return PayoutState.DISBURSED
        if self.transfers[-1].failed and self.undisbursed.amount > 0:
            return PayoutState.FAILED
        if not self.disbursed.amount:
            return PayoutState.REVERSED
        return PayoutState.DISBURSED if self.undisbursed.amount < 0 else PayoutState.PARTIALLY

    @property
    def is_settled(self) -> bool:
        """Whether no money is to come any more: it is here, or all was refunded before."""
        nothing_owed = not self.transfers and self.undisbursed.amount <= 0
        return nothing_owed or self.state is PayoutState.DISBURSED

    @property
    def standing_transfers(self) -> tuple[Transfer, ...]:
        """The payouts that were not reversed."""
        standing: list[Transfer] = []
        for transfer in self.transfers:
            if transfer.amount.amount > 0:
                standing.append(transfer)
                continue
            back = -transfer.amount.amount
            undone = next((t for t in reversed(standing) if t.amount.amount == back), None)
            while undone is None and standing and standing[-1].amount.amount <= back:
                back -= standing.pop().amount.amount
            if undone is not None:
                standing.remove(undone)
        return tuple(standing)

    @property
    def disbursed_on(self) -> date | None:
        """UTC day of the newest payout that was not reversed, or else of the last deduction."""
        return max((each.on for each in self._shown_transfers if each.on), default=None)

    @property
    def bank_trace_ids(self) -> tuple[str, ...]:
        """The trace ids of the payouts that were not reversed, as in the bank's statements.

        What a credit memo takes away is deducted from a payout of other invoices: it has its trace.
        """
        traces = (each.bank_trace_id for each in self._shown_transfers if each.bank_trace_id)
        return tuple(dict.fromkeys(traces))

    @property
    def _shown_transfers(self) -> tuple[Transfer, ...]:
        if any(each.amount.amount > 0 for each in self.transfers):
            return self.standing_transfers
        return self.transfers


def in_order(transfers: Iterable[Transfer]) -> tuple[Transfer, ...]:
    """Transfers as they must have come: on one day a payout that is made again follows its failure.

    What is reversed on a day was paid on an earlier one, if anything was.
    """
    ordered: list[Transfer] = []
    days: dict[date, list[Transfer]] = {}
    for transfer in transfers:
        days.setdefault(transfer.on or date.min, []).append(transfer)
    for day in sorted(days):
        stands = sum((each.amount.amount for each in ordered), Decimal())
        taken_back = [each for each in days[day] if each.amount.amount < 0]
        paid = [each for each in days[day] if each.amount.amount >= 0]
        for each in sorted(taken_back, key=lambda each: each.failed):
            if stands + each.amount.amount >= 0:
                ordered.append(each)
                stands += each.amount.amount
            else:
                paid.append(each)
        ordered += paid
    return tuple(ordered)


class Payout(FrozenModel):
    """What has been paid of one offer."""

    offer_id: str
    invoices: Annotated[tuple[InvoicePayout, ...], Field(min_length=1)]
    """The oldest first."""
    incomplete: bool = False
    """Whether some of the data that may be about this offer could not be read."""

    @model_validator(mode="after")
    def _sums_are_legal(self) -> Self:
        if len({invoice.gross.currency for invoice in self.invoices}) > 1:
            raise illegal("invoices of one offer are in several currencies", "Report it to AWS")
        _ = self.gross, self.net, self.disbursed  # raises if a sum is larger than any price
        return self

    @property
    def gross(self) -> Money:
        """Invoiced so far, before AWS's fee."""
        return self._sum(invoice.gross for invoice in self.invoices)

    @property
    def refunded(self) -> Money:
        """Given back to the buyer so far, credits included."""
        return self._sum(invoice.refunded for invoice in self.invoices)

    @property
    def listing_fee(self) -> Money:
        """What AWS keeps of what was invoiced so far."""
        return self._sum(invoice.listing_fee for invoice in self.invoices)

    @property
    def net(self) -> Money:
        """What of what was invoiced so far is ours."""
        return self._sum(invoice.net for invoice in self.invoices)

    @property
    def disbursed(self) -> Money:
        """Paid to our bank so far."""
        return self._sum(invoice.disbursed for invoice in self.invoices)

    @property
    def invoiced_on(self) -> date | None:
        """UTC day of the newest invoice."""
        return max((i.invoiced_on for i in self.invoices if i.invoiced_on), default=None)

    @property
    def due_on(self) -> date | None:
        """When the next invoice that has not been paid out is due (UTC)."""
        return min((i.due_on for i in self.invoices if i.due_on and not i.is_settled), default=None)

    @property
    def collected_on(self) -> date | None:
        """UTC day on which AWS last had money of the buyer's."""
        return max((i.collected_on for i in self.invoices if i.collected_on), default=None)

    @property
    def disbursed_on(self) -> date | None:
        """UTC day of the newest payout that was not reversed."""
        return max((i.disbursed_on for i in self.invoices if i.disbursed_on), default=None)

    @property
    def bank_trace_ids(self) -> tuple[str, ...]:
        """The trace ids of the payouts that were not reversed, as in the bank's statements."""
        return tuple(dict.fromkeys(t for each in self.invoices for t in each.bank_trace_ids))

    @property
    def state(self) -> PayoutState:
        """How far the money has come over all invoices: the one that most needs act."""
        states = {invoice.state for invoice in self.invoices if not invoice.is_settled}
        for worst in (PayoutState.FAILED, PayoutState.REVERSED):
            if worst in states:
                return worst
        if not states:
            paid = any(invoice.transfers for invoice in self.invoices)
            return PayoutState.DISBURSED if paid else PayoutState.NOT_DISBURSED
        some = any(invoice.disbursed.amount for invoice in self.invoices)
        return PayoutState.PARTIALLY if some else PayoutState.NOT_DISBURSED

    @property
    def is_settled(self) -> bool:
        """Whether of all that was invoiced no money is to come any more."""
        return all(invoice.is_settled for invoice in self.invoices)

    @property
    def is_reversed(self) -> bool:
        """Whether a payout failed, or was reversed, and has not been made again."""
        return self.state in (PayoutState.FAILED, PayoutState.REVERSED)

    def covers(self, price: Money) -> bool:
        """Whether the whole price has been invoiced and all of it has been paid out.

        Of several accounts that accepted the offer each pays the price.
        """
        invoiced: dict[str | None, Money] = {}
        for each in self.invoices:
            before = invoiced.get(each.agreement_id, Money.of(0, each.gross.currency))
            invoiced[each.agreement_id] = before + each.gross
        return (
            self.gross.currency == price.currency
            and all(gross >= price for gross in invoiced.values())
            and self.is_settled
            and self.disbursed.amount > 0
        )

    def shows_less_than(self, before: "Payout") -> bool:
        """Whether it lacks an invoice or a transfer that was known before.

        Data can be incomplete for a day; a reversal is a transfer of its own.
        """
        mine = {each.invoice_id: each for each in self.invoices}
        return any(
            each.invoice_id not in mine
            or len(mine[each.invoice_id].transfers) < len(each.transfers)
            for each in before.invoices
        )

    def with_older(self, before: "Payout", since: date | None) -> "Payout":
        """The same with what was known of invoices from before the day that the data begins on.

        The data has all of such an invoice, or nothing any more.  None: it has everything.
        """
        if before.gross.currency != self.gross.currency:
            return self
        shown = {each.invoice_id for each in self.invoices}
        older = [each for each in before.invoices_before(since) if each.invoice_id not in shown]
        return self.model_copy(update={"invoices": (*older, *self.invoices)}) if older else self

    def invoices_before(self, since: date | None) -> tuple[InvoicePayout, ...]:
        """Those from before a day (UTC); None: of no day."""
        return tuple(i for i in self.invoices if since and i.invoiced_on and i.invoiced_on < since)

    @property
    def fingerprint(self) -> str:
        """A short text that differs whenever the data does, such as "97000.00/97000.00 USD 1a2b3c".

        Paid of owed.  By it a reading sees what an offer knows.
        """
        text = self.model_dump_json(exclude={"incomplete"})
        said = hashlib.sha256(text.encode()).hexdigest()[:6]
        return f"{self.disbursed.amount}/{self.net.amount} {self.net.currency} {said}"

    def _sum(self, amounts: Iterable[Money]) -> Money:
        return _sum(amounts, self.invoices[0].gross.currency)


class DataFindings:
    """What is wrong with payout data; of a broken file, which has a mistake in each line, some."""

    LIMIT = 20

    def __init__(self) -> None:
        self._some: list[Finding] = []
        self._left_out = 0

    def add(self, finding: Finding) -> None:
        """One more."""
        if len(self._some) < self.LIMIT:
            self._some.append(finding)
        else:
            self._left_out += 1

    @property
    def limited(self) -> tuple[Finding, ...]:
        """The first of them, and how many there are besides."""
        if not self._left_out:
            return tuple(self._some)
        more = self._some[-1].model_copy(
            update={"problem": f"and {self._left_out} more", "seen": None}
        )
        return (*self._some, more)


class PayoutReport(FrozenModel, extra="forbid"):
    """That the payout data shows something new of an offer, which then reads it itself."""

    read_at: AwareDatetime | None = None
    """When the data was read that shows it (UTC, real time); None: some minutes ago."""
    invoice_id: str | None = Field(default=None, max_length=100)
    """The invoice that it is about; None: any."""


class PayoutReading(FrozenModel):
    """What one reading of a source of payout data gave."""

    payouts: dict[str, Payout] = Field(default_factory=dict)
    """By offer id."""
    findings: tuple[Finding, ...] = ()
    """What of the data could not be read or does not add up; the rest counts."""
    incomplete: frozenset[str] = frozenset()
    """The offers that what could not be read may have been about: that one of them is paid in full
    is not to be believed."""

    @cached_property
    def complete_payouts(self) -> dict[str, Payout]:
        """By offer id, what may be passed on."""
        return {
            offer_id: payout.model_copy(update={"incomplete": offer_id in self.incomplete})
            for offer_id, payout in self.payouts.items()
            if not (offer_id in self.incomplete and payout.is_settled)
        }


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    return sum(amounts, start=Money.of(0, currency))
