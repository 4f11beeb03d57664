"""Asked and built: whether the offer that AWS shows is the one that was asked for."""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from offers.findings import Finding
from offers.terms import OfferTerms


class BuiltOffer(BaseModel):
    """An offer as the marketplace shows it; None where it shows nothing."""

    model_config = ConfigDict(frozen=True)

    offer_id: str
    released: bool
    product_id: str | None = None
    name: str | None = None
    buyer_accounts: tuple[str, ...] = ()
    price: Decimal | None = None
    """The price of one unit of the dimension for the whole duration."""
    currency: str | None = None
    dimensions: tuple[str, ...] = ()
    duration: str | None = None
    """As AWS writes it, such as `P12M`."""
    availability_end: date | None = None
    eula: str | None = None
    """`standard` or `custom`.  AWS serves its own copy of a custom one, so its URL says nothing."""
    eula_version: str | None = None

    def is_void(self, today: date) -> bool:
        """Whether its last day is over, so that nobody can accept it any more."""
        return self.availability_end is not None and self.availability_end < today


def differences(asked: OfferTerms, built: BuiltOffer) -> tuple[Finding, ...]:
    """A finding for each term that AWS shows other than it was asked."""
    wanted_and_seen: dict[str, tuple[object, object]] = {
        "state": ("released", "released" if built.released else "draft"),
        "product_id": (asked.product_id, built.product_id),
        "offer_name": (asked.offer_name, built.name),
        "buyer_account": (asked.buyer_account, ", ".join(built.buyer_accounts) or None),
        "price.amount": (asked.price.amount, built.price),
        "price.currency": (asked.price.currency, built.currency),
        "dimension": (asked.dimension, ", ".join(built.dimensions) or None),
        "duration_months": (asked.duration, built.duration),
        "availability_end": (asked.availability_end, built.availability_end),
        "eula.type": (asked.eula.type, built.eula),
    }
    if asked.eula.type == "standard":
        wanted_and_seen["eula.version"] = (asked.eula.version, built.eula_version)
    return tuple(
        Finding(
            field=field,
            seen="nothing" if seen is None else str(seen),
            problem=f"AWS built an offer that differs from what was asked ({wanted})",
            remedy="The offer was withdrawn; check the product in AWS, then resume to make it anew",
        )
        for field, (wanted, seen) in wanted_and_seen.items()
        if wanted != seen
    )
