"""The table of billing events: each in its newest version, by offer, or refused with its column."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from activities.aws.billing_ledger import AGREEMENTS, BILLING, COLUMNS, BillingLedger, InvalidLine
from offers.payouts.aws_ledger import BankTransfer, BillingEvent


@pytest.fixture
def ledger() -> Iterator[BillingLedger]:
    with BillingLedger() as table:
        yield table


def row(**changes: str) -> dict[str, str]:
    known = {
        "billing_event_id": "e1",
        "update_date": "2026-04-02T00:00:00Z",
        "transaction_type": "SELLER_REV_SHARE",
        "action": "INVOICED",
        "amount": "1000.00",
        "currency": "USD",
        "offer_id": "offer-1",
        "agreement_id": "agmt-1",
    }
    return dict.fromkeys(COLUMNS[BILLING], "") | known | changes


def events(ledger: BillingLedger, *offers: str) -> dict[str, list[BillingEvent]]:
    return dict(ledger.by_offer(offers or None))


def test_each_column_is_read(ledger: BillingLedger) -> None:
    ledger.take(
        BILLING,
        row(
            action="DISBURSED",
            balance_impacting="1",
            buyer_invoice_id="INV-1",
            invoice_id="INV-2",
            invoice_date="2026-04-01T00:00:00Z",
            payment_due_date="2026-05-01",
            action_date="2026-05-08T12:00:00Z",
            disbursement_billing_event_id="t1",
        ),
    )
    assert events(ledger) == {
        "offer-1": [
            BillingEvent(
                action="DISBURSED",
                transaction_type="SELLER_REV_SHARE",
                amount=Decimal("1000.00"),
                currency="USD",
                invoice_id="INV-1",
                agreement_id="agmt-1",
                invoiced_on=date(2026, 4, 1),
                due_on=date(2026, 5, 1),
                acted_on=date(2026, 5, 8),
                transfer_id="t1",
                changes_balance=True,
            )
        ]
    }


def test_what_is_blank_is_not_known(ledger: BillingLedger) -> None:
    ledger.take(BILLING, row(invoice_id="INV-2", currency="", action=""))
    (event,) = events(ledger)["offer-1"]
    assert (event.invoiced_on, event.due_on, event.acted_on, event.transfer_id) == (
        None,
        None,
        None,
        "",
    )
    assert event.invoice_id == "INV-2", "without the buyer's invoice it is the event's own"


@pytest.mark.parametrize(
    ("written", "changes_balance"),
    [("1", True), (" True ", True), ("", False), ("0", False), (" FALSE", False)],
)
def test_flag_of_the_balance(ledger: BillingLedger, written: str, changes_balance: bool) -> None:
    ledger.take(BILLING, row(balance_impacting=written))
    assert [e.changes_balance for e in events(ledger)["offer-1"]] == [changes_balance]


@pytest.mark.parametrize("order", [1, -1])
def test_newest_version_counts(ledger: BillingLedger, order: int) -> None:
    versions = [row(), row(update_date="2026-04-02T00:00:01Z", amount="5", transaction_type="NEW")]
    for each in versions[::order]:
        ledger.take(BILLING, each)
    (event,) = events(ledger)["offer-1"]
    assert (event.amount, event.transaction_type) == (Decimal(5), "NEW")
    # Of two versions of one instant the last that is delivered counts.
    ledger.take(BILLING, row(update_date="2026-04-02T00:00:01+00:00", amount="7"))
    assert [each.amount for each in events(ledger)["offer-1"]] == [7]


def test_deleted_event_is_gone(ledger: BillingLedger) -> None:
    ledger.take(BILLING, row())
    ledger.take(BILLING, row(update_date="2026-04-03", delete_date="2026-04-03"))
    ledger.take(
        BILLING, row(billing_event_id="t1", transaction_type="DISBURSEMENT", delete_date="x")
    )
    assert events(ledger) == {}
    assert ledger.transfers() == {}


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("billing_event_id", "", "it is blank"),
        ("transaction_type", "", "it is blank"),
        ("update_date", "", "it is no possible instant"),
        ("update_date", "yesterday", "it is no possible instant"),
        ("update_date", "9999-12-31T00:00:00Z", "it is no possible instant"),
        ("amount", "", "it is not an amount"),
        ("amount", "much", "it is not an amount"),
        ("amount", "NaN", "it is no amount"),
        ("amount", "-Infinity", "it is no amount"),
        ("amount", "1e15", "it is no amount"),
        ("amount", "-1000000000000000", "it is no amount"),
        ("invoice_date", "04/01/2026", "it is no possible date"),
        ("payment_due_date", "2026-02-30", "it is no possible date"),
        ("action_date", "9999-12-31", "it is no possible date"),
    ],
)
def test_line_that_cannot_be_read_names_its_column(
    ledger: BillingLedger, column: str, value: str, why: str
) -> None:
    with pytest.raises(InvalidLine, match=why) as refused:
        ledger.take(BILLING, row(**{column: value}))
    assert refused.value.column == column
    assert events(ledger) == {}


@pytest.mark.parametrize("amount", ["999999999999999.99", "-999999999999999.99", "0"])
def test_largest_amount(ledger: BillingLedger, amount: str) -> None:
    ledger.take(BILLING, row(amount=amount))
    assert [each.amount for each in events(ledger)["offer-1"]] == [Decimal(amount)]


@pytest.mark.parametrize("column", ["agreement_id", "valid_from", "update_date"])
def test_revision_that_cannot_be_read_names_its_column(ledger: BillingLedger, column: str) -> None:
    known = {"agreement_id": "a", "valid_from": "2026-04-01", "update_date": "2026-04-01"}
    with pytest.raises(InvalidLine) as refused:
        ledger.take(AGREEMENTS, dict.fromkeys(COLUMNS[AGREEMENTS], "") | known | {column: ""})
    assert refused.value.column == column


def revision(offer: str, since: str, updated: str = "2026-04-01", **more: str) -> dict[str, str]:
    return {
        "agreement_id": "agmt-1",
        "offer_id": offer,
        "valid_from": since,
        "update_date": updated,
        "delete_date": "",
    } | more


@pytest.mark.parametrize(
    ("invoiced", "offer"),
    [
        ("2026-03-31", "offer-2"),
        ("2026-04-01", "offer-3"),
        ("2026-04-02", "offer-3"),
        ("2026-05-01", "offer-4"),
        ("", "offer-4"),
        ("2026-01-01", "offer-2"),
    ],
)
def test_event_is_of_the_revision_of_its_day(
    ledger: BillingLedger, invoiced: str, offer: str
) -> None:
    """One from before the first revision is the first one's; one without a day the last one's."""
    ledger.take(BILLING, row(invoice_date=invoiced))
    for each in (
        revision("offer-4", "2026-05-01T23:59:59Z"),
        revision("offer-3", "2026-04-01T18:00:00Z"),
        revision("offer-2", "2026-02-01T00:00:00Z"),
        revision("offer-9", "2026-04-01T20:00:00Z", delete_date="2026-04-02"),
        revision("offer-8", "2026-04-01T18:00:00Z", updated="2026-03-01"),
    ):
        ledger.take(AGREEMENTS, each)
    assert list(events(ledger)) == [offer]


def test_events_without_an_offer_are_named_once_by_agreement(ledger: BillingLedger) -> None:
    for number, agreement in enumerate(["agmt-1", "agmt-1", "agmt-2"]):
        ledger.take(
            BILLING, row(billing_event_id=f"e{number}", offer_id="", agreement_id=agreement)
        )
    ledger.take(BILLING, row(billing_event_id="e9", offer_id="offer-9"))
    found = events(ledger, "offer-1")
    assert list(found) == [""], "an offer is read that nobody asked for"
    assert sorted(each.agreement_id for each in found[""]) == ["agmt-1", "agmt-2"]
    assert list(events(ledger)) == ["", "offer-9"]


@pytest.mark.parametrize(
    ("changes", "transfer"),
    [
        ({"bank_trace_id": "x"}, BankTransfer(date(2026, 5, 8), "x", failed=False)),
        ({"bank_trace_id": ""}, BankTransfer(date(2026, 5, 8), None, failed=False)),
        ({"bank_trace_id": "testTraceId"}, BankTransfer(date(2026, 5, 8), None, failed=False)),
        (
            {"bank_trace_id": "EMEA_MP_TEST_TRACE_ID", "invoice_date": ""},
            BankTransfer(None, None, failed=False),
        ),
        (
            {"transaction_type": "DISBURSEMENT_FAILURE"},
            BankTransfer(date(2026, 5, 8), None, failed=True),
        ),
    ],
)
def test_transfer_to_the_bank(
    ledger: BillingLedger, changes: dict[str, str], transfer: BankTransfer
) -> None:
    known = {"transaction_type": "DISBURSEMENT", "invoice_date": "2026-05-08"}
    ledger.take(BILLING, row(**known | changes))
    ledger.take(BILLING, row(billing_event_id="e2"))
    assert ledger.transfers() == {"e1": transfer}
    assert [len(each) for each in events(ledger).values()] == [1], "it is an event of an offer"


def test_line_that_was_delivered_again(ledger: BillingLedger) -> None:
    ledger.take(BILLING, row())
    assert ledger.has_since(row(amount="much"))
    assert ledger.has_since(row(update_date="2026-04-01"))
    assert not ledger.has_since(row(update_date="2026-04-02T00:00:01Z"))
    assert not ledger.has_since(row(billing_event_id="e2"))
    assert not ledger.has_since(row(update_date="yesterday"))
