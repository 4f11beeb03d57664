"""A letter: the occasions on which one is written, and what it is made of.

A letter is plain data; the templates give it as text and as HTML.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class EmailKind(StrEnum):
    """The occasions on which a mail is sent."""

    OFFER_SHARED = "offer-shared"
    OFFER_REMINDER = "offer-reminder"
    OFFER_EXTENDED = "offer-extended"
    OFFER_CHANGING = "offer-changing"
    OFFER_VOID = "offer-void"
    APPROVAL_ASKED = "approval-asked"
    OWNER_HELD_UP = "owner-held-up"
    OWNER_HAND_OFF = "owner-hand-off"
    OWNER_HAND_OFF_VOID = "owner-hand-off-void"
    OWNER_ACCEPTED = "owner-accepted"
    OWNER_EXPIRED = "owner-expired"
    OWNER_FAILED = "owner-failed"
    OWNER_LATE = "owner-late"
    OWNER_PAID = "owner-paid"
    OWNER_TOO_LATE_TO_CANCEL = "owner-too-late-to-cancel"
    OWNER_TOO_LATE_TO_AMEND = "owner-too-late-to-amend"
    OWNER_ROLLED_BACK = "owner-rolled-back"
    OWNER_REPLACED = "owner-replaced"
    OWNER_TERMINATED = "owner-terminated"
    OWNER_NOT_TERMINATED = "owner-not-terminated"
    OWNER_AGREEMENT_NEWS = "owner-agreement-news"
    FINANCE_LATE = "finance-late"
    FINANCE_TAKEN_BACK = "finance-taken-back"
    FINANCE_UNEXPECTED = "finance-unexpected"


class EmailMessage(BaseModel):
    """A mail before it is laid out."""

    model_config = ConfigDict(frozen=True)

    subject: str
    greeting: str
    paragraphs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    """Label and value, shown as a table."""
    link: tuple[str, str] | None = None
    """Label and address of the one thing to click."""
    closing: tuple[str, ...] = ()


def day_of(instant: datetime) -> str:
    return f"{instant:%A} {instant.day} {instant:%B %Y}"


def greeting(name: str | None) -> str:
    return f"Hello {name}," if name else "Hello,"
