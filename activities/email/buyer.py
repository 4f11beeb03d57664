"""The mails to buyers."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from activities.email.message import EmailKind, EmailMessage, day_of, greeting
from offers.agreements.amendment_pricing import AmendmentPricing
from offers.clock import end_of_day, start_of_day
from offers.diagnosis.sentences import BUYER_PERMISSION, PRIVATE_OFFERS_PAGE
from offers.lifecycle.record import OfferRecord
from offers.terms.terms import OfferTerms
from offers.text import day_text, shorten


def last_moment(record: OfferRecord) -> str:
    """The last minute to accept, in UTC and in the buyer's time zone, or else the policy's."""
    expires = end_of_day(record.require_terms().availability_end)
    zone = record.require_contacts().buyer_time_zone
    readings = [
        _local_time(expires, name) for name in ([zone] if zone else record.policy.time_zones)
    ]
    return f"{day_of(expires)}, 23:59 UTC ({'; '.join(readings)})"


def _local_time(instant: datetime, zone: str) -> str:
    local = instant.astimezone(ZoneInfo(zone))
    city = zone.rpartition("/")[2].replace("_", " ")
    return f"{local:%H:%M} on {day_of(local)} in {city}"


LONGEST_COMPANY = 60
"""Characters of the buyer's company in a subject."""


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
        subject=f"{subject} ({shorten(terms.company, LONGEST_COMPANY)})",
        greeting=greeting(record.require_contacts().buyer_name),
        paragraphs=paragraphs,
        facts=(
            ("Offer", terms.offer_name),
            ("Offer ID", record.require_offer_id()),
            ("AWS account" if len(terms.buyer_accounts) == 1 else "AWS accounts", terms.accounts),
            *(_pricing(record.pricing) if record.pricing else ()),
            ("Price", f"{terms.price} {terms.term}, {terms.payment}"),
            *_instalments(terms),
            *((("Starts on", day_of(start_of_day(terms.starts_on))),) if terms.starts_on else ()),
            *((("Last day to accept", last_moment(record)),) if with_link else ()),
        ),
        link=link,
        closing=closing
        + ((record.policy.support_contact,) if record.policy.support_contact else ()),
    )


def _pricing(pricing: AmendmentPricing) -> tuple[tuple[str, str], ...]:
    carried = (("Not yet invoiced, charged by this offer instead", str(pricing.open)),)
    return (
        ("Already invoiced, unchanged", str(pricing.invoiced)),
        *(carried if pricing.carried else ()),
        ("Additional amount", str(pricing.added)),
    )


def _agreement_continues(record: OfferRecord) -> tuple[str, ...]:
    return (f"Your agreement {record.replaces} continues unchanged.",) if record.amends else ()


def _instalments(terms: OfferTerms) -> list[tuple[str, str]]:
    instalments = sorted(terms.payment_schedule, key=lambda each: each.on)
    return [
        (f"Instalment {number}", f"{terms.price.currency} {each.amount:,} on {day_text(each.on)}")
        for number, each in enumerate(instalments, 1)
    ]


def _product(record: OfferRecord) -> str:
    return record.policy.product_name


def _last_day(record: OfferRecord) -> str:
    return day_of(end_of_day(record.require_terms().availability_end))


def _how_to_accept(record: OfferRecord) -> tuple[str, ...]:
    terms = record.require_terms()
    account, this_account = (
        (f"AWS account {terms.accounts}", "this account")
        if len(terms.buyer_accounts) == 1
        else (f"one of the AWS accounts {terms.accounts}", "these accounts")
    )
    return (
        f"Sign in with {account}; in any other account you will see a 'page not found' error.",
        f"The person accepting needs the permission {BUYER_PERMISSION} in that account.",
        f"All private offers to {this_account} are also listed at {PRIVATE_OFFERS_PAGE}",
    )


