"""Attentions: what of an offer waits for a person."""

from enum import StrEnum

from pydantic import AwareDatetime

from offers.lifecycle.actions import ActionKind
from offers.model import FrozenModel


class AttentionCode(StrEnum):
    """The kinds of attention: values of the search attribute `OfferAttention`."""

    TERMS_INVALID = "terms-invalid"
    APPROVAL_REQUIRED = "approval-required"
    ACCOUNT_UNCONFIRMED = "account-unconfirmed"
    AWAITING_CLAZAR_OFFER = "awaiting-clazar-offer"
    DUPLICATE_OFFER = "duplicate-offer"
    UNMATCHED_OFFER = "unmatched-offer"
    OFFER_REJECTED = "offer-rejected"
    PUBLICATION_DELAYED = "publication-delayed"
    CREDENTIALS_REJECTED = "credentials-rejected"
    VENDOR_REJECTED = "vendor-rejected"
    VENDOR_UNRESPONSIVE = "vendor-unresponsive"
    ACCEPTED_WITH_DIFFERENCES = "accepted-with-differences"
    NOTIFICATION_FAILED = "notification-failed"
    EMAIL_DELIVERY_UNKNOWN = "email-delivery-unknown"
    WITHDRAWAL_FAILED = "withdrawal-failed"
    SIGNAL_REJECTED = "signal-rejected"
    REQUEST_FAILED = "request-failed"
    WEBHOOK_FAILED = "webhook-failed"
    OFFER_STILL_OPEN = "offer-still-open"
    AMENDMENT_TERMINATED = "amendment-terminated"
    PAYOUT_OVERDUE = "payout-overdue"
    REFUND_AWAITING_APPROVAL = "refund-awaiting-approval"
    REFUND_DELAYED = "refund-delayed"
    WORKFLOW_TERMINATED = "workflow-terminated"


class Vendor(StrEnum):
    """An outside system, as people name it on the command line."""

    AWS = "aws"
    CLAZAR = "clazar"
    SALESFORCE = "salesforce"
    EMAIL = "email"
    WEBHOOKS = "webhooks"
    """Those who receive events: each has a server of its own."""


class Attention(FrozenModel):
    """Something that waits for a person."""

    number: int = 0
    """Its number among the attentions of the offer."""
    code: AttentionCode
    problem: str
    remedy: str
    since: AwareDatetime
    vendor: Vendor | None = None
    """Whose failure it is."""
    finding: str | None = None
    """The reference of what is to be decided, if it is one thing."""
    count: int = 1
    """How many of its code it stands for (`ONLY_THE_LAST`)."""

    @property
    def actions(self) -> tuple[ActionKind, ...]:
        """What a person may do about it, the most likely first."""
        return SUGGESTED_ACTIONS.get(self.code, (ActionKind.RESUME,))


ONLY_THE_LAST = frozenset({AttentionCode.SIGNAL_REJECTED, AttentionCode.REQUEST_FAILED})
"""Of what may come any number of times, and nothing waits for, only the last is shown."""

SUGGESTED_ACTIONS: dict[AttentionCode, tuple[ActionKind, ...]] = {
    AttentionCode.TERMS_INVALID: (ActionKind.REVISE, ActionKind.RESUME, ActionKind.CANCEL),
    AttentionCode.APPROVAL_REQUIRED: (
        ActionKind.APPROVE,
        ActionKind.DECLINE,
        ActionKind.REVISE,
        ActionKind.CANCEL,
    ),
    AttentionCode.ACCOUNT_UNCONFIRMED: (ActionKind.RESEND, ActionKind.REVISE, ActionKind.CANCEL),
    AttentionCode.OFFER_REJECTED: (ActionKind.REVISE, ActionKind.RESUME, ActionKind.CANCEL),
    AttentionCode.AWAITING_CLAZAR_OFFER: (ActionKind.LINK_OFFER, ActionKind.CANCEL),
    AttentionCode.DUPLICATE_OFFER: (ActionKind.RESUME, ActionKind.LINK_OFFER),
    AttentionCode.EMAIL_DELIVERY_UNKNOWN: (ActionKind.RESUME, ActionKind.RESEND),
    AttentionCode.PUBLICATION_DELAYED: (),
    AttentionCode.REFUND_AWAITING_APPROVAL: (ActionKind.APPROVE, ActionKind.DECLINE),
    AttentionCode.WORKFLOW_TERMINATED: (ActionKind.START_AGAIN,),
}
"""Where resuming is not all that can be done."""
