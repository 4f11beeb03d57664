"""The agreement: AWS's evidence that a buyer accepted an offer."""

from enum import StrEnum

from pydantic import Field, field_validator

from offers.clock import Instant
from offers.feed import FeedEntry
from offers.findings import illegal
from offers.model import FrozenModel
from offers.money import Money


class AgreementStatus(StrEnum):
    """Where an agreement is in its life (AWS: marketplace-agreement)."""

    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    RENEWED = "RENEWED"
    REPLACED = "REPLACED"
    ROLLED_BACK = "ROLLED_BACK"
    SUPERSEDED = "SUPERSEDED"
    TERMINATED = "TERMINATED"


class AgreementReport(FeedEntry):
    """What a feed shows of an agreement: a reason to ask AWS, not yet the evidence."""

    agreement_id: str
    offer_id: str


class Agreement(FrozenModel):
    """An agreement as AWS shows it.  Instants are UTC."""

    agreement_id: str
    offer_id: str
    buyer_account: str
    status: AgreementStatus
    accepted_at: Instant
    starts_at: Instant
    ends_at: Instant | None = None
    value: Money | None = None
    """The total contract value, before tax."""
    initial_agreement_id: str | None = None
    """The first of a chain of amendments and renewals; it stays the same all along the chain."""
    end_behavior: str | None = None
    """What AWS does at its end, as AWS calls it: `RENEW`, `REPLACE`; None: it ends."""

    @property
    def is_acceptance(self) -> bool:
        """Whether it proves an acceptance, in force or ended.

        A rolled-back one does not: AWS undid it within minutes, and the buyer may accept again.
        """
        return self.status is not AgreementStatus.ROLLED_BACK


class Entitlement(FrozenModel):
    """Whether AWS has given the buyer what an agreement is about."""

    agreement_id: str
    status: str
    """AWS's word (marketplace-agreement, AgreementEntitlementStatus); it may get new ones."""
    reason: str | None = None
    """AWS's word (AgreementEntitlementStatusReasonCode); None: it says none."""


class CancellationReasonCode(StrEnum):
    """Why a seller asks a buyer to let an agreement be cancelled (AWS: marketplace-agreement)."""

    INCORRECT_TERMS_ACCEPTED = "INCORRECT_TERMS_ACCEPTED"
    REPLACING_AGREEMENT = "REPLACING_AGREEMENT"
    TEST_AGREEMENT = "TEST_AGREEMENT"
    ALTERNATIVE_PROCUREMENT_CHANNEL = "ALTERNATIVE_PROCUREMENT_CHANNEL"
    PRODUCT_DISCONTINUED = "PRODUCT_DISCONTINUED"
    UNINTENDED_RENEWAL = "UNINTENDED_RENEWAL"
    BUYER_DISSATISFACTION = "BUYER_DISSATISFACTION"
    OTHER = "OTHER"


class CancellationRequestInput(FrozenModel, extra="forbid"):
    """What the buyer is asked for: to let the agreement be cancelled."""

    reason_code: CancellationReasonCode
    message: str = Field(min_length=1, max_length=2000, repr=False)
    """The buyer reads it."""
    by: str | None = Field(default=None, repr=False)
    """Mail address of who asks, as they gave it.  Personal data."""

    @field_validator("message")
    @classmethod
    def _says_something(cls, message: str) -> str:
        if not message.strip():
            raise illegal("it is empty", "Tell the buyer why")
        return message.strip()


class CancellationStatus(StrEnum):
    """How far a request to cancel an agreement has come (AWS: marketplace-agreement)."""

    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    VALIDATION_FAILED = "VALIDATION_FAILED"


class CancellationRequest(FrozenModel):
    """A request to cancel an agreement.  The buyer has seven days; silence approves (AWS)."""

    request_id: str
    agreement_id: str
    reason_code: CancellationReasonCode
    status: CancellationStatus
    updated_at: Instant
