"""What a person can do with an offer next.

The domain names the action and what it needs; each door (command line, mails, web) words it.
"""

from enum import StrEnum

from pydantic import Field

from offers.model import FrozenModel


class ActionKind(StrEnum):
    """What can be asked of an offer."""

    START = "start"
    """Start an offer for the opportunity."""
    SHOW = "show"
    SHOW_PAYOUTS = "show-payouts"
    START_AGAIN = "start-again"
    """Start a new offer for an opportunity whose offer has ended."""
    REVISE = "revise"
    AMEND = "amend"
    RECREATE = "recreate"
    """Amend without a changed term: from the opportunity as it is now."""
    EXTEND = "extend"
    CANCEL = "cancel"
    REQUEST_CANCELLATION = "request-cancellation"
    APPROVE = "approve"
    DECLINE = "decline"
    LINK_OFFER = "link-offer"
    """Name the offer that was created in Clazar."""
    REFUND = "refund"
    RESUME = "resume"
    RESEND = "resend"


class Action(FrozenModel):
    """An action on one offer."""

    kind: ActionKind
    offer: str
    """Its path: the opportunity's id, or one of its amendments (`offers.ids.offer_path`)."""
    terms: dict[str, str] = Field(default_factory=dict)
    """Terms to give with it, as text; an empty text is for the person to fill in."""
    finding: str | None = None
    """The reference of the exception, or of the refund, to decide about; None: all exceptions that
    wait."""
    attention: str | None = None
    """The code of the attention to resume; None: the only one."""
