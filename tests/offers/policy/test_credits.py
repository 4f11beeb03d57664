"""What the policy says of AWS's incentives."""

from typing import Any

import pytest
from pydantic import ValidationError

from offers.money import Money
from offers.policy.credits import Credits

PRICE = Money.of("120000.99", "USD")


def test_nothing_is_said_unless_it_is_enabled() -> None:
    assert not list(Credits().statements(PRICE))


def test_amount_is_the_rate_of_the_price() -> None:
    credits = Credits(enabled=True, buyer_rate="0.025", isv_accelerate_text="")
    (text,) = credits.statements(PRICE)
    assert text.endswith("about 2.5% of the price back as AWS credits: USD 3,000.02.")
    both = Credits(enabled=True, buyer_text="{rate}", isv_accelerate_text="TAM: {amount}")
    assert list(both.statements(PRICE)) == ["3%", "TAM: USD 3,600.03"]


@pytest.mark.parametrize(
    "given",
    [
        {"buyer_rate": 0.03},
        {"buyer_rate": True},
        {"buyer_rate": "-0.01"},
        {"buyer_rate": "1.01"},
        {"buyer_text": "{price}"},
        {"buyer_text": "{"},
        {"isv_accelerate_text": "{0}"},
        {"isv_accelerate_text": "{amount.digits}"},
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Credits.model_validate(given)
