"""Asked and built: whether the offer that AWS shows is the one that was asked for."""

from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from offers.findings import Finding, findings_in
from offers.model import FrozenModel
from offers.terms.terms import Dimension, Instalment, OfferTerms
from offers.text import clean_name, day_text

DIFFERENCE = "difference"
"""The code of findings about an offer that is not what was asked for."""


class PublishedOffer(FrozenModel):
    """An offer as the marketplace shows it; None where it shows nothing."""

    offer_id: str
    released: bool
    product_id: str | None = None
    name: str | None = None
    buyer_accounts: tuple[str, ...] = ()
    price: Decimal | None = None
    """The price for the whole duration: of the dimension, or all instalments together."""
    currency: str | None = None
    dimensions: tuple[Dimension, ...] = ()
    schedule: tuple[Instalment, ...] = ()
    """The instalments; empty if the price is due at acceptance."""
    net_payment_days: int | None = None
    duration: str | None = None
    """As AWS writes it, such as `P12M`; None for a contract with set days."""
    starts_on: date | None = None
    ends_on: date | None = None
    availability_end: date | None = None
    description: str | None = None
    """The note beside our reference."""
    eula: str | None = None
    """`standard` or `custom`.  AWS serves its own copy of a custom one, so its URL says nothing."""
    eula_version: str | None = None
    renewal_channel: str | None = None
    extras: tuple[str, ...] = ()
    """What it has that no offer of ours has, such as usage fees or an automatic renewal."""

    def is_void(self, today: date) -> bool:
        """Whether its last day is over, so that nobody can accept it any more."""
        return self.availability_end is not None and self.availability_end < today


WITHDRAWN = "The offer was withdrawn; check the product in AWS, then resume to create it again"


def differences(
    asked: OfferTerms, built: PublishedOffer, remedy: str = WITHDRAWN
) -> tuple[Finding, ...]:
    """A finding for each term that AWS shows other than it was asked."""
    return tuple(
        Finding(
            code=DIFFERENCE,
            field=field,
            seen=_said(seen, built.currency) or "nothing",
            problem=f"{built.offer_id} is not as it was asked for"
            f" ({_said(wanted, asked.price.currency) or 'nothing'})",
            remedy=remedy,
        )
        for field, wanted, seen in _wanted_and_seen(asked, built)
        if wanted != seen
    )


def _wanted_and_seen(asked: OfferTerms, built: PublishedOffer) -> list[tuple[str, object, object]]:
    rows: list[tuple[str, object, object]] = [
        ("state", "released", "released" if built.released else "draft"),
        ("product_id", asked.product_id, built.product_id),
        ("offer_name", asked.offer_name, built.name and clean_name(built.name)),
        ("buyer_accounts", sorted(asked.buyer_accounts), sorted(_buyers(asked, built))),
        ("price.amount", asked.price.amount, built.price),
        ("price.currency", asked.price.currency, built.currency),
        ("dimensions", _sorted(asked.dimensions), _sorted(built.dimensions)),
        ("net_payment_days", asked.net_payment_days, built.net_payment_days),
        ("availability_end", asked.availability_end, built.availability_end),
        ("eula.type", asked.eula.type, built.eula),
        ("renewal", asked.renewal and asked.renewal.channel, built.renewal_channel),
    ]
    if asked.description:
        rows.append(("description", asked.description, built.description))
    if asked.agreement_end:
        rows.append(("agreement_end", asked.agreement_end, built.ends_on))
    elif asked.starts_on:
        rows.append(("starts_on", asked.starts_on, built.starts_on))
        rows.append(("duration_months", asked.ends_on, built.ends_on))
    else:
        rows.append(("starts_on", None, built.starts_on))
        rows.append(("duration_months", asked.duration, built.duration))
    if asked.payment_schedule:
        rows.append(
            ("payment_schedule", _in_order(asked.payment_schedule), _in_order(built.schedule))
        )
    elif not _at_acceptance(built):
        rows.append(("payment_schedule", [], _in_order(built.schedule)))
    if built.extras:
        rows.append(("terms", [], list(built.extras)))
    if asked.eula.type == "standard":
        rows.append(("eula.version", asked.eula.version, built.eula_version))
    return rows


def _buyers(asked: OfferTerms, built: PublishedOffer) -> tuple[str, ...]:
    # Who may accept an amendment is not a term of it: AWS takes it from the agreement.
    return built.buyer_accounts or (asked.buyer_accounts if asked.agreement_end else ())


def terms_from_published(asked: OfferTerms, built: PublishedOffer) -> OfferTerms:
    """The terms that the buyer gets if what AWS built is taken as it is.

    What AWS does not show stays as asked.  Raises NotOurTerms if they cannot be terms of ours.
    """
    instead: dict[str, Any] = {
        "product_id": built.product_id,
        "offer_name": built.name,
        "buyer_accounts": built.buyer_accounts or None,
        "dimensions": built.dimensions or None,
        "availability_end": built.availability_end,
        "starts_on": built.starts_on,
        "net_payment_days": built.net_payment_days,
    }
    if built.price is not None and built.currency is not None:
        instead["price"] = {"amount": built.price, "currency": built.currency}
    if built.duration and built.duration.startswith("P") and built.duration.endswith("M"):
        instead["duration_months"] = built.duration[1:-1]
    facts = asked.model_dump() | {name: v for name, v in instead.items() if v is not None}
    if not asked.payment_schedule or _in_order(built.schedule) != _in_order(asked.payment_schedule):
        facts["payment_schedule"] = () if _at_acceptance(built) else built.schedule
    try:
        terms = OfferTerms.model_validate(facts)
    except ValidationError as error:
        raise UnsupportedTerms(findings_in(error)) from None
    if left := [f for f in differences(terms, built) if f.field not in NOT_TAKEN_OVER]:
        raise UnsupportedTerms(tuple(left))
    return terms


NOT_TAKEN_OVER = frozenset({"eula.type", "eula.version", "renewal"})
"""What a letter to the buyer does not mention."""


class UnsupportedTerms(Exception):
    """An offer with terms that ours cannot be."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(map(str, findings)))
        self.findings = findings


def _at_acceptance(built: PublishedOffer) -> bool:
    """Whether all is paid when the buyer accepts: one charge at most, due by the last day."""
    return not built.schedule or (
        len(built.schedule) == 1
        and built.availability_end is not None
        and built.schedule[0].on <= built.availability_end
    )


def _sorted(dimensions: tuple[Dimension, ...]) -> list[str]:
    return sorted(map(str, dimensions))


def _in_order(schedule: tuple[Instalment, ...]) -> list[tuple[date, Decimal]]:
    return sorted((each.on, each.amount) for each in schedule)


def _said(value: object, currency: str | None) -> str:
    match value:
        case None:
            return ""
        case list() | tuple():
            joint = ", " if isinstance(value, list) else " "
            return joint.join(_said(each, currency) for each in value)
        case Decimal():
            return f"{currency or 'without a currency'} {value:,}"
        case date():
            return day_text(value)
    return str(value)
