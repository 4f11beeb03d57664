"""What is offered: the terms of a private offer, and the limits of each of them.

A value that is illegal in itself cannot be constructed.  Limits are AWS's
(work-with-private-offers) unless another source is named.  The rules between terms are in
`offers.preflight.consistency`.
"""

import re
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from offers.findings import illegal
from offers.model import FrozenModel
from offers.money import MINOR_DIGITS, GivenMoney, exact
from offers.terms import parsing
from offers.text import LONGEST_NAME, clean_name, day_text, is_one_line, within

LONGEST_MONTHS = 144
"""Longest contract in months (Tackle and Clazar, 2026-09; AWS's guide says `DOCUMENTED_MONTHS`)."""

DOCUMENTED_MONTHS = 60
"""Longest contract in months by AWS's seller guide; AWS's API names no number."""

HIGHEST_PRICE = Decimal(100_000_000)
"""Highest price of one dimension, and highest instalment (AWS: catalog shapes)."""

MOST_ACCOUNTS = 26
"""Buyer accounts of one offer (AWS: the API takes 26, the buyer's guide says 25, the portal 24)."""

MOST_DIMENSIONS = 200
"""Dimensions of one offer (AWS: grants)."""

MOST_INSTALMENTS = 86
"""Instalments of one offer (Tackle, Clazar, and AWS's template for renewals; AWS's shapes and guide
say `DOCUMENTED_INSTALMENTS`)."""

DOCUMENTED_INSTALMENTS = 60
"""Instalments of one offer by AWS's guide and catalog shapes."""

MOST_DOCUMENTS = 5
"""PDFs of a custom contract (handbook; AWS's API takes one, so they are merged)."""

LONGEST_ADDRESS = 2000
"""Characters of the address of a PDF (ours)."""

LONGEST_NOTE = 200
"""Characters of a note: AWS takes 255 as a description, in which our reference must fit, too."""

NET_DAYS = (15, 30, 45, 60, 90, 120)
"""Days in which an invoice may be due (AWS: UpdateNetPaymentTerms)."""


LONGEST_OFFER_NAME = 150

NOT_IN_NAMES = "\\<>"
"""Characters that AWS forbids in the name of an offer."""


def _offer_name(value: str) -> str:
    value = clean_name(within(value, LONGEST_NAME))
    if not 1 <= len(value) <= LONGEST_OFFER_NAME:
        raise illegal(
            f"it has {len(value)} characters", f"Use 1 to {LONGEST_OFFER_NAME} characters"
        )
    if forbidden := sorted(set(value) & set(NOT_IN_NAMES)):
        raise illegal(f"AWS forbids {' '.join(forbidden)} in a name", "Leave these out")
    return _one_line(value)


def _note(value: str) -> str:
    value = clean_name(within(value, LONGEST_NAME))
    if len(value) > LONGEST_NOTE:
        raise illegal(f"it has {len(value)} characters", f"Use at most {LONGEST_NOTE} characters")
    return _one_line(value)


def _company(value: str) -> str:
    value = clean_name(within(value, LONGEST_NAME))
    if not value:
        raise illegal("it is empty", "Give the buyer's company name")
    return _one_line(value)


def _key(value: str) -> str:
    value = clean_name(within(value, LONGEST_NAME))
    if ";" in value:
        raise illegal("a ; separates dimensions", "Copy the dimension's key from AWS")
    return _one_line(value)


def _product_id(value: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_-]{1,50}", value):
        raise illegal("it is not the id of a product", "Copy it from AWS Marketplace: prod-…")
    return value


def _one_line(value: str) -> str:
    if not is_one_line(value):
        raise illegal(
            "it has a line break or another unprintable character", "Write it on one line"
        )
    return value


def _net_days(value: int) -> int:
    if value not in NET_DAYS:
        days = ", ".join(map(str, NET_DAYS))
        raise illegal("AWS does not take this payment term", f"Choose one of {days} days")
    return value


