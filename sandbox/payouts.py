"""Money: invoices, and AWS's payouts of them, as rows of the disbursement report.

Follows AWS's own query (collections and disbursements report).  Amounts on a row are that
payout's, `undisbursed` is the invoice line's remainder and stands on each of its rows; fees are
negative; what is taken back stands as a row with opposite signs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sandbox.offer_terms import schedule, term
from sandbox.world import Agreement, Disbursement, Invoice, Offer, PayoutHabit, World, new_id

MINOR_UNITS = {"JPY": Decimal(1)}
"""The smallest amount of a currency, where it is not a hundredth."""
DEFAULT_DUE_DAYS = 30
"""ASSUMED: AWS does not tell the seller what terms the buyer has with AWS."""

LISTING_FEES = ((Decimal(1_000_000), Decimal(3)), (Decimal(10_000_000), Decimal(2)))
"""Percent of the contract value below each limit (AWS: listing fees for private offers)."""
LOWEST_LISTING_FEE = Decimal("1.5")
"""From the last limit on, and for every renewal or upsell."""


def listing_fee_percentage(contract_value: Decimal, *, renewal: bool) -> Decimal:
    """What AWS keeps of a private offer."""
    for limit, percentage in LISTING_FEES:
        if contract_value < limit and not renewal:
            return percentage
    return LOWEST_LISTING_FEE


def plan(world: World, agreement: Agreement, offer: Offer) -> None:
    """Put on the agenda when an agreement is invoiced.  Called before it is in the world."""
    # ASSUMED: what AWS has rolled back is no earlier purchase.
    earlier = any(
        each.acceptor == agreement.acceptor and each.status != "ROLLED_BACK"
        for each in world.agreements.values()
    )
    percentage = listing_fee_percentage(
        agreement.value, renewal=earlier or offer.pre_existing_agreement is not None
    )
    instalments = [
        (datetime.combine(payment.on, time(0), UTC), payment.amount)
        for payment in schedule(agreement.terms)
    ] or [(agreement.accepted_at, agreement.value)]
    for on, amount in instalments:
        if amount > 0:
            line = _Line(world, agreement, offer, amount, percentage)
            world.at(max(on, agreement.accepted_at), line.invoice)


@dataclass
class _Line:
    """One line of one invoice, and its payouts."""

    world: World
    agreement: Agreement
    offer: Offer
    gross: Decimal
    percentage: Decimal
    rows: list[Disbursement] = field(default_factory=list)

    @property
    def fee(self) -> Decimal:
        return -(self.gross * self.percentage / 100).quantize(self.unit, ROUND_HALF_UP)

    @property
    def unit(self) -> Decimal:
        return MINOR_UNITS.get(self.agreement.currency, Decimal("0.01"))

    @property
    def net(self) -> Decimal:
        return self.gross + self.fee

    def invoice(self, now: datetime) -> None:
        """Invoice the line, unless the agreement ended before: then it is dropped."""
        if self.agreement.status == "REPLACED":
            self.world.withheld.setdefault(self.agreement.id, []).append(self.invoice)
        if self.agreement.status != "ACTIVE":
            return
        issued = Invoice(
            new_id("", 10).upper(), self.agreement.id, self.gross, self.agreement.currency, now
        )
        self.world.invoices.append(issued)
        net_terms = term(self.agreement.terms, "NetPaymentTerm")
        due = int(net_terms["PaymentDuePeriod"][1:-1]) if net_terms else DEFAULT_DUE_DAYS
        self._add(
            Disbursement(
                offer_id=self.offer.id,
                offer_name=self.offer.name or "",
                agreement_id=self.agreement.id,
                acceptor=self.agreement.acceptor,
                agreement_accepted_at=self.agreement.accepted_at,
                agreement_start=self.agreement.start,
                agreement_end=self.agreement.end,
                invoice_id=issued.id,
                invoice_date=issued.issued_at,
                payment_due=now + timedelta(days=due),
                currency=self.agreement.currency,
                gross=self.gross,
                listing_fee=self.fee,
                listing_fee_percentage=self.percentage,
                disbursed=Decimal(0),
                undisbursed=self.net,
                status="Not disbursed",
            )
        )
        habits = self.world.payout_habits
        habit = habits.get(self.agreement.acceptor, self.world.payout_habit)
        # AWS pays nothing out before it has collected.
        days = max(habit.collected_after_days, habit.disbursed_after_days)
        self._plan_payouts(now + timedelta(days=days), habit)

    def _plan_payouts(self, first: datetime, habit: PayoutHabit) -> None:
        amounts = [_split(each, habit.parts, self.unit) for each in (self.gross, self.fee)]
        parts = list(zip(*amounts, strict=True))
        for day, (gross, fee) in enumerate(parts):
            self.world.at(first + timedelta(days=day), self._payout(gross, fee))
        day_after = first + timedelta(days=len(parts))
        if habit.outcome == "failed":
            self.world.at(day_after, self._payout(-parts[-1][0], -parts[-1][1], failure=True))
            if habit.retried_after_days is not None:
                retry = day_after + timedelta(days=habit.retried_after_days)
                self.world.at(retry, self._payout(*parts[-1]))
        elif habit.outcome == "reversed":
            self.world.at(day_after, self._payout(-self.gross, -self.fee))

    def _payout(
        self, gross: Decimal, fee: Decimal, *, failure: bool = False
    ) -> Callable[[datetime], None]:
        def happen(now: datetime) -> None:
            paid = replace(
                self.rows[0],
                gross=gross,
                listing_fee=fee,
                disbursed=gross + fee,
                status="Failed" if failure else "",
                disbursed_at=now,
                bank_trace_id=None if failure else new_id("", 15).upper(),
            )
            if self.rows[0].disbursed_at is None:
                self.world.disbursements.remove(self.rows.pop())
            self._add(paid)
            self._restate()

        return happen

    def _add(self, row: Disbursement) -> None:
        self.rows.append(row)
        self.world.disbursements.append(row)

    def _restate(self) -> None:
        """What every row says of the whole line."""
        disbursed = sum((row.disbursed for row in self.rows), Decimal(0))
        undisbursed = self.net - disbursed
        if undisbursed == 0:
            status = "Disbursed"
        elif disbursed == 0:
            status = "Disbursement reversed"
        else:
            status = "Partially disbursed"
        for row in self.rows:
            row.undisbursed = undisbursed
            if row.status != "Failed":
                row.status = status


def _split(amount: Decimal, shares: list[Decimal], unit: Decimal) -> list[Decimal]:
    """Parts in whole units that add up to the amount."""
    parts = [(amount * share).quantize(unit, ROUND_HALF_UP) for share in shares[:-1]]
    return [*parts, amount - sum(parts, Decimal(0))]
