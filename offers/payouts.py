"""What an offer has been paid: per invoice, as the disbursement data tells it."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from offers.findings import illegal
from offers.money import Currency, Money


class PayoutRow(BaseModel):
    """One row of the disbursement data: an invoice line and one payout of it, or none yet.

    Gross, fee and disbursed are that payout's; undisbursed is the line's whole remainder and is
    repeated on each of its rows (AWS: collections and disbursements report).
    """

    model_config = ConfigDict(frozen=True)

    offer_id: str
    agreement_id: str
    invoice_id: str
    currency: Currency
    gross: Decimal
    listing_fee: Decimal
    """What AWS keeps; negative on a row that takes a payout back."""
    disbursed: Decimal
    undisbursed: Decimal
    disbursed_on: date | None = None
    bank_trace_id: str | None = None


class InvoicePayout(BaseModel):
    """What has been paid of one invoice."""

    model_config = ConfigDict(frozen=True)

    invoice_id: str
    gross: Money
    listing_fee: Money
    disbursed: Money
    undisbursed: Money
    disbursed_on: date | None = None
    """UTC day of the newest payout that moved money to us."""
    bank_trace_ids: tuple[str, ...] = ()


class Payout(BaseModel):
    """What has been paid of one offer."""

    model_config = ConfigDict(frozen=True)

    offer_id: str
    invoices: Annotated[tuple[InvoicePayout, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        if len({invoice.gross.currency for invoice in self.invoices}) > 1:
            raise illegal("invoices of one offer are in several currencies", "Report it to AWS")
        return self

    @property
    def gross(self) -> Money:
        """Invoiced so far, before AWS's fee."""
        return _sum(invoice.gross for invoice in self.invoices)

    @property
    def listing_fee(self) -> Money:
        """What AWS kept so far."""
        return _sum(invoice.listing_fee for invoice in self.invoices)

    @property
    def disbursed(self) -> Money:
        """Paid to our bank so far."""
        return _sum(invoice.disbursed for invoice in self.invoices)

    @property
    def undisbursed(self) -> Money:
        """Invoiced but not yet paid to our bank."""
        return _sum(invoice.undisbursed for invoice in self.invoices)

    @property
    def disbursed_on(self) -> date | None:
        """UTC day of the newest payout."""
        return max((i.disbursed_on for i in self.invoices if i.disbursed_on), default=None)

    def covers(self, price: Money) -> bool:
        """Whether the whole price has been invoiced and all of it has been paid out."""
        return (
            self.gross.currency == price.currency
            and self.gross >= price
            and self.disbursed.amount > 0
            and not self.undisbursed.amount
        )

    @property
    def mark(self) -> str:
        """A short text that differs whenever the amounts do, such as "97000.00/97000.00 USD".

        Paid of owed.  It is the search attribute by which the sweep sees what an offer knows.
        """
        owed = self.disbursed + self.undisbursed
        return f"{self.disbursed.amount}/{owed.amount} {owed.currency}"


def payout_of(rows: Iterable[PayoutRow]) -> Payout:
    """The rows of one offer in a disbursement report, newest last, summed up by invoice.

    Raises pydantic.ValidationError if they do not go together.
    """
    lines: dict[str, list[PayoutRow]] = {}
    for row in rows:
        lines.setdefault(row.invoice_id, []).append(row)
    first = next(iter(lines.values()))[0]
    return Payout(
        offer_id=first.offer_id, invoices=tuple(_invoice(lines[name]) for name in sorted(lines))
    )


def _invoice(rows: list[PayoutRow]) -> InvoicePayout:
    currency = rows[0].currency
    paying = [row for row in rows if row.disbursed > 0]
    return InvoicePayout(
        invoice_id=rows[0].invoice_id,
        gross=Money.nearest(sum((row.gross for row in rows), Decimal()), currency),
        listing_fee=Money.nearest(sum((row.listing_fee for row in rows), Decimal()), currency),
        disbursed=Money.nearest(sum((row.disbursed for row in rows), Decimal()), currency),
        undisbursed=Money.nearest(rows[-1].undisbursed, currency),
        disbursed_on=max((row.disbursed_on for row in paying if row.disbursed_on), default=None),
        bank_trace_ids=tuple(
            dict.fromkeys(row.bank_trace_id for row in paying if row.bank_trace_id)
        ),
    )


def _sum(amounts: Iterable[Money]) -> Money:
    first, *rest = amounts
    for amount in rest:
        first += amount
    return first