def _document(value: str) -> str:
    value = _one_line(clean_name(within(value, 2 * LONGEST_ADDRESS)))
    if not value.startswith(("https://", "s3://")) or value != "".join(value.split()):
        raise illegal(
            "this is no address of a PDF that can be read",
            "Give an https:// or s3:// address",
        )
    return value


Day = Annotated[date, Field(lt=date(2200, 1, 1)), BeforeValidator(parsing.parse_day)]
"""A day in UTC, within any contract's reach."""


class Dimension(FrozenModel, extra="forbid"):
    """One dimension of the product, and how much of it is sold."""

    key: Annotated[str, AfterValidator(_key), Field(min_length=1, max_length=100)]
    quantity: Annotated[int, BeforeValidator(parsing.parse_whole_number)] = Field(
        default=1, ge=1, le=2**31 - 1
    )

    def __str__(self) -> str:
        # A key may end like a quantity.
        if self.quantity == 1 and " x " not in self.key:
            return self.key
        return f"{self.key} x {self.quantity}"


class Instalment(FrozenModel, extra="forbid"):
    """One payment of a schedule."""

    on: Day
    """The day (UTC) on which AWS charges it; at acceptance if that is later."""
    amount: Annotated[Decimal, BeforeValidator(exact), Field(ge=0, le=HIGHEST_PRICE)]
    """In the currency of the price."""


class StandardEula(FrozenModel, extra="forbid"):
    """The Standard Contract for AWS Marketplace."""

    type: Literal["standard"] = "standard"
    version: Literal["2022-07-14"] = "2022-07-14"
    """AWS takes only the newest version for new offers."""


class CustomEula(FrozenModel, extra="forbid"):
    """Our own contract: PDFs, which are merged into one."""

    type: Literal["custom"] = "custom"
    documents: tuple[
        Annotated[str, AfterValidator(_document), Field(max_length=LONGEST_ADDRESS)], ...
    ] = Field(min_length=1, max_length=MOST_DOCUMENTS)
    """Where each PDF is: `https://…` or `s3://bucket/key`."""


class PreExistingAgreement(FrozenModel, extra="forbid"):
    """The renewal flag: what the buyer had before.  It lowers AWS's fee, and AWS may audit it."""

    channel: Literal["External", "AwsMarketplace"]
    pricing_model: Literal["Contract", "Usage", "Byol", "Free"] = "Contract"