def _account_confirmation(record: OfferRecord) -> EmailMessage:
    """Without the account as it is known: the buyer is to look it up.  The link is added later."""
    policy, terms = record.policy, record.require_terms()
    end = record.account_link.expires_at if record.account_link else None
    until = f", until {day_of(end)}, {end:%H:%M} UTC" if end else ""
    return EmailMessage(
        subject=f"Please confirm your AWS account for {policy.product_name}"
        f" ({shorten(terms.company, LONGEST_COMPANY)})",
        greeting=greeting(record.require_contacts().buyer_name),
        paragraphs=(
            f"{policy.seller_name} is preparing a private offer for {policy.product_name} in AWS"
            " Marketplace. It can be accepted only in the AWS account that it is made for. Please"
            " tell us which account that is: the page asks for its id, and has a checklist.",
            "Usually it is the management account of your AWS organization. Whoever looks after"
            " AWS or procurement in your company knows it; you can forward this mail to them.",
            f"The link can be used once{until}. An earlier link no longer works.",
        ),
        closing=(policy.support_contact,) if policy.support_contact else (),
    )


def _confirmed(record: OfferRecord) -> tuple[str, ...]:
    """For which account the offer is, if the buyer has confirmed it."""
    if record.account_confirmation is None or not record.is_account_confirmed:
        return ()
    day = day_of(record.account_confirmation.at.astimezone(UTC))
    what = "accounts" if len(record.account_confirmation.accounts) > 1 else "account"
    return (
        f"It is for AWS {what} {record.require_terms().accounts}, as confirmed on {day} (UTC)."
        " If that is wrong, answer this mail before anybody accepts.",
    )


def _offer_shared(record: OfferRecord) -> EmailMessage:
    product = _product(record)
    if record.amends:
        return _to_buyer(
            record,
            f"Your private offer for {product} is ready: a change of your agreement",
            f"Your private offer to change your agreement for {product} is ready in AWS"
            " Marketplace.",
            f"If you accept it, it replaces your agreement {record.replaces}. Until then, and if"
            " you do not accept it, that agreement continues unchanged.",
            *_replaced_offers(record),
            closing=_how_to_accept(record),
        )
    return _to_buyer(
        record,
        f"Your private offer for {product} is ready",
        f"Your private offer for {product} is ready in AWS Marketplace.",
        *_confirmed(record),
        *_replaced_offers(record),
        closing=_how_to_accept(record),
    )


def _replaced_offers(record: OfferRecord) -> tuple[str, ...]:
    replaced = [
        past.offer_id for past in record.previous_revisions if past.buyer_notified and past.offer_id
    ]
    if not replaced:
        return ()
    return (f"It replaces {', '.join(replaced)}. The link in our earlier mail no longer works.",)


def _offer_extended(record: OfferRecord) -> EmailMessage:
    return _to_buyer(
        record,
        f"Your private offer for {_product(record)} can be accepted until {_last_day(record)}",
        f"Your private offer for {_product(record)} has a new last day to accept:"
        f" {_last_day(record)}. The link has not changed.",
        closing=_how_to_accept(record),
    )


def _offer_withdrawn_for_change(record: OfferRecord) -> EmailMessage:
    return _to_buyer(
        record,
        f"Your private offer for {_product(record)} is being changed",
        f"Your private offer for {_product(record)} can no longer be accepted, because its terms"
        " are being changed. The link in our earlier mail no longer works; the changed offer will"
        " have a new link.",
        *_agreement_continues(record),
        with_link=False,
    )


def _offer_reminder(record: OfferRecord) -> EmailMessage:
    return _to_buyer(
        record,
        f"Reminder: your private offer for {_product(record)} expires on {_last_day(record)}",
        f"Your private offer for {_product(record)} can be accepted until {_last_day(record)}."
        " After that date it expires.",
        "If you have already accepted it, no action is needed.",
        *_agreement_continues(record),
        closing=_how_to_accept(record),
    )


def _offer_withdrawn(record: OfferRecord) -> EmailMessage:
    return _to_buyer(
        record,
        f"Your private offer for {_product(record)} has been withdrawn",
        f"Your private offer for {_product(record)} has been withdrawn and can no longer be"
        " accepted. The link in our earlier mail no longer works.",
        *_agreement_continues(record),
        with_link=False,
    )


MESSAGES: dict[EmailKind, Callable[[OfferRecord], EmailMessage]] = {
    EmailKind.OFFER_ACCOUNT_CONFIRMATION: _account_confirmation,
    EmailKind.OFFER_SHARED: _offer_shared,
    EmailKind.OFFER_REMINDER: _offer_reminder,
    EmailKind.OFFER_EXTENDED: _offer_extended,
    EmailKind.OFFER_WITHDRAWN_FOR_CHANGE: _offer_withdrawn_for_change,
    EmailKind.OFFER_WITHDRAWN: _offer_withdrawn,
}
