"""Mails as plain data; the templates render them as text and as HTML."""

import re
from datetime import datetime
from enum import StrEnum

from offers.model import FrozenModel


class EmailKind(StrEnum):
    """What a mail about an offer is about."""

    OFFER_ACCOUNT_CONFIRMATION = "offer-account-confirmation"
    OFFER_SHARED = "offer-shared"
    OFFER_REMINDER = "offer-reminder"
    OFFER_EXTENDED = "offer-extended"
    OFFER_WITHDRAWN_FOR_CHANGE = "offer-withdrawn-for-change"
    OFFER_WITHDRAWN = "offer-withdrawn"
    APPROVAL_REQUIRED = "approval-required"
    APPROVAL_DECIDED = "approval-decided"
    OWNER_CHANGED = "owner-changed"
    OWNER_ACCOUNT_CONFIRMATION = "owner-account-confirmation"
    OWNER_ACTION_REQUIRED = "owner-action-required"
    OWNER_CLAZAR_HANDOFF = "owner-clazar-handoff"
    OWNER_CLAZAR_HANDOFF_CANCELLED = "owner-clazar-handoff-cancelled"
    OWNER_CLAZAR_HANDOFF_CHANGED = "owner-clazar-handoff-changed"
    OWNER_ACCEPTED = "owner-accepted"
    OWNER_EXPIRED = "owner-expired"
    OWNER_PUBLICATION_FAILED = "owner-publication-failed"
    OWNER_PUBLICATION_DELAYED = "owner-publication-delayed"
    OWNER_DISBURSED = "owner-disbursed"
    OWNER_CANCELLATION_TOO_LATE = "owner-cancellation-too-late"
    OWNER_AMENDMENT_TOO_LATE = "owner-amendment-too-late"
    OWNER_ACCEPTANCE_ROLLED_BACK = "owner-acceptance-rolled-back"
    OWNER_AGREEMENT_REPLACED = "owner-agreement-replaced"
    OWNER_AGREEMENT_ENDED = "owner-agreement-ended"
    OWNER_CANCELLATION_NOT_APPROVED = "owner-cancellation-not-approved"
    OWNER_AGREEMENT_CHANGED = "owner-agreement-changed"
    OWNER_AGREEMENT_ENDING = "owner-agreement-ending"
    FINANCE_PAYOUT_OVERDUE = "finance-payout-overdue"
    FINANCE_PAYOUT_REVERSED = "finance-payout-reversed"
    FINANCE_PAYOUT_UNEXPECTED = "finance-payout-unexpected"
    FINANCE_REFUND_REQUESTED = "finance-refund-requested"
    FINANCE_REFUND_APPROVED = "finance-refund-approved"
    FINANCE_REFUND_DECLINED = "finance-refund-declined"
    FINANCE_REFUND_COMPLETED = "finance-refund-completed"
    FINANCE_REFUND_FAILED = "finance-refund-failed"
    FINANCE_REFUND_DELAYED = "finance-refund-delayed"

    @property
    def summary(self) -> str:
        """Recipient and topic, such as `owner: publication delayed`."""
        group, _, topic = self.value.partition("-")
        recipient = {"offer": "buyer", "approval": "approvers"}.get(group, group)
        return f"{recipient}: {topic.replace('-', ' ')}"


class EmailMessage(FrozenModel):
    """A mail before it is rendered."""

    subject: str
    greeting: str
    paragraphs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    """Label and value, shown as a table."""
    link: tuple[str, str] | None = None
    """Label and address of the main link."""
    second_link: tuple[str, str] | None = None
    closing: tuple[str, ...] = ()


def day_of(instant: datetime) -> str:
    """The date in the instant's own time zone, such as `Thursday 5 March 2026`."""
    return f"{instant:%A} {instant.day} {instant:%B %Y}"


LONGEST_GREETED = 60
LINK = re.compile(r"://|www\.|@|\w\.\w", re.IGNORECASE)
"""What mail programs make a link of: an address, or a domain."""


def greeting(name: str | None) -> str:
    """Nobody is greeted by what may be no name: it would stand above the seller's own text."""
    is_name = name and len(name) <= LONGEST_GREETED and name.isprintable() and not LINK.search(name)
    return f"Hello {name}," if is_name else "Hello,"