class OfferTerms(FrozenModel, extra="forbid"):
    """The terms of one private offer for a SaaS contract."""

    buyer_accounts: Annotated[
        tuple[str, ...],
        BeforeValidator(parsing.parse_account_ids),
        Field(min_length=1, max_length=MOST_ACCOUNTS),
    ]
    """The AWS accounts that may accept, each of 12 digits; best the buyer's management account."""
    company: Annotated[str, AfterValidator(_company), Field(max_length=255)]
    offer_name: Annotated[str, AfterValidator(_offer_name)]
    """The buyer sees it: no personal data."""
    description: Annotated[str, AfterValidator(_note)] = ""
    """A note for sellers beside our reference; buyers never see it.  No personal data."""
    product_id: Annotated[
        str,
        AfterValidator(_product_id),
        BeforeValidator(parsing.parse_code),
    ]
    dimensions: Annotated[
        tuple[Dimension, ...],
        BeforeValidator(parsing.parse_dimensions),
        Field(min_length=1, max_length=MOST_DIMENSIONS),
    ]
    price: GivenMoney
    """The whole price of the contract, before tax and before AWS's fee."""
    payment_schedule: Annotated[
        tuple[Instalment, ...],
        BeforeValidator(parsing.parse_payment_schedule),
        Field(max_length=MOST_INSTALMENTS),
    ] = ()
    """When the price is paid; empty: all up front, at acceptance."""
    net_payment_days: Annotated[
        int | None,
        AfterValidator(lambda days: days if days is None else _net_days(days)),
        BeforeValidator(parsing.parse_net_payment_days),
    ] = None
    """Days until an invoice is due; None: what AWS has agreed with the buyer."""
    duration_months: Annotated[int, BeforeValidator(parsing.parse_months)] = Field(
        default=12, ge=1, le=LONGEST_MONTHS
    )
    agreement_end: Day | None = None
    """The last day (UTC) of the agreement that an amendment leads to, which has no duration of its
    own (AWS: agreement-based offers); None for any other offer."""
    starts_on: Day | None = None
    """The first day (UTC) of a contract that starts later; None: it starts when accepted."""
    availability_end: Day
    """The last day, in UTC, on which the buyer can accept."""
    eula: Annotated[
        Annotated[StandardEula | CustomEula, Field(discriminator="type")],
        BeforeValidator(parsing.parse_eula),
    ] = StandardEula()
    renewal: Annotated[PreExistingAgreement | None, BeforeValidator(parsing.parse_renewal)] = None

    @model_validator(mode="after")
    def _sellable(self) -> Self:
        # An amendment that adds nothing is sold for 0 (Clazar: agreement-based offers).
        free = self.agreement_end is not None and self.price.amount == 0
        if not free and not 0 < self.price.amount <= HIGHEST_PRICE:
            raise illegal(
                f"the price {self.price} is out of range",
                f"Offer more than 0 and at most {HIGHEST_PRICE:,}",
            )
        digits = MINOR_DIGITS[self.price.currency]
        for instalment in self.payment_schedule:
            if instalment.amount != round(instalment.amount, digits):
                raise illegal(
                    f"{instalment.amount} {self.price.currency} is finer than the smallest unit",
                    f"Use at most {digits} decimals for {self.price.currency}",
                )
        # One form for equal amounts: AWS takes no third decimal, even if it is 0.
        unit = Decimal(1).scaleb(-digits)
        exact_schedule = tuple(
            each.model_copy(update={"amount": abs(each.amount.quantize(unit))})
            for each in self.payment_schedule
        )
        object.__setattr__(self, "payment_schedule", exact_schedule)
        return self

    @property
    def duration(self) -> str:
        """The duration as AWS writes it, such as `P12M`."""
        return f"P{self.duration_months}M"

    @property
    def ends_on(self) -> date | None:
        """The last day (UTC) of a contract that starts on a set day."""
        return contract_end(self.starts_on, self.duration_months) if self.starts_on else None

    @property
    def is_fixed(self) -> bool:
        """Whether it is built from fixed grants and a payment schedule.

        AWS lets a buyer choose among the dimensions of the other form, so only one dimension, once,
        can be sold up front in it.
        """
        return bool(self.payment_schedule) or self.dimensions != (
            Dimension(key=self.dimensions[0].key),
        )

    @property
    def term(self) -> str:
        """How long the contract lasts, in words."""
        if self.agreement_end:
            return f"until {day_text(self.agreement_end)}"
        return f"for {self.duration_months} months"

    @property
    def payment(self) -> str:
        """How the price is paid, in words."""
        how = (
            f"in {len(self.payment_schedule)} instalments" if self.payment_schedule else "up front"
        )
        return how + (f", net {self.net_payment_days} days" if self.net_payment_days else "")

    @property
    def accounts(self) -> str:
        """The buyer accounts in one line."""
        return ", ".join(self.buyer_accounts)


TERM_FIELDS = frozenset(OfferTerms.model_fields)


def contract_end(first_day: date, months: int) -> date:
    """The last day (UTC) of a contract of so many calendar months: the eve of the same day of the
    month in which it is over, or of that month's last day where it is shorter.

    Six months from 31 August are over on 28 February, and 27 February is their last day.  AWS
    documents no rule for the end of `P6M`; this is how date libraries add a period to a day.
    """
    count = first_day.month - 1 + months
    year, month = first_day.year + count // 12, count % 12 + 1
    day = min(first_day.day, monthrange(year, month)[1])
    return date(year, month, day) - timedelta(days=1)
