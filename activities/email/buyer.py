"""What is written to buyers: each word of it true at the time it is sent."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from activities.email.message import EmailKind, EmailMessage, day_of, greeting
from offers.agreements.amendment_pricing import AmendmentPricing
from offers.clock import end_of_day, start_of_day
from offers.lifecycle.record import OfferRecord
from offers.terms.terms import OfferTerms

BUYER_PERMISSION = "AWSMarketplaceManageSubscriptions"
"""The AWS managed policy that lets a person accept (AWS: buyer's guide)."""

PRIVATE_OFFERS_PAGE = (
    "https://us-east-1.console.aws.amazon.com/marketplace/home?region=us-east-1#/private-offers"
)
"""Shows a buyer every offer made to the account they are signed in to."""


def last_moment(record: OfferRecord) -> str:
    """The last moment to accept: in UTC, and as it reads where the buyer is."""
    expires = end_of_day(record.require_terms().availability_end)
    zone = record.require_contacts().buyer_time_zone
    readings = [_reading(expires, name) for name in ([zone] if zone else record.policy.time_zones)]
    return f"{day_of(expires)}, 23:59 UTC ({'; '.join(readings)})"


def _reading(instant: datetime, zone: str) -> str:
    local = instant.astimezone(ZoneInfo(zone))
    city = zone.rpartition("/")[2].replace("_", " ")
    return f"{local:%H:%M} on {day_of(local)} in {city}"


def _to_buyer(
    record: OfferRecord,
    subject: str,
    *paragraphs: str,
    closing: tuple[str, ...] = (),
    with_link: bool = True,
) -> EmailMessage:
    terms = record.require_terms()
    link = ("Open the private offer", record.offer_url) if with_link and record.offer_url else None
    return EmailMessage(
        subject=subject,
        greeting=greeting(record.require_contacts().buyer_name),
        paragraphs=paragraphs,
        facts=(
            ("Offer", terms.offer_name),
            ("Offer ID", record.require_offer_id()),
            ("AWS account" if len(terms.buyer_accounts) == 1 else "AWS accounts", terms.accounts),
            *((_sums(record.pricing)) if record.pricing else ()),
            ("Price", f"{terms.price} {terms.term}, {terms.payment}"),
            *_instalments(terms),
            *((("Starts on", day_of(start_of_day(terms.starts_on))),) if terms.starts_on else ()),
            *((("Last day to accept", last_moment(record)),) if with_link else ()),
        ),
        link=link,
        closing=closing
        + ((record.policy.support_contact,) if record.policy.support_contact else ()),
    )


def _sums(sums: AmendmentPricing) -> tuple[tuple[str, str], ...]:
    carried = (("Unpaid so far, charged by this offer instead", str(sums.open)),)
    return (
        ("Invoiced so far, stays as it is", str(sums.invoiced)),
        *(carried if sums.carried else ()),
        ("Added", str(sums.added)),
    )


def _goes_on(record: OfferRecord) -> tuple[str, ...]:
    return (f"Your agreement {record.replaces} goes on as it is.",) if record.amends else ()


def _instalments(terms: OfferTerms) -> list[tuple[str, str]]:
    instalments = sorted(terms.payment_schedule, key=lambda each: each.on)
    return [
        (f"Instalment {number}", f"{terms.price.currency} {each.amount:,} on {each.on.isoformat()}")
        for number, each in enumerate(instalments, 1)
    ]


def _product(record: OfferRecord) -> str:
    return record.policy.product_name


HOW_TO_ACCEPT = (
    "Sign in to an AWS account shown above: in any other account the page answers 404, and the"
    " offer cannot be seen.",
    f"Whoever accepts needs the permission {BUYER_PERMISSION} in that account.",
    f"All offers made to the account are also listed at {PRIVATE_OFFERS_PAGE}",
)


def _offer_shared(record: OfferRecord) -> EmailMessage:
    product = _product(record)
    if record.amends:
        return _to_buyer(
            record,
            f"Your AWS Marketplace private offer: a change of your {product} agreement",
            f"the change of your agreement for {product} is ready in AWS Marketplace.",
            f"Accepting it replaces your agreement {record.replaces}. Until then, and if you do not"
            " accept it, that agreement goes on as it is.",
            *_earlier(record),
            closing=HOW_TO_ACCEPT,
        )
    return _to_buyer(
        record,
        f"Your AWS Marketplace private offer for {product}",
        f"your private offer for {product} is ready in AWS Marketplace.",
        *_earlier(record),
        closing=HOW_TO_ACCEPT,
    )


def _earlier(record: OfferRecord) -> tuple[str, ...]:
    void = [
        past.offer_id for past in record.previous_revisions if past.buyer_notified and past.offer_id
    ]
    if not void:
        return ()
    return (f"It takes the place of {', '.join(void)}: the link sent earlier is void.",)


def _offer_extended(record: OfferRecord) -> EmailMessage:
    last_day = day_of(end_of_day(record.require_terms().availability_end))
    return _to_buyer(
        record,
        f"Your private offer for {_product(record)} can be accepted until {last_day}",
        f"the last day to accept your private offer for {_product(record)} has changed. The link is"
        " the same as before.",
        closing=HOW_TO_ACCEPT,
    )


def _offer_changing(record: OfferRecord) -> EmailMessage:
    return _to_buyer(
        record,
        f"Your private offer for {_product(record)} is being changed",
        f"the private offer for {_product(record)} below can no longer be accepted, because its"
        " terms are being changed. The link sent earlier is void; the changed offer comes with a"
        " link of its own.",
        *_goes_on(record),
        with_link=False,
    )


def _offer_reminder(record: OfferRecord) -> EmailMessage:
    last_day = day_of(end_of_day(record.require_terms().availability_end))
    return _to_buyer(
        record,
        f"Reminder: your private offer for {_product(record)} ends on {last_day}",
        f"we have not heard yet that your private offer for {_product(record)} was accepted. After"
        " its last day it is void.",
        "If you have accepted it meanwhile, nothing is left to do.",
        *_goes_on(record),
        closing=HOW_TO_ACCEPT,
    )


def _offer_void(record: OfferRecord) -> EmailMessage:
    return _to_buyer(
        record,
        f"Your private offer for {_product(record)} has been withdrawn",
        f"the private offer for {_product(record)} below has been withdrawn and can no longer be"
        " accepted. The link sent earlier is void.",
        *_goes_on(record),
        with_link=False,
    )


LETTERS: dict[EmailKind, Callable[[OfferRecord], EmailMessage]] = {
    EmailKind.OFFER_SHARED: _offer_shared,
    EmailKind.OFFER_REMINDER: _offer_reminder,
    EmailKind.OFFER_EXTENDED: _offer_extended,
    EmailKind.OFFER_CHANGING: _offer_changing,
    EmailKind.OFFER_VOID: _offer_void,
}
