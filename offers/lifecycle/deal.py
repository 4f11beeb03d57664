"""The deal that approvers are shown, and what makes it worse for the seller.

A decision about an exception is bound to it: an approval holds while nothing in it has become worse
for the seller, and a refusal while nothing in it has changed.
"""

import hashlib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Self

from pydantic import Field

from offers.model import FrozenModel
from offers.money import Money
from offers.terms.contacts import Contacts
from offers.terms.terms import (
    CustomEula,
    Dimension,
    Instalment,
    OfferTerms,
    PreExistingAgreement,
    StandardEula,
)


class Deal(FrozenModel):
    """What is sold, to whom, and how it is paid."""

    company: str
    buyer_accounts: tuple[str, ...]
    product_id: str
    dimensions: tuple[Dimension, ...]
    price: Money
    payment_schedule: tuple[Instalment, ...]
    """Empty: all at acceptance."""
    net_payment_days: int | None
    duration_months: int
    starts_on: date | None
    agreement_end: date | None
    eula: StandardEula | CustomEula = Field(discriminator="type")
    eula_sha256: str | None
    """Of a custom contract's merged text."""
    renewal: PreExistingAgreement | None
    buyer_email: str | None = Field(repr=False)
    buyer_name: str | None = Field(repr=False)

    @classmethod
    def of(cls, terms: OfferTerms, contacts: Contacts | None, eula_sha256: str | None) -> Self:
        """The deal of some terms."""
        return cls(
            company=terms.company,
            buyer_accounts=tuple(sorted(terms.buyer_accounts)),
            product_id=terms.product_id,
            dimensions=tuple(sorted(terms.dimensions, key=lambda each: each.key)),
            price=terms.price,
            payment_schedule=tuple(sorted(terms.payment_schedule, key=lambda each: each.on)),
            net_payment_days=terms.net_payment_days,
            duration_months=terms.duration_months,
            starts_on=terms.starts_on,
            agreement_end=terms.agreement_end,
            eula=terms.eula,
            eula_sha256=eula_sha256,
            renewal=terms.renewal,
            buyer_email=contacts.buyer_email if contacts else None,
            buyer_name=contacts.buyer_name if contacts else None,
        )

    @property
    def digest(self) -> str:
        """Of everything in it; hexadecimal SHA-256."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def worse_than(self, approved: Self) -> tuple[str, ...]:
        """The fields that are worse for the seller than in the approved deal.

        Where nobody can say what is better, such as for another company, every change is worse.
        """
        return tuple(
            name
            for name in type(self).model_fields
            if getattr(self, name) != getattr(approved, name)
            and not IS_NO_WORSE.get(name, _never)(self, approved)
        )


def _never(_now: Deal, _approved: Deal) -> bool:
    return False


def _fewer_accounts(now: Deal, approved: Deal) -> bool:
    return set(now.buyer_accounts) <= set(approved.buyer_accounts)


def _less_is_sold(now: Deal, approved: Deal) -> bool:
    before = {each.key: each.quantity for each in approved.dimensions}
    return all(each.quantity <= before.get(each.key, 0) for each in now.dimensions)


def _higher_price(now: Deal, approved: Deal) -> bool:
    return (
        now.price.currency == approved.price.currency and now.price.amount >= approved.price.amount
    )


def _paid_no_later(now: Deal, approved: Deal) -> bool:
    """By the end of each day at least as much is charged as by the approved schedule."""
    if not now.payment_schedule:
        return True
    if not approved.payment_schedule:
        return False
    return all(
        _charged(now.payment_schedule, each.on) >= _charged(approved.payment_schedule, each.on)
        for each in approved.payment_schedule
    )


def _charged(schedule: tuple[Instalment, ...], by: date) -> Decimal:
    return sum((each.amount for each in schedule if each.on <= by), Decimal())


def _due_sooner(now: Deal, approved: Deal) -> bool:
    if now.net_payment_days is None or approved.net_payment_days is None:
        return False  # what AWS has agreed with the buyer is not known here
    return now.net_payment_days <= approved.net_payment_days


def _shorter(now: Deal, approved: Deal) -> bool:
    return now.duration_months <= approved.duration_months


def _standard_contract(now: Deal, _approved: Deal) -> bool:
    return isinstance(now.eula, StandardEula)


IS_NO_WORSE: dict[str, Callable[[Deal, Deal], bool]] = {
    "buyer_accounts": _fewer_accounts,
    "dimensions": _less_is_sold,
    "price": _higher_price,
    "payment_schedule": _paid_no_later,
    "net_payment_days": _due_sooner,
    "duration_months": _shorter,
    "eula": _standard_contract,
    "eula_sha256": _standard_contract,
}
"""By field: whether a changed value is no worse; a field that is not here may not change."""
