"""What the policy says of AWS's incentives: credits for the buyer, rewards for AWS's own people."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from offers.findings import illegal
from offers.model import FrozenModel
from offers.money import Money


def _text(value: str) -> str:
    try:
        value.format(rate="3%", amount="USD 1.00")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise illegal("the text cannot be filled in", "Use only {rate} and {amount}") from None
    return value


def _rate(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise illegal("a float is not exact", 'Write the rate as text, "0.03"')
    return value


Text = Annotated[str, Field(max_length=500), AfterValidator(_text)]


class Credits(FrozenModel, extra="forbid"):
    """The company's own statement for its owners; AWS promises none of it.

    In the texts, `{rate}` and `{amount}` are the buyer's rate and its share of the price.
    """

    enabled: bool = False
    buyer_rate: Annotated[Decimal, BeforeValidator(_rate), Field(ge=0, le=1)] = Decimal("0.03")
    """The share of what is paid that the buyer gets back as AWS credits (handbook: about 3 %)."""
    buyer_text: Text = "The buyer gets about {rate} of the price back as AWS credits: {amount}."
    isv_accelerate_text: Text = (
        "AWS rewards its account team for this sale (ISV Accelerate): tell the buyer's TAM."
    )
    """Empty: nothing is said of it."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Each offer's record carries its policy into every call.
        fields = type(self).model_fields
        return {n: v for n, v in whole(self).items() if getattr(self, n) != fields[n].default}

    def statements(self, price: Money) -> Iterator[str]:
        """The texts for an offer of a price; none unless they are enabled."""
        if not self.enabled:
            return
        amount = Money.nearest(price.amount * self.buyer_rate, price.currency)
        rate = f"{(self.buyer_rate * 100).normalize():f}%"
        for text in (self.buyer_text, self.isv_accelerate_text):
            if text:
                yield text.format(rate=rate, amount=amount)
