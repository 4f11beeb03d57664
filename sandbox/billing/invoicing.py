"""What becomes of an agreement's money: it is invoiced, collected and paid out, by AWS's habit."""

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sandbox.billing import refunds, transfers
from sandbox.billing.disbursement_report import restate
from sandbox.billing.ledger import AWS, BillingEvent, InvoiceLine, account_guid
from sandbox.billing.money import Disbursement, Invoice, PayoutSettings, rounded
from sandbox.marketplace.offer_terms import schedule, term
from sandbox.world import Agreement, Offer, World, new_id

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
            instalment = _Instalment(world, agreement, offer, amount, percentage)
            world.at(max(on, agreement.accepted_at), instalment.invoice)


@dataclass
class _Instalment:
    """What is going to be one line of one invoice."""

    world: World
    agreement: Agreement
    offer: Offer
    gross: Decimal
    percentage: Decimal

    def invoice(self, now: datetime) -> None:
        """Invoice it, unless the agreement ended before: then it is dropped."""
        world, agreement = self.world, self.agreement
        if agreement.status == "REPLACED":
            world.withheld.setdefault(agreement.id, []).append(self.invoice)
        if agreement.status != "ACTIVE":
            return
        issued = Invoice(new_id("", 10).upper(), agreement.id, self.gross, agreement.currency, now)
        world.invoices.append(issued)
        habit = world.payout_habits.get(agreement.acceptor, world.payout_habit)
        line = InvoiceLine(self._template(issued), self._facts(issued, habit), habit)
        line.facts.transaction_reference_id = line.template.transaction_reference_id
        world.ledger.lines[line.id] = line
        _charge(world, line)
        restate(world, line)
        if not habit.never_collected:
            collected = now + timedelta(days=habit.collected_after_days)
            world.at(collected, lambda now: transfers.collect(world, line, now))
            transfers.plan(world, line)
        refunds.plan(world, line)

    def _facts(self, issued: Invoice, habit: PayoutSettings) -> Disbursement:
        net_terms = term(self.agreement.terms, "NetPaymentTerm")
        due = int(net_terms["PaymentDuePeriod"][1:-1]) if net_terms else DEFAULT_DUE_DAYS
        rate = habit.listing_fee_percentage
        return Disbursement(
            offer_id=self.offer.id,
            offer_name=self.offer.name or "",
            agreement_id=self.agreement.id,
            acceptor=self.agreement.acceptor,
            agreement_accepted_at=self.agreement.accepted_at,
            agreement_start=self.agreement.start,
            agreement_end=self.agreement.end,
            invoice_id=issued.id,
            invoice_date=issued.issued_at,
            payment_due=issued.issued_at + timedelta(days=due),
            currency=issued.currency,
            gross=self.gross,
            listing_fee=Decimal(0),
            listing_fee_percentage=self.percentage if rate is None else rate,
            disbursed=Decimal(0),
            undisbursed=Decimal(0),
            status="Not disbursed",
        )

    def _template(self, issued: Invoice) -> BillingEvent:
        line_item = str(uuid.uuid4())
        buyer, seller = (
            account_guid(self.agreement.acceptor),
            account_guid(self.world.seller_account),
        )
        reference = str(uuid.uuid4())
        return BillingEvent(
            billing_event_id="",
            valid_from=issued.issued_at,
            update_date=issued.issued_at,
            action="INVOICED",
            transaction_type="SELLER_REV_SHARE",
            amount=self.gross,
            currency=issued.currency,
            invoice_date=issued.issued_at,
            transaction_reference_id=reference,
            # ASSUMED: by currency; in truth by where the buyer and the seller are.
            broker_id="AWS_EUROPE" if issued.currency == "EUR" else "AWS_INC",
            product_id=self.agreement.product_id,
            from_account_id=buyer,
            to_account_id=seller,
            end_user_account_id=buyer,
            agreement_id=self.agreement.id,
            invoice_id=issued.id,
            buyer_transaction_reference_id=reference,
            buyer_invoice_id=issued.id,
            invoice_variant="PURCHASE",
            offer_id=self.offer.id,
            buyer_invoice_date=issued.issued_at,
            line_item_id=line_item,
            buyer_line_item_id=line_item,
            charge_variant="PURCHASE",
            charge_side="SELLING",
            recipient_account_id=seller,
        )


def _charge(world: World, line: InvoiceLine) -> None:
    """The events of an invoice: the price, AWS's fee, and the taxes on it."""
    gross, habit, currency = line.template.amount, line.habit, line.template.currency
    template = replace(line.template, payment_due_date=line.facts.payment_due)

    def invoiced(kind: str, amount: Decimal, **columns: Any) -> None:
        if amount:
            ours = kind != "AWS_TAX_SHARE"
            world.ledger.write(
                replace(
                    template,
                    billing_event_id=new_id("", 40),
                    transaction_type=kind,
                    amount=amount,
                    balance_impacting=ours,
                    disbursement_amount=amount if ours else None,
                    disbursement_currency=currency if ours else None,
                    **columns,
                )
            )

    def share(percentage: Decimal) -> Decimal:
        return rounded(gross * percentage / 100, currency)

    invoiced("SELLER_REV_SHARE", gross)
    invoiced("AWS_REV_SHARE", -share(line.facts.listing_fee_percentage), **_fee_columns(template))
    invoiced("SELLER_TAX_SHARE", share(habit.seller_tax_percentage))
    invoiced("AWS_TAX_SHARE", share(habit.aws_tax_percentage), to_account_id=account_guid(AWS))


def _fee_columns(template: BillingEvent) -> dict[str, str]:
    """The seller buys the listing of AWS; in Europe by an invoice of its own."""
    columns = {
        "from_account_id": template.to_account_id or "",
        "to_account_id": account_guid(AWS),
        "charge_variant": "LISTING_FEE",
        "charge_side": "BUYING",
        "line_item_id": str(uuid.uuid4()),
    }
    if template.broker_id == "AWS_EUROPE":
        columns |= {
            "invoice_id": new_id("", 10).upper(),
            "invoice_variant": "LISTING_FEE",
            "transaction_reference_id": str(uuid.uuid4()),
        }
    return columns
