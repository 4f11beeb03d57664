"""Invoices of an agreement; each invoice schedules its collection, payouts and refunds."""

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.billing import refunds, transfers
from sandbox.billing.disbursement_report import update_report
from sandbox.billing.ledger import AWS, BillingEvent, InvoiceLine, account_guid
from sandbox.billing.money import Disbursement, Invoice, PayoutSettings, round_amount
from sandbox.marketplace.offer_terms import find_term, installments
from sandbox.random_ids import new_id
from sandbox.world import World

DEFAULT_DUE_DAYS = 30
"""ASSUMED: the seller does not know the buyer's payment terms with AWS."""

LISTING_FEES = ((Decimal(1_000_000), Decimal(3)), (Decimal(10_000_000), Decimal(2)))
"""Fee in percent for a contract value below each limit (AWS: listing fees for private offers)."""
LOWEST_LISTING_FEE = Decimal("1.5")
"""In percent, from the last limit on, and for every renewal or upsell."""


def listing_fee_percentage(contract_value: Decimal, *, renewal: bool) -> Decimal:
    """AWS's listing fee for a private offer, in percent."""
    for limit, percentage in LISTING_FEES:
        if contract_value < limit and not renewal:
            return percentage
    return LOWEST_LISTING_FEE


def schedule_invoices(world: World, agreement: Agreement, offer: Offer) -> None:
    """Schedule the invoices of an agreement, before it is added to the world."""
    # ASSUMED: an agreement that was rolled back is not an earlier purchase.
    earlier_purchase = any(
        each.acceptor == agreement.acceptor and each.status != "ROLLED_BACK"
        for each in world.aws.agreements.values()
    )
    percentage = listing_fee_percentage(
        agreement.value, renewal=earlier_purchase or offer.pre_existing_agreement is not None
    )
    charges = [
        (datetime.combine(each.charge_date, time(0), UTC), each.amount)
        for each in installments(agreement.terms)
    ] or [(agreement.accepted_at, agreement.value)]
    for on, amount in charges:
        if amount > 0:
            scheduled = _ScheduledInvoice(world, agreement, offer, amount, percentage)
            world.schedule(max(on, agreement.accepted_at), scheduled.issue)


@dataclass
class _ScheduledInvoice:
    world: World
    agreement: Agreement
    offer: Offer
    gross: Decimal
    percentage: Decimal

    def issue(self, now: datetime) -> None:
        """Issue the invoice, unless the agreement has ended."""
        world, agreement = self.world, self.agreement
        if agreement.status == "REPLACED":
            world.money.withheld_invoices.setdefault(agreement.id, []).append(self.issue)
        if agreement.status != "ACTIVE":
            return
        invoice = Invoice(new_id("", 10).upper(), agreement.id, self.gross, agreement.currency, now)
        world.money.invoices.append(invoice)
        settings = world.money.payout_settings_by_account.get(
            agreement.acceptor, world.money.payout_settings
        )
        line = InvoiceLine(
            self._event_template(invoice), self._report_row(invoice, settings), settings
        )
        line.report_row.transaction_reference_id = line.template.transaction_reference_id
        world.money.ledger.lines[line.id] = line
        _write_charges(world, line)
        update_report(world, line)
        if not settings.never_collected:
            collected = now + timedelta(days=settings.collected_after_days)
            world.schedule(collected, lambda now: transfers.collect(world, line, now))
            transfers.schedule_payouts(world, line)
        refunds.schedule_refunds(world, line)

    def _report_row(self, invoice: Invoice, settings: PayoutSettings) -> Disbursement:
        net_terms = find_term(self.agreement.terms, "NetPaymentTerm")
        due = int(net_terms["PaymentDuePeriod"][1:-1]) if net_terms else DEFAULT_DUE_DAYS
        rate = settings.listing_fee_percentage
        return Disbursement(
            offer_id=self.offer.id,
            offer_name=self.offer.name or "",
            agreement_id=self.agreement.id,
            acceptor=self.agreement.acceptor,
            agreement_accepted_at=self.agreement.accepted_at,
            agreement_start=self.agreement.start,
            agreement_end=self.agreement.end,
            invoice_id=invoice.id,
            invoice_date=invoice.issued_at,
            payment_due=invoice.issued_at + timedelta(days=due),
            currency=invoice.currency,
            gross=self.gross,
            listing_fee=Decimal(0),
            listing_fee_percentage=self.percentage if rate is None else rate,
            disbursed=Decimal(0),
            undisbursed=Decimal(0),
            status="Not disbursed",
        )

    def _event_template(self, invoice: Invoice) -> BillingEvent:
        line_item = str(uuid.uuid4())
        buyer, seller = (
            account_guid(self.agreement.acceptor),
            account_guid(self.world.aws.seller_account),
        )
        reference = str(uuid.uuid4())
        return BillingEvent(
            billing_event_id="",
            valid_from=invoice.issued_at,
            update_date=invoice.issued_at,
            action="INVOICED",
            transaction_type="SELLER_REV_SHARE",
            amount=self.gross,
            currency=invoice.currency,
            invoice_date=invoice.issued_at,
            transaction_reference_id=reference,
            # ASSUMED: by currency; AWS decides by the locations of buyer and seller.
            broker_id="AWS_EUROPE" if invoice.currency == "EUR" else "AWS_INC",
            product_id=self.agreement.product_id,
            from_account_id=buyer,
            to_account_id=seller,
            end_user_account_id=buyer,
            agreement_id=self.agreement.id,
            invoice_id=invoice.id,
            buyer_transaction_reference_id=reference,
            buyer_invoice_id=invoice.id,
            invoice_variant="PURCHASE",
            offer_id=self.offer.id,
            buyer_invoice_date=invoice.issued_at,
            line_item_id=line_item,
            buyer_line_item_id=line_item,
            charge_variant="PURCHASE",
            charge_side="SELLING",
            recipient_account_id=seller,
        )


def _write_charges(world: World, line: InvoiceLine) -> None:
    """Write the events of an invoice: the price, AWS's fee, and the taxes."""
    gross, settings, currency = line.template.amount, line.settings, line.template.currency
    template = replace(line.template, payment_due_date=line.report_row.payment_due)

    def invoiced(kind: str, amount: Decimal, **columns: Any) -> None:
        if amount:
            for_seller = kind != "AWS_TAX_SHARE"
            world.money.ledger.write(
                replace(
                    template,
                    billing_event_id=new_id("", 40),
                    transaction_type=kind,
                    amount=amount,
                    balance_impacting=for_seller,
                    disbursement_amount=amount if for_seller else None,
                    disbursement_currency=currency if for_seller else None,
                    **columns,
                )
            )

    def share(percentage: Decimal) -> Decimal:
        return round_amount(gross * percentage / 100, currency)

    invoiced("SELLER_REV_SHARE", gross)
    invoiced(
        "AWS_REV_SHARE", -share(line.report_row.listing_fee_percentage), **_fee_columns(template)
    )
    invoiced("SELLER_TAX_SHARE", share(settings.seller_tax_percentage))
    invoiced("AWS_TAX_SHARE", share(settings.aws_tax_percentage), to_account_id=account_guid(AWS))


def _fee_columns(template: BillingEvent) -> dict[str, str]:
    """The seller buys the listing from AWS; from AWS_EUROPE on a separate invoice."""
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
