"""Refunds: a part of an invoice that goes back to the buyer, by a billing adjustment of AWS.

AWS: an adjustment needs no approval by the buyer and cannot be taken back; it is at most what AWS
says can still be adjusted (marketplace-agreement, BatchCreateBillingAdjustmentRequest).
"""

import hashlib
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from offers.clock import Instant
from offers.findings import illegal
from offers.model import FrozenModel
from offers.money import GivenMoney, Money
from offers.text import clean_code


class RefundReason(StrEnum):
    """Why an invoice is adjusted, in AWS's words (marketplace-agreement)."""

    INCORRECT_TERMS_ACCEPTED = "INCORRECT_TERMS_ACCEPTED"
    INCORRECT_METERING = "INCORRECT_METERING"
    TEST_ENVIRONMENT_CHARGES = "TEST_ENVIRONMENT_CHARGES"
    ALTERNATIVE_PROCUREMENT_CHANNEL = "ALTERNATIVE_PROCUREMENT_CHANNEL"
    UNINTENDED_RENEWAL = "UNINTENDED_RENEWAL"
    BUYER_DISSATISFACTION = "BUYER_DISSATISFACTION"
    OTHER = "OTHER"


class RefundStatus(StrEnum):
    """How far a refund has come."""

    AWAITING_APPROVAL = "awaiting approval"
    DECLINED = "declined"
    APPROVED = "approved"
    """AWS is being asked for it."""
    PENDING = "pending"
    """AWS has taken the request."""
    COMPLETED = "completed"
    FAILED = "failed"
    """AWS refused it."""


ENDED = frozenset({RefundStatus.DECLINED, RefundStatus.COMPLETED, RefundStatus.FAILED})


def _clean(value: Any) -> Any:
    return clean_code(value) if isinstance(value, str) else value


def _positive(money: Money) -> Money:
    if money.amount <= 0:
        raise illegal("it is not above zero", "Give the amount that the buyer gets back")
    return money


class RefundRequest(FrozenModel, extra="forbid"):
    """What a person asks to be refunded."""

    invoice_id: Annotated[str, BeforeValidator(_clean), Field(pattern=r"^[A-Za-z0-9_/-]{1,64}$")]
    amount: Annotated[GivenMoney, AfterValidator(_positive)]
    """Before tax: AWS adds the tax that was on it."""
    reason: RefundReason
    description: str | None = Field(default=None, min_length=1, max_length=500, repr=False)
    """AWS keeps it with the adjustment."""
    by: str = Field(repr=False)
    """Mail address of who asks.  Personal data."""
    token: str = Field(pattern=r"^[a-zA-Z0-9-]{16,64}$")
    """Names this request in AWS: however often it is repeated, the buyer is refunded once."""


class AdjustableInvoice(FrozenModel):
    """An invoice of an agreement, and what of it AWS lets be refunded."""

    invoice_id: str
    amount: Money
    """Before tax."""
    adjustable: Money | None
    """None: AWS does not say."""
    issued_at: Instant | None = None


class BillingAdjustment(FrozenModel):
    """A refund as AWS shows it."""

    adjustment_id: str
    agreement_id: str
    status: RefundStatus
    """`PENDING`, `COMPLETED` or `FAILED`."""
    message: str | None = None
    """Why AWS refused it, in its words."""
    updated_at: Instant


class Refund(FrozenModel):
    """A refund of one invoice of an offer, from the request to the payout data that shows it."""

    number: int
    """Its number among the offer's refunds, from 1."""
    agreement_id: str
    invoice_id: str
    amount: Money
    reason: RefundReason
    description: str | None = Field(default=None, repr=False)
    token: str
    requested_by: str = Field(repr=False)
    """Mail address: personal data."""
    requested_at: AwareDatetime
    status: RefundStatus = RefundStatus.AWAITING_APPROVAL
    decided_by: str | None = Field(default=None, repr=False)
    """Mail address: personal data."""
    decided_at: AwareDatetime | None = None
    proof: str | None = Field(default=None, repr=False)
    """With whose key the decision was signed, and what; None: it was not signed."""
    adjustment_id: str | None = None
    problem: str | None = None
    """Why it was declined, or AWS refused it."""
    ended_at: AwareDatetime | None = None
    refunded_before: Money
    """What the payout data showed as refunded of the whole offer, with all that was asked for
    before this one."""
    shown_at: AwareDatetime | None = None
    """When the payout data showed it first."""

    @property
    def reference(self) -> str:
        """By which a person decides about it."""
        return f"refund-{self.number}"

    @property
    def digest(self) -> str:
        """Of all that the decision is about."""
        shown = (self.agreement_id, self.invoice_id, self.amount, self.reason, self.description)
        return hashlib.sha256(repr(tuple(map(str, shown))).encode()).hexdigest()[:32]

    @property
    def is_open(self) -> bool:
        """Whether it is not decided yet, or AWS has not done it yet."""
        return self.status not in ENDED

    @property
    def is_awaited(self) -> bool:
        """Whether the payout data is still to show it."""
        return self.status is RefundStatus.COMPLETED and self.shown_at is None

    @property
    def delay(self) -> str:
        """What is wrong when it takes too long, for people."""
        which = f"The refund of {self.amount} of invoice {self.invoice_id} is late"
        if self.status is RefundStatus.PENDING:
            return f"{which}: AWS has not processed it"
        return f"{which}: AWS has completed it, but the payout data does not show it"


DELAY_REMEDY = "Ask AWS Marketplace's seller operations about it, then resume"
