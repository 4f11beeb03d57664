"""What is offered: the terms of a private offer.  Illegal terms cannot be constructed.

Limits are AWS's (work-with-private-offers) unless another source is named.
"""

import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from offers.findings import illegal
from offers.money import Money

LONGEST_MONTHS = 60
"""Longest contract in months (AWS: the guide says 60; vendors report 144 since 2026)."""

HIGHEST_PRICE = Decimal(100_000_000)
"""Highest price of one dimension (AWS: catalog shapes)."""


def _account_id(value: Any) -> str:
    if not isinstance(value, str):
        raise illegal("an account id is text, or leading zeros are lost", "Put it in quotes")
    digits = re.sub(r"[\s-]", "", value)
    if not re.fullmatch(r"[0-9]{12}", digits):
        raise illegal(
            "an AWS account id has exactly 12 digits",
            "Ask the buyer for the id of the management account and copy all 12 digits",
        )
    return digits


def _offer_name(value: str) -> str:
    value = value.strip()
    if not 1 <= len(value) <= 150:
        raise illegal(f"it has {len(value)} characters", "Use 1 to 150 characters")
    if forbidden := sorted(set(value) & set("\\<>")):
        raise illegal(f"AWS forbids {' '.join(forbidden)} in a name", "Leave these out")
    if not value.isprintable():
        raise illegal(
            "it has a line break or another unprintable character", "Write it on one line"
        )
    return value


def _company(value: str) -> str:
    value = value.strip()
    if not value:
        raise illegal("it is empty", "Give the buyer's company name")
    if not value.isprintable():
        raise illegal(
            "it has a line break or another unprintable character", "Write it on one line"
        )
    return value


AccountId = Annotated[str, BeforeValidator(_account_id)]
"""An AWS account id: 12 digits, kept as text.  Spaces and hyphens are taken out."""


class StandardEula(BaseModel):
    """The Standard Contract for AWS Marketplace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["standard"] = "standard"
    version: Literal["2022-07-14"] = "2022-07-14"
    """AWS takes only the newest version for new offers."""


class CustomEula(BaseModel):
    """Our own contract: one PDF that AWS can read at `url` while it builds the offer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["custom"] = "custom"
    url: str = Field(pattern=r"^https://\S+$", max_length=2000)


Eula = Annotated[StandardEula | CustomEula, Field(discriminator="type")]


class PaymentShape(StrEnum):
    """How the price is paid."""

    UPFRONT = "upfront"
    """All at acceptance; Clazar calls it "non-FPS"."""


class OfferTerms(BaseModel):
    """The terms of one private offer for a SaaS contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    buyer_account: AccountId
    """The AWS account that may accept, best the buyer's management account."""
    company: Annotated[str, AfterValidator(_company), Field(max_length=255)]
    offer_name: Annotated[str, AfterValidator(_offer_name)]
    """The buyer sees it: no personal data."""
    product_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,50}$")
    dimension: str = Field(min_length=1, max_length=100)
    """The key of the product's dimension that is sold."""
    price: Money
    """The whole price of the contract, before tax and before AWS's fee."""
    payment: PaymentShape = PaymentShape.UPFRONT
    duration_months: int = Field(default=12, ge=1, le=LONGEST_MONTHS)
    availability_end: date
    """The last day, in UTC, on which the buyer can accept."""
    eula: Eula = StandardEula()

    @model_validator(mode="after")
    def _sellable(self) -> Self:
        if not 0 < self.price.amount <= HIGHEST_PRICE:
            raise illegal(
                f"the price {self.price} is out of range",
                f"Offer more than 0 and at most {HIGHEST_PRICE:,}",
            )
        return self

    @property
    def duration(self) -> str:
        """The duration as AWS writes it, such as `P12M`."""
        return f"P{self.duration_months}M"
