"""The field sheet of an offer that a person creates in Clazar, and how it is recognised there.

Clazar's API creates no offers.  The order of the sheet is that of Clazar's form (handbook: creating
a private offer via Clazar).
"""

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from offers.ids import is_full_id
from offers.model import FrozenModel
from offers.preflight.eula import shown
from offers.terms.terms import LONGEST_OFFER_NAME, CustomEula, OfferTerms
from offers.text import day_text, shorten

_REFERENCE = re.compile(
    "(?<![A-Za-z0-9])(?P<opportunity>[A-Za-z0-9]{18})-[1-9][0-9]{0,5}(?![A-Za-z0-9])"
)


class SheetField(FrozenModel):
    """One field of Clazar's form with the value to copy into it."""

    section: str
    label: str
    value: str


def clazar_reference(opportunity_id: str, revision: int) -> str:
    """What an offer's name must contain for the offer to be recognised."""
    return f"{opportunity_id}-{revision}"


def opportunities_named_in(name: str) -> tuple[str, ...]:
    """The opportunities whose reference an offer's name contains."""
    named = (found["opportunity"] for found in _REFERENCE.finditer(name))
    return tuple(dict.fromkeys(each for each in named if is_full_id(each)))


def with_reference(terms: OfferTerms, mark: str) -> OfferTerms:
    """The terms with the reference in the offer's name, which is shortened if need be."""
    room = LONGEST_OFFER_NAME - len(mark) - 3
    name = f"{shorten(terms.offer_name, room)} ({mark})"
    return terms.model_copy(update={"offer_name": name})


def field_sheet(terms: OfferTerms, *, to_read: bool = False) -> tuple[SheetField, ...]:
    """Every field of the form in its order; `to_read`: not to be copied into the form."""
    return tuple(
        SheetField(section=section, label=label, value=value)
        for section, fields in (
            ("Buyer details", _buyer(terms)),
            ("Offer details", _offer(terms, day_text if to_read else date.isoformat)),
            ("Dimensions and pricing", _pricing(terms, to_read)),
            ("Legal terms", _legal(terms)),
        )
        for label, value in fields
    )


def _buyer(terms: OfferTerms) -> Iterator[tuple[str, str]]:
    yield "Company name", terms.company
    yield "Buyer AWS account ID", terms.accounts


def _offer(terms: OfferTerms, day: Callable[[date], str]) -> Iterator[tuple[str, str]]:
    yield "Offer name", terms.offer_name
    yield "Expiration date", day(terms.availability_end)
    yield "Contract duration", terms.term.removeprefix("for ")
    if terms.starts_on and terms.ends_on:
        yield "Service start date", day(terms.starts_on)
        yield "Service end date", day(terms.ends_on)
    yield (
        "Offer type",
        "Contract, flexible payment schedule (FPS)"
        if terms.payment_schedule
        else "Contract, upfront payment (non-FPS)",
    )
    if terms.renewal:
        channel = {"External": "moving to", "AwsMarketplace": "already on"}[terms.renewal.channel]
        yield "Renewal", f"Yes, an existing customer {channel} AWS Marketplace"


def _pricing(terms: OfferTerms, to_read: bool) -> Iterator[tuple[str, str]]:
    currency = terms.price.currency

    def amount(value: Decimal) -> str:
        return f"{currency} {value:,}" if to_read else f"{value:f}"

    yield "Currency", currency
    for dimension in terms.dimensions:
        yield "Dimension", str(dimension)
    yield "Total price", amount(terms.price.amount)
    for number, instalment in enumerate(sorted(terms.payment_schedule, key=lambda i: i.on), 1):
        day = day_text(instalment.on) if to_read else instalment.on.isoformat()
        yield f"Instalment {number}", f"{amount(instalment.amount)} on {day}"
    if terms.net_payment_days:
        yield "Net payment terms", f"Net {terms.net_payment_days}"


def _legal(terms: OfferTerms) -> Iterator[tuple[str, str]]:
    if not isinstance(terms.eula, CustomEula):
        yield "EULA type", "Standard Contract for AWS Marketplace"
        return
    yield "EULA type", "Custom"
    for document in terms.eula.documents:
        yield "Document", shown(document)
