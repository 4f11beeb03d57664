"""What of a payout is not as it was expected: currency and refunds."""

import pytest

from offers.money import Money
from offers.payouts.audit import audit_payout
from offers.payouts.listing_fee import expected_fee
from offers.payouts.model import InvoicePayout, Payout
from offers.policy.listing_fees import ListingFees
from tests.support.builders import terms


def money(amount: str, currency: str = "USD") -> Money:
    return Money.of(amount, currency)


@pytest.mark.parametrize(
    ("currency", "refunded", "codes"),
    [
        ("USD", "0", []),
        ("USD", "10", ["payout-refunded"]),
        ("EUR", "0", ["payout-currency"]),
    ],
)
def test_currency_and_refunds(currency: str, refunded: str, codes: list[str]) -> None:
    invoice = InvoicePayout(
        invoice_id="INV-1",
        gross=money("120000", currency),
        refunded=money(refunded, currency),
        listing_fee=money("3600", currency),
        tax=money("0", currency),
        undisbursed=money("116400", currency) - money(refunded, currency),
        transfers=(),
    )
    payout = Payout(offer_id="offer-1", invoices=(invoice,))
    sold = terms()
    found = audit_payout(payout, expected_fee(sold, ListingFees()), sold.price)
    payout_codes = [each.code for each in found if each.field in ("currency", "refunded")]
    assert payout_codes == codes
