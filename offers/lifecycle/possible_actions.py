"""What a person can do with an offer in its stage; the guards say of each request why not."""

from offers.lifecycle.actions import ActionKind
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage

DRAFTED = (ActionKind.REVISE, ActionKind.CANCEL)
BEING_PUBLISHED = (ActionKind.AMEND, ActionKind.CANCEL)
RELEASED = (ActionKind.EXTEND, ActionKind.AMEND, ActionKind.CANCEL)
AGREED = (ActionKind.AMEND, ActionKind.REFUND)

BY_STAGE: dict[Stage, tuple[ActionKind, ...]] = {
    Stage.DRAFT: DRAFTED,
    Stage.SUBMITTED: BEING_PUBLISHED,
    Stage.GENERATING: BEING_PUBLISHED,
    Stage.FAILED: DRAFTED,
    Stage.LIVE: RELEASED,
    Stage.SHARED: (*RELEASED, ActionKind.RESEND),
    Stage.EXPIRED: (ActionKind.EXTEND, ActionKind.AMEND),
    Stage.ACCEPTED: (*AGREED, ActionKind.REQUEST_CANCELLATION),
    Stage.DISBURSED: (*AGREED, ActionKind.REQUEST_CANCELLATION),
    Stage.REPLACED: (ActionKind.REFUND,),
    Stage.TERMINATED: (ActionKind.REFUND,),
    Stage.CANCELLED: (ActionKind.AMEND,),
}


def possible_actions(record: OfferRecord) -> tuple[ActionKind, ...]:
    """The most urgent first: what attentions ask for, then what the stage allows."""
    asked = (kind for attention in record.attentions for kind in attention.actions)
    again = (ActionKind.RESEND,) if record.can_ask_buyer_again else ()
    by_stage = BY_STAGE[record.stage]
    if record.stage is Stage.CANCELLED and record.amends is not None:
        by_stage = ()  # an amendment that was cancelled has ended for good
    return tuple(dict.fromkeys((*asked, *again, *by_stage)))
