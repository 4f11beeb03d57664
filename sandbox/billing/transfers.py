"""Transfers to the seller's bank: paid, rejected by the bank, repeated or reversed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sandbox.billing.disbursement_report import update_report
from sandbox.billing.ledger import AWS, BillingEvent, InvoiceLine, TransferShare, account_guid
from sandbox.billing.money import PayoutSettings, round_amount
from sandbox.random_ids import new_id
from sandbox.world import World

ONE_DAY = timedelta(days=1)
SATURDAY = 5


def schedule_payouts(world: World, line: InvoiceLine) -> None:
    settings, invoiced = line.settings, line.report_row.invoice_date
    line.remaining_payouts = len(settings.parts)
    collected = invoiced + timedelta(days=settings.collected_after_days)
    # AWS makes no payout before the collection.
    first = max(collected, invoiced + timedelta(days=settings.disbursed_after_days))
    earliest = collected
    for number in range(line.remaining_payouts):
        if settings.payout_schedule is None:
            due = first + number * ONE_DAY
            world.schedule(due, lambda now: _pay(world, [line], now))
        else:
            day = _next_payout_date(earliest, settings)
            due = _add_bank_days(day, settings.bank_days)
            earliest = due + ONE_DAY
            _add_to_payday(world, line, due)


def _next_payout_date(earliest: datetime, settings: PayoutSettings) -> datetime:
    """The first payout date at or after `earliest`, at 00:00 UTC (ASSUMED)."""
    midnight = datetime.combine(earliest.date(), time(0), UTC)
    if midnight < earliest:
        midnight += ONE_DAY
    while settings.payout_schedule == "monthly" and midnight.day != settings.payout_day:
        midnight += ONE_DAY
    return midnight


def _add_bank_days(instant: datetime, days: int) -> datetime:
    while days > 0:
        instant += ONE_DAY
        days -= instant.weekday() < SATURDAY
    return instant


def _add_to_payday(world: World, line: InvoiceLine, due: datetime) -> None:
    """Payouts due at the same instant are one transfer."""
    key, scheduled = (due, line.template.currency), world.money.ledger.scheduled_payouts
    if key not in scheduled:
        scheduled[key] = []
        world.schedule(due, lambda now: _pay(world, scheduled.pop(key), now))
    scheduled[key].append(line)


def collect(world: World, line: InvoiceLine, now: datetime) -> None:
    """The buyer pays price and taxes, less what was refunded, credited or forgiven."""
    events = [each for each in world.money.ledger.events_of_line(line) if each.action == "INVOICED"]
    for event in events:
        if event.transaction_type in ("SELLER_REV_SHARE", "SELLER_TAX_SHARE", "AWS_TAX_SHARE"):
            amount = _total(
                each
                for each in world.money.ledger.events_of_line(line)
                if each.transaction_type.startswith(event.transaction_type)
                and each.action in ("INVOICED", "FORGIVEN")
            )
            if amount > 0:
                # ASSUMED: positive, one event per invoiced event, none for the fee.
                for_seller = event.disbursement_amount is not None
                disbursed = amount if for_seller else None
                columns = {"action_date": now, "disbursement_amount": disbursed}
                world.money.ledger.write(
                    _follow_up_event(event, now, "COLLECTED", amount, **columns)
                )


def _pay(world: World, lines: list[InvoiceLine], now: datetime) -> None:
    """The next part of each line, in one transfer."""
    shares: list[TransferShare] = []
    paid: list[InvoiceLine] = []
    for line in lines:
        line.remaining_payouts -= 1
        own = _next_part(world, line)
        # ASSUMED: there is no transfer if the amount for the seller is negative.
        if _total(own) > 0:
            shares += own
            paid.append(line)
        else:
            settle_later(world, line, world.money.ledger.outstanding(line))
    if shares:
        transfer = _transfer(world, shares + _settlements(world, shares), now)
        for line in paid:
            if line.remaining_payouts == 0:
                _schedule_outcome(world, line, transfer, now)


def _next_part(world: World, line: InvoiceLine) -> list[TransferShare]:
    """A share of the invoice and all later events; the last part is all that is still owed."""
    parts, currency = line.settings.parts, line.template.currency
    outstanding = world.money.ledger.outstanding(line)
    shares = []
    for event_id, owed in outstanding.items():
        event, amount = world.money.ledger.current(event_id), owed
        if event and event.is_charge and line.remaining_payouts:
            amount = round_amount(event.amount * parts[-1 - line.remaining_payouts], currency)
        elif event and event.is_charge and event.transaction_type == "SELLER_REV_SHARE":
            amount += round_amount(line.template.amount * line.settings.overpaid, currency)
        if amount:
            shares.append(TransferShare(line, event_id, amount))
    return shares


def settle_later(world: World, line: InvoiceLine, event_ids: Iterable[str]) -> None:
    """Leave events after the last payout of a line to later payouts of other lines."""
    if line.remaining_payouts == 0:
        world.money.ledger.unsettled_events.append((line, list(event_ids)))


def _settlements(world: World, shares: list[TransferShare]) -> list[TransferShare]:
    """Unsettled events of other lines that a transfer can settle with its amount still above 0."""
    remaining = _total(shares)
    paying = {each.event_id for each in shares}
    settled: list[TransferShare] = []
    waiting: list[tuple[InvoiceLine, list[str]]] = []
    currency = shares[0].line.template.currency
    for line, event_ids in world.money.ledger.unsettled_events:
        owed = world.money.ledger.outstanding(line)
        group = [TransferShare(line, each, owed[each]) for each in event_ids if each not in paying]
        amount = _total(group)
        # AWS claims nothing back for an invoice without a payout.
        if line.template.currency == currency and line.disbursed > 0 < remaining + amount:
            remaining += amount
            settled += [each for each in group if each.amount]
            paying.update(event_ids)
        else:
            waiting.append((line, event_ids))
    world.money.ledger.unsettled_events = waiting
    return settled


def _schedule_outcome(world: World, line: InvoiceLine, transfer: str, now: datetime) -> None:
    """Schedule the rejection or reversal of the last payout, one day later."""
    if line.settings.outcome == "failed":
        world.schedule(now + ONE_DAY, lambda now: _fail_transfer(world, line, transfer, now))
    elif line.settings.outcome == "reversed":
        world.schedule(now + ONE_DAY, lambda now: _reverse_payout(world, line, now))


def _fail_transfer(world: World, line: InvoiceLine, transfer: str, now: datetime) -> None:
    """The bank rejects a transfer; AWS owes its shares again."""
    shares = world.money.ledger.transfer_shares.pop(transfer, None)
    if shares is None:
        return
    back = [replace(each, amount=-each.amount) for each in shares]
    _transfer(world, back, now, kind="DISBURSEMENT_FAILURE", failed=transfer)
    if line.settings.retried_after_days is not None:
        second_attempt = now + timedelta(days=line.settings.retried_after_days)
        world.schedule(second_attempt, lambda now: _retry_transfer(world, shares, now))


def _retry_transfer(world: World, failed: list[TransferShare], now: datetime) -> None:
    """Pay the shares of a rejected transfer that are still owed."""
    shares = [replace(each, amount=_still_owed(world, each)) for each in failed]
    shares = [each for each in shares if each.amount]
    if _total(shares) > 0:
        _transfer(world, shares + _settlements(world, shares), now)


def _still_owed(world: World, share: TransferShare) -> Decimal:
    owed = world.money.ledger.outstanding(share.line)[share.event_id]
    if share.amount > 0:
        return max(Decimal(0), min(share.amount, owed))
    return min(Decimal(0), max(share.amount, owed))


def _reverse_payout(world: World, line: InvoiceLine, now: datetime) -> None:
    """AWS reverses all payouts of a line."""
    paid = [
        TransferShare(line, each.parent_billing_event_id or "", each.amount)
        for each in world.money.ledger.events_of_line(line)
        if each.action == "DISBURSED"
    ]
    _transfer(world, paid, now)


def _transfer(
    world: World,
    shares: list[TransferShare],
    now: datetime,
    *,
    kind: str = "DISBURSEMENT",
    failed: str | None = None,
) -> str:
    """Write a transfer and its DISBURSED rows; the id of the transfer."""
    amount = _total(shares)
    of = shares[0].line.template
    transfer = BillingEvent(
        billing_event_id=new_id("", 40),
        parent_billing_event_id=failed,
        valid_from=now,
        update_date=now,
        action="DISBURSED",
        transaction_type=kind,
        amount=amount,
        currency=of.currency,
        invoice_date=now,
        bank_trace_id=None if failed else new_id("", 15).upper(),
        broker_id=of.broker_id,
        from_account_id=account_guid(AWS),
        to_account_id=of.recipient_account_id,
        disbursement_amount=amount,
        disbursement_currency=of.currency,
        disbursement_reference_number=new_id("", 12).upper(),
        recipient_account_id=of.recipient_account_id,
    )
    world.money.ledger.write(transfer)
    if not failed:
        world.money.ledger.transfer_shares[transfer.billing_event_id] = shares
    for each in shares:
        paid = _paid_event(world, each)
        world.money.ledger.write(
            _follow_up_event(
                paid,
                now,
                "DISBURSED",
                -each.amount,
                disbursement_billing_event_id=transfer.billing_event_id,
                disbursement_amount=-each.amount,
                disbursement_currency=paid.currency,
            )
        )
    for line in {each.line.id: each.line for each in shares}.values():
        update_report(world, line)
    return transfer.billing_event_id


def _paid_event(world: World, share: TransferShare) -> BillingEvent:
    """The event that a share pays; its last version if it was deleted."""
    versions = reversed(world.money.ledger.versions)
    return world.money.ledger.current(share.event_id) or next(
        each for each in versions if each.billing_event_id == share.event_id
    )


def _total(parts: Iterable[BillingEvent | TransferShare]) -> Decimal:
    return sum((each.amount for each in parts), Decimal(0))


def _follow_up_event(
    event: BillingEvent, now: datetime, action: str, amount: Decimal, **columns: Any
) -> BillingEvent:
    """A new event whose parent is another one."""
    return replace(
        event,
        billing_event_id=new_id("", 40),
        parent_billing_event_id=event.billing_event_id,
        valid_from=now,
        update_date=now,
        delete_date=None,
        action=action,
        amount=amount,
        balance_impacting=False,
        payment_due_date=None,
        **columns,
    )
