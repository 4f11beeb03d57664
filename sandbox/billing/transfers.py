"""Transfers to the seller's bank: paid, refused by the bank, repeated, taken back, held."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.billing.disbursement_report import restate
from sandbox.billing.ledger import AWS, BillingEvent, InvoiceLine, TransferShare, account_guid
from sandbox.billing.money import rounded
from sandbox.billing.payout_schedule import business_days_after, payday
from sandbox.world import World, new_id

A_DAY = timedelta(days=1)
ScheduledCall = Callable[[datetime], None]


def plan(world: World, line: InvoiceLine) -> None:
    """Put the payouts of a new line on the agenda."""
    habit, invoiced = line.habit, line.facts.invoice_date
    line.open_payouts = len(habit.parts)
    collected = invoiced + timedelta(days=habit.collected_after_days)
    # AWS pays nothing out before it has collected.
    first = max(collected, invoiced + timedelta(days=habit.disbursed_after_days))
    earliest = collected
    for number in range(line.open_payouts):
        if habit.payout_schedule is None:
            due = first + number * A_DAY
            world.at(due, _unless_held(world, lambda now: _pay(world, [line], now)))
        else:
            day = payday(earliest, habit.payout_schedule, habit.payout_day)
            due = business_days_after(day, habit.bank_days)
            earliest = due + A_DAY
            _await_payday(world, line, due)


def _await_payday(world: World, line: InvoiceLine, due: datetime) -> None:
    """What is due at the same instant goes in one transfer."""
    key = due, line.template.currency
    if key not in world.ledger.paydays:
        world.ledger.paydays[key] = []
        pay = _unless_held(world, lambda now: _pay(world, world.ledger.paydays.pop(key), now))
        world.at(due, pay)
    world.ledger.paydays[key].append(line)


def hold(world: World, until: datetime | None) -> None:
    """Pay nothing out until then; None: go on.  What fell due meanwhile is paid then."""
    world.payouts_held_until = until
    world.at(until or world.now(), lambda now: _resume(world, now))


def _unless_held(world: World, happen: ScheduledCall) -> ScheduledCall:
    def happen_or_wait(now: datetime) -> None:
        until = world.payouts_held_until
        if until is None or until <= now:
            happen(now)
        else:
            world.ledger.held.append(happen)
            world.at(until, lambda now: _resume(world, now))

    return happen_or_wait


def _resume(world: World, now: datetime) -> None:
    held, world.ledger.held = world.ledger.held, []
    for happen in held:
        _unless_held(world, happen)(now)


def collect(world: World, line: InvoiceLine, now: datetime) -> None:
    """The buyer pays what is left to pay: price and taxes, less what was given back."""
    events = [each for each in world.ledger.of_line(line) if each.action == "INVOICED"]
    for event in events:
        if event.transaction_type in ("SELLER_REV_SHARE", "SELLER_TAX_SHARE", "AWS_TAX_SHARE"):
            amount = _total(
                each
                for each in world.ledger.of_line(line)
                if each.transaction_type.startswith(event.transaction_type)
                and each.action in ("INVOICED", "FORGIVEN")
            )
            if amount > 0:
                # ASSUMED: positive, one event for each that was invoiced, none for the fee.
                ours = event.disbursement_amount is not None
                columns = {"action_date": now, "disbursement_amount": amount if ours else None}
                world.ledger.write(_following(event, now, "COLLECTED", amount, **columns))


def _pay(world: World, lines: list[InvoiceLine], now: datetime) -> None:
    """The next part of each line, in one transfer."""
    shares: list[TransferShare] = []
    paid: list[InvoiceLine] = []
    for line in lines:
        line.open_payouts -= 1
        own = _next_part(world, line)
        # ASSUMED: nothing is transferred where the seller would have to pay.
        if _total(own) > 0:
            shares += own
            paid.append(line)
        else:
            settle_later(world, line, world.ledger.outstanding(line))
    if shares:
        transfer = _transfer(world, shares + _settled(world, shares), now)
        for line in paid:
            if line.open_payouts == 0:
                _aftermath(world, line, transfer, now)


def _next_part(world: World, line: InvoiceLine) -> list[TransferShare]:
    """A share of what was invoiced, and all that has come since; at last whatever is left."""
    parts, currency = line.habit.parts, line.template.currency
    outstanding = world.ledger.outstanding(line)
    shares = []
    for event_id, owed in outstanding.items():
        event, amount = world.ledger.current(event_id), owed
        if event and event.is_charge and line.open_payouts:
            amount = rounded(event.amount * parts[-1 - line.open_payouts], currency)
        elif event and event.is_charge and event.transaction_type == "SELLER_REV_SHARE":
            amount += rounded(line.template.amount * line.habit.overpaid, currency)
        if amount:
            shares.append(TransferShare(line, event_id, amount))
    return shares


def settle_later(world: World, line: InvoiceLine, event_ids: Iterable[str]) -> None:
    """Leave what came after the last payout of a line to later payouts of any other."""
    if line.open_payouts == 0:
        world.ledger.unsettled.append((line, list(event_ids)))


def _settled(world: World, shares: list[TransferShare]) -> list[TransferShare]:
    """What a transfer settles besides, as far as something is left to transfer."""
    left = _total(shares)
    paying = {each.event_id for each in shares}
    settled: list[TransferShare] = []
    waiting: list[tuple[InvoiceLine, list[str]]] = []
    currency = shares[0].line.template.currency
    for line, event_ids in world.ledger.unsettled:
        owed = world.ledger.outstanding(line)
        group = [TransferShare(line, each, owed[each]) for each in event_ids if each not in paying]
        amount = _total(group)
        # Of an invoice that is not paid out there is nothing to claim back.
        if line.template.currency == currency and line.disbursed > 0 < left + amount:
            left += amount
            settled += [each for each in group if each.amount]
            paying.update(event_ids)
        else:
            waiting.append((line, event_ids))
    world.ledger.unsettled = waiting
    return settled


def _aftermath(world: World, line: InvoiceLine, transfer: str, now: datetime) -> None:
    """What comes of the last payout a day later."""
    if line.habit.outcome == "failed":
        world.at(now + A_DAY, lambda now: _fail(world, line, transfer, now))
    elif line.habit.outcome == "reversed":
        world.at(now + A_DAY, lambda now: _take_back(world, line, now))


def _fail(world: World, line: InvoiceLine, transfer: str, now: datetime) -> None:
    """The bank refuses a transfer; all that it paid is owed again."""
    shares = world.ledger.transfers.pop(transfer, None)
    if shares is None:
        return
    back = [replace(each, amount=-each.amount) for each in shares]
    _transfer(world, back, now, kind="DISBURSEMENT_FAILURE", failed=transfer)
    if line.habit.retried_after_days is not None:
        again = now + timedelta(days=line.habit.retried_after_days)
        world.at(again, _unless_held(world, lambda now: _retry(world, shares, now)))


def _retry(world: World, failed: list[TransferShare], now: datetime) -> None:
    """Pay what a refused transfer paid, as far as it is still owed."""
    shares = [replace(each, amount=_still_owed(world, each)) for each in failed]
    shares = [each for each in shares if each.amount]
    if _total(shares) > 0:
        _transfer(world, shares + _settled(world, shares), now)


def _still_owed(world: World, share: TransferShare) -> Decimal:
    owed = world.ledger.outstanding(share.line)[share.event_id]
    if share.amount > 0:
        return max(Decimal(0), min(share.amount, owed))
    return min(Decimal(0), max(share.amount, owed))


def _take_back(world: World, line: InvoiceLine, now: datetime) -> None:
    """AWS takes all that was paid for a line back from the seller's bank."""
    paid = [
        TransferShare(line, each.parent_billing_event_id or "", each.amount)
        for each in world.ledger.of_line(line)
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
    """Write a transfer and its rows; the id of the transfer."""
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
    world.ledger.write(transfer)
    if not failed:
        world.ledger.transfers[transfer.billing_event_id] = shares
    for each in shares:
        paid = _paid_event(world, each)
        world.ledger.write(
            _following(
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
        restate(world, line)
    return transfer.billing_event_id


def _paid_event(world: World, share: TransferShare) -> BillingEvent:
    """The event that is paid, or what it was before it was taken back."""
    versions = reversed(world.ledger.versions)
    return world.ledger.current(share.event_id) or next(
        each for each in versions if each.billing_event_id == share.event_id
    )


def _total(parts: Iterable[BillingEvent | TransferShare]) -> Decimal:
    return sum((each.amount for each in parts), Decimal(0))


def _following(
    event: BillingEvent, now: datetime, action: str, amount: Decimal, **columns: Any
) -> BillingEvent:
    """An event that follows from another one."""
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
